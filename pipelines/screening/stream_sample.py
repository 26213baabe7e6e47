"""The last posts of a topic: a sample of what a screen will rank."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa
from kafka import TopicPartition
from kafka.errors import KafkaError

from weir.transforms.decode import DecodeSettings
from weir.transforms.decode.formats import decoder
from weir.transforms.kafka.partition_reader import PartitionReader
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.read import Start, Stop
from weir.transforms.read.find_slices import Slice, find_slices
from weir.transforms.screen.thresholds.decide import stream_time

POSTS = 2_000
_SECONDS = 10.0
_PARTITIONS = 32  # each costs a connection


@dataclass(frozen=True)
class Sample:
    """Posts of topics, and where their stream is with the last of them, in seconds since 1970."""

    texts: list[str]
    until: float


def posts_of_topics(
    kafka: KafkaSettings,
    topics: tuple[str, ...],
    decode: DecodeSettings,
    limit: int = POSTS,
    within: Sequence[Slice] | None = None,
) -> list[str]:
    """Return the texts of ``sample_of_topics``."""
    return sample_of_topics(kafka, topics, decode, limit, within).texts


def sample_of_topics(
    kafka: KafkaSettings,
    topics: tuple[str, ...],
    decode: DecodeSettings,
    limit: int = POSTS,
    within: Sequence[Slice] | None = None,
) -> Sample:
    """Return about the last ``limit`` posts of the topics, in a few seconds.

    Or of slices of them, where these are given.

    The same share of each partition, of at most 32 of them. What cannot be read or decoded is left
    out. SourceError where the topics cannot be listed.
    """
    slices = _spread(within or find_slices(kafka, topics, Start("earliest"), Stop("latest")))
    deadline = time.monotonic() + _SECONDS
    read, until = decoder(decode), 0.0
    texts: list[str] = []
    for number, each in enumerate(slices):
        share = -(-(limit - len(texts)) // (len(slices) - number))
        for batch in _last(kafka, each, share, deadline):
            content = read(batch).content
            column: Any = content["text"]
            texts += column.to_pylist()
            if len(content):
                until = max(until, stream_time(content))
    return Sample(texts[:limit], until)


def values_of_topics(kafka: KafkaSettings, topics: tuple[str, ...], limit: int) -> list[bytes]:
    """Return the values of about the last ``limit`` messages of the topics, read as above."""
    slices = _spread(find_slices(kafka, topics, Start("earliest"), Stop("latest")))
    deadline = time.monotonic() + _SECONDS
    share = -(-limit // max(1, len(slices)))
    batches = (batch for each in slices for batch in _last(kafka, each, share, deadline))
    values: Iterator[Any] = (value for batch in batches for value in batch["value"].to_pylist())
    return [value for value in islice(values, limit) if value is not None]


def _spread(slices: Sequence[Slice]) -> Sequence[Slice]:
    return slices[:: -(-len(slices) // _PARTITIONS) or 1]


def _last(
    kafka: KafkaSettings, part: Slice, share: int, deadline: float
) -> Iterator[pa.RecordBatch]:
    """Yield the last ``share`` messages of a partition, fewer where time runs out."""
    position = max(part.start, part.stop - share)
    with closing(PartitionReader(kafka, TopicPartition(part.topic, part.partition))) as reader:
        reader.seek(position)
        # Retention may remove them meanwhile, and a batch be broken: a sample can do without.
        with suppress(KafkaError):
            while position < part.stop and time.monotonic() < deadline:
                batch, position = reader.poll(share)
                if batch is not None:
                    yield batch
