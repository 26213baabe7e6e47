"""Turn a column of text into counts of hashed character and word n-grams.

Everything happens on the bytes of many rows at once; a row's features never depend on its
neighbours. Collisions are part of the model: weights are learned for buckets, not for n-grams.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from weir.transforms.text.characters import END, SPACE
from weir.transforms.text.languages import Groups, groups
from weir.transforms.text.normalise import fold_to_bytes, row_offsets
from weir.transforms.text.spelling import Bytes
from weir.transforms.text.windows import LONG, WINDOW, Places, views
from weir.transforms.text.words import MIX, PRIME, words

BITS = 18
BUCKETS = 1 << BITS
CHARACTER_GRAMS = (3, 5)  # bytes of UTF-8
WORD_GRAMS = (1, 2)
VERSION = 2  # of the hashes: a model fits one version only

_Keys = npt.NDArray[np.uint32]


_SHIFT = np.uint32(32 - BITS)
_ROW = np.uint32((1 << 32 - BITS) - 1)  # a key is a bucket and a row
_BUCKET = ~_ROW
# About 400 posts at a time: more would not be sorted in the cache, and fewer would share fewer
# buckets, whose weights come from memory.
_PIECE_BYTES = 80_000
_FOLD_BYTES = 1 << 19
_NOTHING = np.array([END], np.uint8)
_LOG1P = np.log1p(np.arange(4096)).astype(np.float32)


def _character_keys(text: Bytes, ends: npt.NDArray[np.intp], rows: _Keys) -> Iterator[_Keys]:
    """Yield a key for every window of n bytes that lies in one row, its ends counted as spaces."""
    values = text.astype(np.uint32)
    values[ends] = SPACE
    rolling = values
    for n in range(2, max(CHARACTER_GRAMS) + 1):
        rolling = rolling[:-1] * PRIME
        rolling += values[n - 1 :]
        if n not in CHARACTER_GRAMS or not len(rolling):
            continue
        keys = rolling + np.uint32(n)
        keys *= MIX
        keys &= _BUCKET
        keys |= rows[: len(keys)]
        # A window may begin or finish at a row's end, but not contain one.
        within = np.ones(len(keys), bool)
        for inside in range(1, n - 1):
            straddles = ends - inside
            within[straddles[(straddles >= 0) & (straddles < len(keys))]] = False
        yield keys[within]


def _word_keys(found: _Keys, row: _Keys) -> Iterator[_Keys]:
    """Yield a key for every word and for every two words that follow each other in a row."""
    grams = found
    for n in range(1, max(WORD_GRAMS) + 1):
        if n > 1:
            grams = (grams[:-1] * PRIME) ^ found[n - 1 :]
        if n not in WORD_GRAMS:
            continue
        keys = grams ^ (grams >> np.uint32(13))
        keys += np.uint32(100 + n)
        keys *= MIX
        keys &= _BUCKET
        keys |= row[: len(keys)]
        yield keys if n == 1 else keys[row[: len(keys)] == row[n - 1 :]]


@dataclass(frozen=True, eq=False)
class Piece:
    """The features of successive rows, by bucket: each bucket's weights are fetched but once.

    ``counts`` is (views, n) float32: log1p of how often the n-grams of n ``buckets``, ascending,
    occur. Most rows have one view; a long one has windows behind it, and ``first`` says where each
    row's views begin, None where all have one. ``empty`` says which rows have nothing to read,
    ``languages`` has their GROUPS.
    """

    counts: sp.csc_matrix
    buckets: npt.NDArray[np.intp]
    empty: npt.NDArray[np.bool_]
    languages: Groups
    rows: slice  # of the column
    first: npt.NDArray[np.intp] | None = None

    def of_rows(self, of_views: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the highest of each row's views."""
        if self.first is None:
            return of_views
        highest: npt.NDArray[np.float64] = np.maximum.reduceat(of_views, self.first)
        return highest

    def matrix(self) -> sp.csr_matrix:
        """Return the same as (rows, BUCKETS), columns sorted."""
        rows = self.counts.tocsr()
        columns = self.buckets[rows.indices].astype(np.int32)
        return sp.csr_matrix((rows.data, columns, rows.indptr), shape=(rows.shape[0], BUCKETS))


def _count(text: Bytes, ends: Places, of: slice, whole: Places | None = None) -> Piece:
    """Return the features of the views of folded text that lie between ``ends``, all its ENDs."""
    rows = np.repeat(np.arange(len(ends), dtype=np.uint32), np.diff(ends, append=len(text)))
    found, starts = words(text)
    keys = np.concatenate([*_character_keys(text, ends, rows), *_word_keys(found, rows[starts])])
    keys.sort()
    first = _changes(keys)
    keys = keys[first[:-1]]
    values = _LOG1P.take(first[1:] - first[:-1], mode="clip")
    row = (keys & _ROW).view(np.int32)
    keys >>= _SHIFT
    columns = _changes(keys)
    counts = sp.csc_matrix(
        (values, row, columns.astype(np.int32)), shape=(len(ends) - 1, len(columns) - 1)
    )
    empty, languages = np.diff(ends) == 1, groups(text, ends, rows, found, starts)
    if whole is not None:
        empty, languages = empty[whole], languages[whole]
    return Piece(counts, keys[columns[:-1]].astype(np.intp), empty, languages, of, whole)


def _changes(keys: _Keys) -> npt.NDArray[np.intp]:
    """Return where each run of equal keys begins, and where the last one stops."""
    new = np.ones(len(keys) + 1, bool)
    np.not_equal(keys[1:], keys[:-1], out=new[1:-1])
    return np.flatnonzero(new)


def _cuts(sizes: npt.NDArray[np.int64], limit: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield row ranges of at most ``limit`` bytes (or one row) and ``most`` rows."""
    ends = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        budget = limit + (ends[start - 1] if start else 0)
        stop = int(np.searchsorted(ends, budget, side="right"))
        stop = min(max(stop, start + 1), start + most)
        yield start, stop
        start = stop


def pieces(texts: pa.StringArray, *, windows: bool = False) -> Iterator[Piece]:
    """Yield the features of successive rows, some hundred at a time, so that memory is bounded.

    With ``windows`` long rows have those as views too, and the pieces of a row of more than
    _PIECE_BYTES bytes follow each other; without, that row is read up to there.
    """
    for start, stop in _cuts(np.diff(row_offsets(texts)).astype(np.int64), _FOLD_BYTES, 1 << 14):
        text = fold_to_bytes(texts.slice(start, stop - start))
        ends = np.flatnonzero(text == END)
        for first, last in _cuts(np.diff(ends), _PIECE_BYTES, 1 << 12):
            rows = slice(start + first, start + last)
            own, borders = text[ends[first] : ends[last] + 1], ends[first : last + 1] - ends[first]
            sizes = np.diff(borders)
            if sizes.max() > _PIECE_BYTES:  # so it is alone
                yield from _segments(own[1:-1], rows, windows=windows)
            elif windows and sizes.max() > LONG:
                yield _count_windows(own, borders, rows)
            else:
                yield _count(own, borders, rows)


def _segments(row: Bytes, of: slice, *, windows: bool) -> Iterator[Piece]:
    """Yield the features of a very long row, stretch by stretch."""
    for start in range(0, len(row) if windows else 1, _PIECE_BYTES - WINDOW):
        own = np.concatenate([_NOTHING, row[start : start + _PIECE_BYTES], _NOTHING])
        borders = np.array([0, len(own) - 1])
        yield _count_windows(own, borders, of) if windows else _count(own, borders, of)


def _count_windows(text: Bytes, ends: Places, of: slice) -> Piece:
    seen = views(text, ends)
    return _count(seen.text, seen.ends, of, seen.first)


def matrix(texts: Sequence[str] | pa.StringArray) -> sp.csr_matrix:
    """Return the features of all rows: (rows, BUCKETS) float32, columns sorted, see ``Piece``."""
    column = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    empty = sp.csr_matrix((0, BUCKETS), dtype=np.float32)
    return sp.vstack([empty, *(piece.matrix() for piece in pieces(column))], format="csr")


def matrix_of_views(texts: Sequence[str]) -> tuple[sp.csr_matrix, npt.NDArray[np.intp]]:
    """Return the features of all rows and of their windows, and where each row's begin.

    A row's first view is what `matrix` reads of it; the screen scores it by the highest of them.
    """
    counts: list[sp.csr_matrix] = [sp.csr_matrix((0, BUCKETS), dtype=np.float32)]
    begins, seen, last = [], 0, -1
    for piece in pieces(pa.array(texts, pa.string()), windows=True):
        first = np.arange(piece.counts.shape[0]) if piece.first is None else piece.first
        if piece.rows.start != last:  # else it goes on with a very long row
            begins.append(seen + first)
        counts.append(piece.matrix())
        seen, last = seen + piece.counts.shape[0], piece.rows.start
    return sp.vstack(counts, format="csr"), np.concatenate([np.zeros(0, np.intp), *begins])


def languages(texts: pa.StringArray) -> Groups:
    """Return (rows,) codes of languages.GROUPS."""
    return np.concatenate([np.zeros(0, np.uint8), *(piece.languages for piece in pieces(texts))])
