"""What one poll of one partition returned, as one Arrow batch."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from weir.transforms.arrays import Ints
from weir.transforms.records import HEADERS, MESSAGE, TIMESTAMP, Withheld

# Arrow can hold more, but neither Python nor BigQuery can read it: years 1 to 9999.
_FIRST_MS = -62_135_596_800_000
_LAST_MS = 253_402_300_799_999
_NO_TIMESTAMP = -1


class Record(Protocol):
    """What is used of kafka-python's ConsumerRecord."""

    @property
    def offset(self) -> int:
        """Return its place in the partition."""

    @property
    def timestamp(self) -> int | None:
        """Return milliseconds since 1970, None or -1 without one."""

    @property
    def key(self) -> bytes | None:
        """Return its key."""

    @property
    def value(self) -> bytes | None:
        """Return its content; None deletes its key."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """Return its headers, in their order."""


def message_batch(topic: str, partition: int, records: Sequence[Record]) -> pa.RecordBatch:
    """Return the records of one topic-partition as one MESSAGE batch."""
    rows = len(records)
    headers = [header for record in records for header in record.headers]
    return assemble(
        topic,
        partition,
        offsets=np.fromiter((r.offset for r in records), np.int64, rows),
        milliseconds=np.fromiter(
            (_NO_TIMESTAMP if r.timestamp is None else r.timestamp for r in records), np.int64, rows
        ),
        keys=pa.array([r.key for r in records], pa.binary()),
        values=pa.array([r.value for r in records], pa.binary()),
        headers=header_lists(
            np.fromiter((len(r.headers) for r in records), np.int64, rows),
            pa.array([key for key, _ in headers], pa.string()),
            pa.array([value for _, value in headers], pa.binary()),
        ),
    )


def assemble(
    topic: str,
    partition: int,
    *,
    offsets: Ints,
    milliseconds: Ints,
    keys: pa.BinaryArray,
    values: pa.BinaryArray,
    headers: pa.ListArray,
) -> pa.RecordBatch:
    """Return the columns as one MESSAGE batch."""
    return pa.RecordBatch.from_arrays(
        [
            pa.repeat(pa.scalar(topic, pa.string()), len(offsets)),
            pa.repeat(pa.scalar(partition, pa.int32()), len(offsets)),
            pa.array(offsets, pa.int64()),
            timestamps(milliseconds),
            keys,
            values,
            headers,
            pa.nulls(len(offsets), pa.string()),
        ],
        schema=MESSAGE,
    )


def unread_batch(topic: str, partition: int, offsets: range, reason: Withheld) -> pa.RecordBatch:
    """Return a MESSAGE batch of messages of which the position alone is known, and why."""
    rows = len(offsets)
    known = {
        "topic": pa.repeat(pa.scalar(topic, pa.string()), rows),
        "partition": pa.repeat(pa.scalar(partition, pa.int32()), rows),
        "offset": pa.array(np.arange(offsets.start, offsets.stop), pa.int64()),
        "withheld": pa.repeat(str(reason), rows),
    }
    return pa.RecordBatch.from_arrays(
        [known.get(field.name, pa.nulls(rows, field.type)) for field in MESSAGE], schema=MESSAGE
    )


def timestamps(milliseconds: Ints) -> Any:
    """Return Kafka's timestamps as UTC times; null where there is none or no year holds it."""
    outside = (milliseconds < _FIRST_MS) | (milliseconds > _LAST_MS)
    missing = outside | (milliseconds == _NO_TIMESTAMP)
    return pa.array(np.where(missing, 0, milliseconds) * 1000, pa.int64(), mask=missing).cast(
        TIMESTAMP
    )


def header_lists(counts: Ints, keys: pa.StringArray, values: pa.BinaryArray) -> pa.ListArray:
    """Return headers, of all rows one after the other, as one list for each row."""
    ends = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=ends[1:])
    pairs = pa.StructArray.from_arrays([keys, values], fields=list(HEADERS.value_type))
    return pa.ListArray.from_arrays(pa.array(ends), pairs, type=HEADERS)
