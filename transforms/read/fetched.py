"""What one poll of a consumer returned, given out as MESSAGE batches of a bounded size."""

from collections.abc import Sequence
from itertools import islice, takewhile
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from kafka import TopicPartition
from kafka.errors import CorruptRecordError

from transforms.read.batch import message_batch
from transforms.read.raw import WholeBatch
from transforms.read.records_v2 import RawBatch, messages

_BATCH_BYTES = 64 << 20  # of decompressed records; what is compressed can be a thousand times less


class Fetched:
    """Records of one partition, or whole batches in their place, from ``position`` on.

    ``end`` is the offset after all of them. Raises CorruptRecordError for a batch that is
    malformed, after what comes before it has been given out, and again whenever it is asked.
    """

    def __init__(
        self, partition: TopicPartition, records: Sequence[Any], position: int, end: int
    ) -> None:
        self._topic, self._partition = partition.topic, partition.partition
        self._records = list(records)
        self._next = 0  # of the records
        self._rest: pa.RecordBatch | None = None
        self._position = position
        self._end = end

    def __bool__(self) -> bool:
        return self._rest is not None or self._next < len(self._records)

    def take(self, rows: int) -> tuple[pa.RecordBatch | None, int]:
        """Return the next messages, at most ``rows``, and the offset after them.

        None where there are none: compaction may leave nothing at or after the position.
        """
        if not self:
            return None, self._end
        batch = self._rest if self._rest is not None else self._decode(rows)
        self._rest = batch.slice(rows) if batch.num_rows > rows else None
        if self._rest is not None:
            batch, after = batch.slice(0, rows), self._rest["offset"][0].as_py()
        elif self:
            after = self._records[self._next - 1].offset + 1
        else:
            after = self._end
        self._position = max(self._position, after)
        return batch if batch.num_rows else None, self._position

    def _decode(self, rows: int) -> pa.RecordBatch:
        if not _is_whole(self._records[self._next]):
            rest = islice(self._records, self._next, self._next + rows)
            polled = list(takewhile(lambda record: not _is_whole(record), rest))
            self._next += len(polled)
            return message_batch(self._topic, self._partition, polled)
        raw = self._read(rows)
        try:
            batch = messages(self._topic, self._partition, raw)
        except (CorruptRecordError, OverflowError):
            if len(raw) == 1:
                raise
            # One of them is at fault, and may be the last.
            raw = raw[:1]
            batch = messages(self._topic, self._partition, raw)
        self._next += len(raw)
        if raw[0].base_offset < self._position:
            return batch.filter(pc.greater_equal(batch["offset"], self._position))
        return batch

    def _read(self, rows: int) -> list[RawBatch]:
        """Decompress the next batch, and those after it while they stay within the bounds."""
        raw: list[RawBatch] = []
        total = size = 0
        for record in islice(self._records, self._next, None):
            if raw and (not _is_whole(record) or size > _BATCH_BYTES):
                break
            total += len(record.value)
            if raw and total > rows:
                break
            raw.append(record.value.read())
            size += len(raw[-1].records)
        return raw


def _is_whole(record: Any) -> bool:
    return isinstance(record.value, WholeBatch)
