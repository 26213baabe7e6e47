"""Which partitions there are, and which offsets of each are to be read."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import (
    AuthorizationError,
    KafkaError,
    SaslAuthenticationFailedError,
    UnsupportedVersionError,
)

from weir.transforms.kafka.commits import committed_offsets
from weir.transforms.kafka.errors import SourceError
from weir.transforms.kafka.listener import require_listener
from weir.transforms.kafka.partition_reader import OFFSETS_TIMEOUT_MS, POLL_MS
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.kafka.whole_batches import hand_out_whole_batches, topic_id
from weir.transforms.read.bounds import Places, Start, Stop
from weir.transforms.read.topics import matching

NEVER = 2**63 - 1  # an offset that no partition reaches
_PROBE_SECONDS = 1.0


class Slice(NamedTuple):
    """Offsets of one partition: from ``start`` up to, but without, ``stop``."""

    topic: str
    partition: int
    start: int
    stop: int
    topic_id: str | None = None  # of the topic that these are offsets of, where it is known


def check_source(
    settings: KafkaSettings,
    topics: Sequence[str],
    start: Start | None = None,
    stop: Stop | None = None,
    *,
    timeout_seconds: float = 10.0,
) -> None:
    """Raise SourceError where reading could not even begin: for use before a job starts.

    Sees an unreachable broker, wrong credentials, a missing topic, and offsets (where ``start``
    and ``stop`` are given) that a partition does not have.
    """
    settings.require_token()
    if not any("proxy" in name for name in settings.extra):
        require_listener(settings, timeout_seconds)
    with _quiet(), source_consumer(settings, timeout_seconds) as consumer:
        partitions = partitions_of(consumer, settings, topics)
        if start is not None and stop is not None:
            slices(consumer, partitions, start, stop)


def find_slices(
    settings: KafkaSettings, topics: tuple[str, ...], start: Start, stop: Stop
) -> list[Slice]:
    """Return what there is to read of the topics now, partitions with nothing left out."""
    return read_once(settings, topics, start, stop)[0]


def find_names(settings: KafkaSettings, pattern: str) -> list[str]:
    """Return the topics that match a pattern now, which may be none; SourceError as above."""
    with source_consumer(settings) as consumer:
        return matching(pattern, consumer.topics())


def read_once(
    settings: KafkaSettings, topics: tuple[str, ...], start: Start, stop: Stop
) -> tuple[list[Slice], int]:
    """Return what ``find_slices`` does, and how many offsets a stop at the end leaves unread."""
    with source_consumer(settings) as consumer:
        partitions = partitions_of(consumer, settings, topics)
        found = slices(consumer, partitions, start, stop)
        return found, behind_transactions(consumer, partitions) if stop.at == "latest" else 0


def behind_transactions(consumer: KafkaConsumer, partitions: Sequence[TopicPartition]) -> int:
    """Return how many offsets lie between what can be read and the end, in all partitions.

    They are of an open transaction, or behind its first message. The consumer is one that
    ``slices`` has just asked: it stands where reading would end.
    """
    marks = {partition: consumer.highwater(partition) for partition in partitions}
    return sum(
        max(0, mark - int(consumer.position(partition, timeout_ms=OFFSETS_TIMEOUT_MS)))
        for partition, mark in marks.items()
        if mark is not None
    )


def places_of(settings: KafkaSettings, topics: Sequence[str], group: str) -> Places:
    """Return where a group has got to in some topics; nowhere in those that it has nothing of.

    SourceError where nothing safe can be said of one of its offsets.
    """
    with source_consumer(settings) as consumer:
        held = committed_offsets(settings, group, set(names_of(consumer, settings, topics)))
        return Places(
            {
                (p.topic, p.partition): each.start(group, p, topic_id(consumer, p.topic))
                for p, each in held.items()
            }
        )


@contextmanager
def source_consumer(
    settings: KafkaSettings, timeout_seconds: float = 30.0
) -> Iterator[KafkaConsumer]:
    """Give a consumer for questions about a source; SourceError where it cannot connect."""
    servers = settings.bootstrap_servers
    try:
        consumer = settings.consumer(
            bootstrap_timeout_ms=int(timeout_seconds * 1000),
            allow_auto_create_topics=False,
            fetch_max_wait_ms=POLL_MS,
        )
    except SourceError:  # of the settings, with a sentence of its own
        raise
    except SaslAuthenticationFailedError as error:
        raise SourceError(
            f"The Kafka brokers at {servers} refused the user name or password. Check the SASL "
            "mechanism, user and password."
        ) from error
    except KafkaError as error:
        # The client tries a refused password again until its time is up, and then says only that.
        login = " or refused the user and password" if settings.sasl_mechanism else ""
        raise SourceError(
            f"What listens at {servers} did not answer as a Kafka broker would{login}. Check the "
            f"port and the security settings ({settings.security_protocol}"
            f"{', ' + settings.sasl_mechanism if settings.sasl_mechanism else ''})."
        ) from error
    except (OSError, ValueError) as error:
        raise SourceError(f"The Kafka settings for {servers} do not work: {error}") from error
    hand_out_whole_batches(
        consumer
    )  # or what a message stands for would be unpacked for its offset
    with closing(consumer):
        try:
            yield consumer
        except AuthorizationError as error:
            raise SourceError(
                f"The Kafka brokers at {servers} do not let this user read the topics: {error}"
            ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    # kafka-python logs every attempt; what it comes to stands in the error.
    logger = logging.getLogger("kafka")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def names_of(consumer: KafkaConsumer, settings: KafkaSettings, topics: Sequence[str]) -> list[str]:
    """Return the names that topics and patterns stand for now; SourceError for what is missing."""
    there = set(consumer.topics())
    if missing := [topic for topic in topics if not matching(topic, there)]:
        raise SourceError(
            f"The Kafka brokers at {settings.bootstrap_servers} have no topic "
            f"{', '.join(sorted(missing))} that this user may see. Check the name, or create it."
        )
    return list(dict.fromkeys(name for topic in topics for name in matching(topic, there)))


def partitions_of(
    consumer: KafkaConsumer, settings: KafkaSettings, topics: Sequence[str]
) -> list[TopicPartition]:
    """Return every partition of the topics, in order; SourceError names topics that are missing."""
    return [
        TopicPartition(topic, partition)
        for topic in names_of(consumer, settings, topics)
        for partition in sorted(consumer.partitions_for_topic(topic))
    ]


def slices(
    consumer: KafkaConsumer,
    partitions: Sequence[TopicPartition],
    start: Start,
    stop: Stop,
) -> list[Slice]:
    """Return what to read of each partition; SourceError names an offset that it does not have."""
    if isinstance(start.at, Mapping):
        _require_partitions(partitions, start.at, "start")
    if isinstance(stop.at, Mapping):
        _require_partitions(partitions, stop.at, "stop")
        partitions = [p for p in partitions if p.partition in stop.at]
    if not partitions:
        return []
    ends = _ends(consumer, partitions)
    if isinstance(start.at, Places):
        held = {TopicPartition(*key): offset for key, offset in start.at.offsets.items()}
        starts: Mapping[TopicPartition, int] = dict(_beginnings(consumer, partitions)) | held
    else:
        starts = _offsets(consumer, partitions, start.at, ends)
    stops = _offsets(consumer, partitions, stop.at, ends)
    for partition in partitions:
        for what, offset in (("start", starts[partition]), ("stop", stops[partition])):
            if ends[partition] < offset < NEVER:
                raise SourceError(
                    f"The {what} offset {offset} of {partition.topic}[{partition.partition}] is "
                    f"beyond its end, which is {ends[partition]}."
                )
    return [
        Slice(p.topic, p.partition, starts[p], stops[p], topic_id(consumer, p.topic))
        for p in partitions
        if starts[p] < stops[p]
    ]


def _require_partitions(
    partitions: Sequence[TopicPartition], named: Mapping[int, int], what: str
) -> None:
    unknown = sorted(set(named) - {p.partition for p in partitions})
    if unknown:
        raise SourceError(
            f"The {what} offsets name partitions that no topic has: {', '.join(map(str, unknown))}."
        )


def _offsets(
    consumer: KafkaConsumer,
    partitions: Sequence[TopicPartition],
    at: str | datetime | Mapping[int, int],
    ends: Mapping[TopicPartition, int],
) -> Mapping[TopicPartition, int]:
    match at:
        case "never":
            return dict.fromkeys(partitions, NEVER)
        case "latest":
            return ends
        case datetime():
            return _offsets_at(consumer, partitions, at, ends)
        case _:
            first = _beginnings(consumer, partitions)
            named = at if isinstance(at, Mapping) else {}
            return {p: named.get(p.partition, first[p]) for p in partitions}


def _beginnings(
    consumer: KafkaConsumer, partitions: Sequence[TopicPartition]
) -> Mapping[TopicPartition, int]:
    found: Mapping[TopicPartition, int] = consumer.beginning_offsets(
        list(partitions), timeout_ms=OFFSETS_TIMEOUT_MS
    )
    return found


def _offsets_at(
    consumer: KafkaConsumer,
    partitions: Sequence[TopicPartition],
    at: datetime,
    ends: Mapping[TopicPartition, int],
) -> Mapping[TopicPartition, int]:
    wanted = int(at.timestamp() * 1000)
    try:
        found: Mapping[TopicPartition, Any] = consumer.offsets_for_times(
            dict.fromkeys(partitions, wanted), timeout_ms=OFFSETS_TIMEOUT_MS
        )
    except UnsupportedVersionError as error:
        raise SourceError(
            "These Kafka brokers are too old to find messages by time; give offsets."
        ) from error
    # The embedded broker answers with offset 0 where there is no later message.
    return {
        p: answer.offset if (answer := found.get(p)) and answer.timestamp >= wanted else ends[p]
        for p in partitions
    }


def _ends(
    consumer: KafkaConsumer, partitions: Sequence[TopicPartition]
) -> Mapping[TopicPartition, int]:
    """Return the offset after the last message of each partition, as the isolation level sees it.

    The embedded broker says where its last batch begins instead, so whatever can be read at the
    end that the broker names belongs before it. Real brokers have nothing there.
    """
    ends: dict[TopicPartition, int] = dict(
        consumer.end_offsets(list(partitions), timeout_ms=OFFSETS_TIMEOUT_MS)
    )
    consumer.assign(list(partitions))
    for partition in partitions:
        consumer.seek(partition, ends[partition])
    deadline = time.monotonic() + _PROBE_SECONDS
    while time.monotonic() < deadline:
        read = consumer.poll(2 * POLL_MS, max_records=100_000)
        for partition, records in read.items():
            ends[partition] = max(ends[partition], records[-1].offset + 1)
        if not read and all(consumer.highwater(p) is not None for p in partitions):
            break
    return ends
