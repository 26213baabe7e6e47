"""What one poll of a consumer returned, given out as MESSAGE batches of a bounded size."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from kafka import TopicPartition
from kafka.errors import CorruptRecordError

from weir.transforms.kafka.batch_parts import Unread
from weir.transforms.kafka.message_batch import message_batch, unread_batch
from weir.transforms.kafka.record_batches import RawBatch, messages
from weir.transforms.kafka.whole_batches import WholeBatch

_BATCH_BYTES = 32 << 20  # of decompressed records; what is compressed can be a thousand times less


class Fetched:
    """Records of one partition, or whole batches in their place, from ``position`` on.

    ``end`` is the offset after all of them. Raises CorruptRecordError for a batch that is
    malformed, after what comes before it has been given out, and again whenever it is asked.
    """

    def __init__(
        self, partition: TopicPartition, records: Sequence[Any], position: int, end: int
    ) -> None:
        self._topic, self._partition = partition.topic, partition.partition
        self._records = deque(records)
        self._parts: Iterator[RawBatch | Unread] | None = None  # left of the first record
        self._rest: pa.RecordBatch | None = None
        self._rest_end = position
        self._position = position
        self._end = end

    def __bool__(self) -> bool:
        return self._rest is not None or bool(self._records)

    def take(self, rows: int) -> tuple[pa.RecordBatch | None, int]:
        """Return the next messages, at most ``rows``, and the offset after them.

        None where there are none: compaction may leave nothing at or after the position.
        """
        if not self:
            return None, self._end
        if self._rest is not None:
            batch, after = self._rest, self._rest_end
        else:
            batch, after = self._decode(rows)
        if batch.num_rows > rows:
            self._rest, self._rest_end = batch.slice(rows), after
            batch, after = batch.slice(0, rows), self._rest["offset"][0].as_py()
        else:
            self._rest = None
        self._position = after
        return batch if batch.num_rows else None, after

    def _decode(self, rows: int) -> tuple[pa.RecordBatch, int]:
        """Return the messages of the next records that go together, and the offset after them."""
        if not _is_whole(self._records[0]):
            polled = list(takewhile(_is_single, islice(self._records, rows)))
            return message_batch(self._topic, self._partition, polled), self._drop(len(polled))
        raw = [] if self._parts else self._read(rows)
        if not raw:
            return self._decode_part()
        try:
            batch = messages(self._topic, self._partition, raw)
        except (CorruptRecordError, OverflowError):
            if len(raw) == 1:
                raise
            # One of them is at fault, and may be the last.
            raw = raw[:1]
            batch = messages(self._topic, self._partition, raw)
        if raw[0].base_offset < self._position:
            batch = batch.filter(pc.greater_equal(batch["offset"], self._position))
        return batch, self._drop(len(raw))

    def _decode_part(self) -> tuple[pa.RecordBatch, int]:
        """Return the next messages of a batch that is more than one part, and the offset after."""
        place = self._topic, self._partition
        self._parts = self._parts or self._records[0].value.parts()
        try:
            part = next(self._parts, None)
            if part is None:
                self._parts = None
                return messages(*place, []), self._drop(1)
            batch = (
                messages(*place, [part])
                if isinstance(part, RawBatch)
                else unread_batch(*place, part.offsets, part.reason)
            )
        except CorruptRecordError:
            self._parts = None  # to be the same error again
            raise
        after = max(self._position, batch["offset"][-1].as_py() + 1)
        return batch.filter(pc.greater_equal(batch["offset"], self._position)), after

    def _drop(self, count: int) -> int:
        """Let go of records that are decoded; return the offset after them."""
        for _ in range(count):
            last = self._records.popleft()
        return int(last.offset) + 1 if self._records else self._end

    def _read(self, rows: int) -> list[RawBatch]:
        """Decompress the next batch, and those after it while they stay within the bounds.

        Nothing where the next one is to be had in parts alone.
        """
        raw: list[RawBatch] = []
        total = size = 0
        for record in self._records:
            if raw and (not _is_whole(record) or size > _BATCH_BYTES):
                break
            total += len(record.value)
            if raw and total > rows:
                break
            whole = record.value.read()
            if whole is None:
                break
            raw.append(whole)
            size += len(whole.records)
        return raw


def _is_whole(record: Any) -> bool:
    return isinstance(record.value, WholeBatch)


def _is_single(record: Any) -> bool:
    return not _is_whole(record)
