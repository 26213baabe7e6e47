"""Messages that give the text's name twice: a parser keeps one value, and says nothing."""

import re
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

# The name of a field with an escape in it, of a character of ASCII or of any.
_ESCAPED_ASCII = re.compile(rb'\\u00[2-7][0-9a-fA-F][^"]*"\s*:')
_ESCAPED = re.compile(rb'\\[u/][^"]*"\s*:')
Bytes = npt.NDArray[np.uint8]

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Repeated:
    """Finds the messages in which the last name of a path may stand twice, in any spelling."""

    def __init__(self, path: Sequence[str]) -> None:
        self._path = path
        self._quoted = msgspec.json.encode(path[-1])
        # Others than ASCII are escaped by many writers: then every message is looked at.
        plain = path[-1].isascii() and "/" not in path[-1]
        self._escape = b"\\u00" if plain else b"\\"
        self._escaped = _ESCAPED_ASCII if plain else _ESCAPED

    def rows(self, column: pa.Array, values: Sequence[bytes | None]) -> set[int]:
        """Return the rows that are to be read whole: none in most batches, for a tenth of a parse.

        ``values`` are those of the column, of type binary.
        """
        if not values:
            return set()
        _, offsets, data = column.buffers()
        ends = np.frombuffer(offsets, np.int32)[column.offset :][: len(values) + 1]
        batch = np.frombuffer(data or b"", np.uint8)[ends[0] : ends[-1]]
        rows: set[int] = set()
        if not self._one_each(batch, ends - ends[0]):
            rows.update(
                row for row, value in enumerate(values) if value and value.count(self._quoted) > 1
            )
        if self._escapes(batch):
            rows.update(row for row, value in enumerate(values) if value and self._spelled(value))
        return {row for row in rows if self._unsure(values[row])}

    def _unsure(self, value: bytes | None) -> bool:
        try:
            return self.within(value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return True

    def within(self, value: bytes) -> bool:
        """Return whether a sound message may hold two texts; exact but for odd spellings."""
        if self._spelled(value):
            return True
        for name in self._path:
            if not value.startswith(b"{"):
                break
            fields = _FIELDS.decode(value)
            # A parser drops the first of two values, and with it what was in there.
            kept = b"\n".join(fields.values()).count(self._quoted)
            if value.count(self._quoted) != kept + (self._path[-1] in fields):
                return True
            value = bytes(fields.get(name, b""))
        return False

    def _spelled(self, value: bytes) -> bool:
        return self._escape in value and self._escaped.search(value) is not None

    def _one_each(self, batch: Bytes, ends: npt.NDArray[np.int32]) -> bool:
        places = np.sort(_places(self._quoted, batch))
        return len(places) == len(ends) - 1 and bool(
            ((ends[:-1] <= places) & (places < ends[1:])).all()
        )

    def _escapes(self, batch: Bytes) -> bool:
        if self._escaped is _ESCAPED:
            return True
        after = _places(b"\\u00", batch) + 4
        # From \u0020 on: many writers make \u00e9 of an é.
        digits = batch[after[after < len(batch)]]
        return bool(((digits >= ord("2")) & (digits <= ord("7"))).any())


def _places(word: bytes, batch: Bytes) -> npt.NDArray[np.int64]:
    """Return where a word begins, in no order: its first two bytes are sought two at a time."""
    first = int.from_bytes(word[:2], "little")
    found = [np.empty(0, np.int64)]
    for start in range(2):
        even = batch[start : start + (len(batch) - start) // 2 * 2]
        begins = even.view("<u2") == first
        if begins.any():  # a tenth of the time that it takes to say where
            found.append(np.flatnonzero(begins) * 2 + start)
    places = np.concatenate(found)
    places = places[places <= len(batch) - len(word)]
    for at, byte in enumerate(word[2:], start=2):
        places = places[batch[places + at] == byte]
    return places
