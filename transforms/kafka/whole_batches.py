"""Whole record batches out of kafka-python, which by itself unpacks them record by record.

The only module that touches what kafka-python (3.0.12 up to, but without, 4) keeps to itself:

- ``consumer._fetcher.PartitionRecords(fetch_offset, partition, records, ...)`` is called for every
  fetch, takes its batches by ``records.next_batch()`` and iterates over each of them;
- a batch that has not begun to be iterated over holds its compressed records in ``_buffer``, from
  ``_pos`` on;
- ``consumer._cluster.topic_id(topic)`` is the id of a topic as of the last metadata.

So each batch is wrapped in one that, iterated over, gives a single record: the batch itself.
Everything else stays kafka-python's own work: checksums, aborted transactions, control batches,
positions. Batches of the formats before v2 go through untouched, as records.
"""

import logging
from collections.abc import Iterator
from functools import cache
from typing import Any

import kafka
import pyarrow as pa
from kafka import KafkaConsumer, TopicPartition
from kafka.record.default_records import DefaultRecord
from kafka.record.memory_records import MemoryRecordsBuilder

from weir.transforms.kafka.batch_parts import Unread, parts, whole
from weir.transforms.kafka.message_batch import message_batch
from weir.transforms.kafka.record_batches import RawBatch, messages

_LOG = logging.getLogger(__name__)
_V2 = 2
_GZIP = 1


class WholeBatch:
    """The value of a record that stands for its whole batch, still compressed."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __len__(self) -> int:
        return int(self._batch.records_count)

    def __bool__(self) -> bool:
        return True  # without records too: kafka-python goes to its end if it is the last

    def __next__(self) -> Any:
        # This is how kafka-python looks into a control batch.
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        batch = self._batch
        if len(self) <= 0:
            yield from batch  # compaction leaves such; anything else about them is an error
            return
        # Of the last offset: the position after it is the position after the batch, and it is
        # passed over, as a record is, where the whole batch is before the offset asked for.
        yield DefaultRecord(
            batch.size_in_bytes,
            batch.last_offset,
            batch.max_timestamp,
            batch.timestamp_type,
            None,
            self,
            [],
        )

    def read(self) -> RawBatch | None:
        """Return the batch decompressed; None where it is more than one part."""
        return whole(self._batch)

    def parts(self) -> Iterator[RawBatch | Unread]:
        """Yield the batch part by part, and what is left out of it."""
        return parts(self._batch)


class _WholeBatches:
    """A fetch whose batches are wrapped."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def next_batch(self) -> Any:
        batch = self._records.next_batch()
        return batch if batch is None or batch.magic < _V2 else WholeBatch(batch)


def hand_out_whole_batches(consumer: KafkaConsumer) -> bool:
    """Make a consumer poll records that hold whole batches; return whether it will.

    Where kafka-python is not as this module knows it, the consumer stays as it is.
    """
    fetcher = getattr(consumer, "_fetcher", None)
    partition_records = getattr(fetcher, "PartitionRecords", None)
    if not _fits(partition_records):
        return False

    def whole(fetch_offset: int, partition: Any, records: Any, *args: Any, **named: Any) -> Any:
        return partition_records(fetch_offset, partition, _WholeBatches(records), *args, **named)  # type: ignore[misc]  # not None either

    fetcher.PartitionRecords = whole  # type: ignore[union-attr]  # not None where it fits
    return True


def topic_id(consumer: KafkaConsumer, topic: str) -> str | None:
    """Return the id of a topic, which one of the same name made later does not have.

    None where the brokers (before 2.8) or the client do not say.
    """
    ask = getattr(getattr(consumer, "_cluster", None), "topic_id", None)
    known = ask(topic) if ask else None
    return str(known) if known and known.int else None


@cache
def _fits(partition_records: Any) -> bool:
    # Tried rather than looked at: what counts is that both ways give the same messages.
    try:
        same = bool(
            _sample(partition_records, whole=True) == _sample(partition_records, whole=False)
        )
    except Exception as error:  # noqa: BLE001 - a changed library may raise anything
        same, reason = False, repr(error)
    else:
        reason = "its record batches read otherwise"
    if not same:
        _LOG.warning(
            "kafka-python %s is not one whose record batches can be read whole (%s): reading "
            "record by record, at six times the cost.",
            kafka.__version__,
            reason,
        )
    return same


def _sample(partition_records: Any, *, whole: bool) -> pa.RecordBatch:
    built = MemoryRecordsBuilder(_V2, _GZIP, batch_size=1 << 16, offset=7)
    for number in range(3):
        built.append(1_000 + number, b"key", b"value" * 100, [("header", b"value")])
    built.close()
    records = built.records()
    partition = TopicPartition("sample", 0)
    polled = partition_records(7, partition, _WholeBatches(records) if whole else records).take(10)
    if whole:
        return messages("sample", 0, [record.value.read() for record in polled])
    return message_batch("sample", 0, polled)
