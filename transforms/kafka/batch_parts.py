"""A record batch in parts that memory can hold, and what is left out of it because none can.

Most batches are one part. Only one that decompresses to more than that is walked through record by
record: memory then holds two parts and a piece, whatever the batch stands for.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch

from weir.transforms.kafka.inflate import InflationError, inflate
from weir.transforms.kafka.record_batches import RawBatch
from weir.transforms.kafka.varints import varint
from weir.transforms.records import LARGEST_MESSAGE, Withheld

_PIECE_BYTES = 4 << 20


@dataclass(frozen=True)
class Limits:
    """What of one record batch is held at once, and read at all."""

    part_bytes: int = LARGEST_MESSAGE
    part_rows: int = 250_000  # 10 bytes of a record cost 500 of columns
    batch_bytes: int = 1 << 30  # decompressed: seconds of work


LIMITS = Limits()


@dataclass(frozen=True)
class Unread:
    """Records that are left out, by their offsets, and why.

    Of what is beyond the bytes of a batch only the number is known: these are its last offsets.
    """

    offsets: range
    reason: Withheld


def whole(batch: DefaultRecordBatch, limits: Limits = LIMITS) -> RawBatch | None:
    """Return the batch decompressed; None where it is more than one part.

    Raises CorruptRecordError where it is malformed.
    """
    if batch.records_count > limits.part_rows:
        return None
    window = _Window(batch, limits)
    window.fill()
    return None if window.more else _raw(batch, batch.records_count, window.take_all())


def parts(batch: DefaultRecordBatch, limits: Limits = LIMITS) -> Iterator[RawBatch | Unread]:
    """Yield the records of the batch in their order: in parts, or as left out.

    Raises CorruptRecordError where it is malformed.
    """
    window, left = _Window(batch, limits), int(batch.records_count)
    while left:
        window.fill()
        if window.read > limits.batch_bytes:
            last = batch.last_offset + 1
            for first in range(last - left, last, limits.part_rows):
                rest = range(first, min(last, first + limits.part_rows))
                yield Unread(rest, Withheld.BATCH_TOO_LARGE)
            return
        count, end = window.complete(min(left, limits.part_rows))
        if count:
            yield _raw(batch, count, window.take(end))
            left -= count
        else:
            offset = batch.base_offset + window.skip()
            yield Unread(range(offset, offset + 1), Withheld.MESSAGE_TOO_LARGE)
            left -= 1


class _Window:
    """The decompressed bytes from where the walk stands, up to a part and a piece of them."""

    def __init__(self, batch: DefaultRecordBatch, limits: Limits) -> None:
        self._batch, self._limits = batch, limits
        data = memoryview(batch._buffer)[batch._pos :]
        piece_bytes = min(_PIECE_BYTES, limits.part_bytes)
        self._pieces = inflate(batch.compression_type, data, piece_bytes)
        self._held = bytearray()
        self.more = True  # may follow
        self.read = 0  # bytes so far

    def fill(self) -> None:
        """Hold more than a part, or all that is left."""
        while self.more and len(self._held) <= self._limits.part_bytes:
            self._held += self._next()

    def take(self, end: int) -> bytes:
        """Let go of the first bytes, and return them."""
        taken = bytes(memoryview(self._held)[:end])
        del self._held[:end]
        return taken

    def take_all(self) -> bytearray:
        """Return what is held, without a copy."""
        held, self._held = self._held, bytearray()
        return held

    def complete(self, most: int) -> tuple[int, int]:
        """Return how many whole records make the next part, at most so many, and where they end."""
        count = end = 0
        try:
            while count < most:
                length, at = varint(self._held, end)
                if length < 0 or at + length > len(self._held):
                    break
                if length > self._limits.part_bytes or (
                    count and at + length > self._limits.part_bytes
                ):
                    break
                count, end = count + 1, at + length
        except IndexError:
            pass  # the last one's length is not all there
        return count, end

    def skip(self) -> int:
        """Pass over the first record, which is too large; return its offset delta."""
        try:
            length, at = varint(self._held, 0)
            _, delta_at = varint(self._held, at + 1)
            delta, _ = varint(self._held, delta_at)
        except IndexError as error:
            raise _corrupt(self._batch, "it ends too early") from error
        if length < 0 or delta < 0:
            raise _corrupt(self._batch, "its records are not as long as they say")
        end = at + length
        while end > len(self._held) and self.read <= self._limits.batch_bytes:
            end -= len(self._held)
            self._held = bytearray(self._next())
            if not self.more:
                raise _corrupt(self._batch, "it ends too early")
        del self._held[:end]
        return delta

    def _next(self) -> bytes:
        try:
            piece = next(self._pieces, None)
        except InflationError as error:
            raise _corrupt(self._batch, str(error)) from error
        self.more = piece is not None
        self.read += len(piece or b"")
        return piece or b""


def _raw(batch: DefaultRecordBatch, rows: int, records: bytes | bytearray) -> RawBatch:
    return RawBatch(
        base_offset=batch.base_offset,
        last_offset=batch.last_offset,
        first_timestamp=batch.first_timestamp,
        append_time=batch.max_timestamp if batch.timestamp_type else None,
        rows=rows,
        records=records,
    )


def _corrupt(batch: DefaultRecordBatch, why: str) -> CorruptRecordError:
    return CorruptRecordError(
        f"The record batch of offsets {batch.base_offset} to {batch.last_offset} is malformed: "
        f"{why}."
    )
