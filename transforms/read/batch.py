"""What one poll of one partition returned, as one Arrow batch."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from transforms.records import HEADERS, MESSAGE, TIMESTAMP

# Arrow can hold more, but neither Python nor BigQuery can read it: years 1 to 9999.
_FIRST_MS = -62_135_596_800_000
_LAST_MS = 253_402_300_799_999
_NO_TIMESTAMP = -1


class Record(Protocol):
    """What is used of kafka-python's ConsumerRecord."""

    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def timestamp(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...  # noqa: D102


def message_batch(topic: str, partition: int, records: Sequence[Record]) -> pa.RecordBatch:
    """Return the records of one topic-partition as one MESSAGE batch."""
    rows = len(records)
    return pa.RecordBatch.from_arrays(
        [
            pa.repeat(pa.scalar(topic, pa.string()), rows),
            pa.repeat(pa.scalar(partition, pa.int32()), rows),
            pa.array(np.fromiter((r.offset for r in records), np.int64, rows)),
            timestamps(np.fromiter((r.timestamp for r in records), np.int64, rows)),
            pa.array([r.key for r in records], pa.binary()),
            pa.array([r.value for r in records], pa.binary()),
            _headers([r.headers for r in records]),
        ],
        schema=MESSAGE,
    )


def timestamps(milliseconds: np.ndarray[Any, np.dtype[np.int64]]) -> Any:
    """Return Kafka's timestamps as UTC times; null where there is none or no year holds it."""
    outside = (milliseconds < _FIRST_MS) | (milliseconds > _LAST_MS)
    missing = outside | (milliseconds == _NO_TIMESTAMP)
    return pa.array(np.where(missing, 0, milliseconds) * 1000, pa.int64(), mask=missing).cast(
        TIMESTAMP
    )


def _headers(rows: Sequence[Sequence[tuple[str, bytes | None]]]) -> Any:
    ends = np.zeros(len(rows) + 1, np.int32)
    np.cumsum([len(headers) for headers in rows], out=ends[1:])
    flat = [header for headers in rows for header in headers] if ends[-1] else []
    pairs = pa.StructArray.from_arrays(
        [
            pa.array([key for key, _ in flat], pa.string()),
            pa.array([value for _, value in flat], pa.binary()),
        ],
        fields=list(HEADERS.value_type),
    )
    return pa.ListArray.from_arrays(pa.array(ends), pairs, type=HEADERS)
