"""Turn a column of text into counts of hashed character and word n-grams.

Everything happens on the bytes of many rows at once; a row's features never depend on its
neighbours. Collisions are part of the model: weights are learned for buckets, not for n-grams.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from transforms.screen.characters import END, SPACE
from transforms.screen.normalise import folded, row_offsets
from transforms.screen.spelling import Bytes

BITS = 18
BUCKETS = 1 << BITS
CHARACTER_GRAMS = (3, 5)  # bytes of UTF-8
WORD_GRAMS = (1, 2)
VERSION = 2  # of the hashes: a model fits one version only

_Keys = npt.NDArray[np.uint32]

_SHIFT = np.uint32(32 - BITS)
_ROW = np.uint32((1 << 32 - BITS) - 1)  # a key is a bucket and a row
_BUCKET = ~_ROW
_PRIME = np.uint32(0x01000193)
_MIX = np.uint32(0x9E3779B1)
_INVERSE = np.uint32(pow(int(_PRIME), -1, 1 << 32))
_WORD = np.array([b > 127 or chr(b).isalnum() or b == ord("'") for b in range(256)])
# About 400 posts at a time: more would not be sorted in the cache, and fewer would share fewer
# buckets, whose weights come from memory.
_PIECE_BYTES = 80_000
_FOLD_BYTES = 1 << 19
_LOG1P = np.log1p(np.arange(4096)).astype(np.float32)


@lru_cache(maxsize=2)
def _powers(size: int) -> tuple[_Keys, _Keys]:
    """Return the powers of the prime and of its inverse modulo 2^32."""
    forward, backward = np.full((2, size), _PRIME, np.uint32)
    backward[:] = _INVERSE
    forward[0] = backward[0] = 1
    return np.cumprod(forward, dtype=np.uint32), np.cumprod(backward, dtype=np.uint32)


def _character_keys(text: Bytes, ends: npt.NDArray[np.intp], rows: _Keys) -> Iterator[_Keys]:
    """Yield a key for every window of n bytes that lies in one row, its ends counted as spaces."""
    values = text.astype(np.uint32)
    values[ends] = SPACE
    rolling = values
    for n in range(2, max(CHARACTER_GRAMS) + 1):
        rolling = rolling[:-1] * _PRIME
        rolling += values[n - 1 :]
        if n not in CHARACTER_GRAMS or not len(rolling):
            continue
        keys = rolling + np.uint32(n)
        keys *= _MIX
        keys &= _BUCKET
        keys |= rows[: len(keys)]
        # A window may begin or finish at a row's end, but not contain one.
        within = np.ones(len(keys), bool)
        for inside in range(1, n - 1):
            straddles = ends - inside
            within[straddles[(straddles >= 0) & (straddles < len(keys))]] = False
        yield keys[within]


def _word_keys(text: Bytes, rows: _Keys) -> Iterator[_Keys]:
    """Yield a key for every word and for every two words that follow each other in a row."""
    is_word = _WORD[text]
    edges = np.flatnonzero(is_word[1:] != is_word[:-1]) + 1
    starts, stops = edges[0::2], edges[1::2]
    forward, backward = _powers(1 << len(text).bit_length())
    # The polynomial hash of any stretch is a difference of prefix sums, moved to its start.
    prefix = np.zeros(len(text) + 1, np.uint32)
    np.cumsum((text + np.uint32(1)) * backward[: len(text)], out=prefix[1:], dtype=np.uint32)
    words = (prefix[stops] - prefix[starts]) * forward[starts]
    words ^= words >> np.uint32(15)
    words *= _MIX
    row = rows[starts]
    grams = words
    for n in range(1, max(WORD_GRAMS) + 1):
        if n > 1:
            grams = (grams[:-1] * _PRIME) ^ words[n - 1 :]
        if n not in WORD_GRAMS:
            continue
        keys = grams ^ (grams >> np.uint32(13))
        keys += np.uint32(100 + n)
        keys *= _MIX
        keys &= _BUCKET
        keys |= row[: len(keys)]
        yield keys if n == 1 else keys[row[: len(keys)] == row[n - 1 :]]


@dataclass(frozen=True, eq=False)
class Piece:
    """The features of successive rows, by bucket: each bucket's weights are fetched but once.

    ``counts`` is (rows, n) float32: log1p of how often the n-grams of n ``buckets``, ascending,
    occur.
    """

    counts: sp.csc_matrix
    buckets: npt.NDArray[np.intp]

    def matrix(self) -> sp.csr_matrix:
        """Return the same as (rows, BUCKETS), columns sorted."""
        rows = self.counts.tocsr()
        columns = self.buckets[rows.indices].astype(np.int32)
        return sp.csr_matrix((rows.data, columns, rows.indptr), shape=(rows.shape[0], BUCKETS))


def _count(text: Bytes, ends: npt.NDArray[np.intp]) -> Piece:
    """Return the features of the rows of folded text that lie between ``ends``, all its ENDs."""
    rows = np.repeat(np.arange(len(ends), dtype=np.uint32), np.diff(ends, append=len(text)))
    keys = np.concatenate([*_character_keys(text, ends, rows), *_word_keys(text, rows)])
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
    return Piece(counts, keys[columns[:-1]].astype(np.intp))


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


def pieces(texts: pa.StringArray) -> Iterator[Piece]:
    """Yield the features of successive rows, some hundred at a time, so that memory is bounded."""
    for start, stop in _cuts(np.diff(row_offsets(texts)).astype(np.int64), _FOLD_BYTES, 1 << 14):
        text = folded(texts.slice(start, stop - start))
        ends = np.flatnonzero(text == END)
        for first, last in _cuts(np.diff(ends), _PIECE_BYTES, 1 << 12):
            yield _count(text[ends[first] : ends[last] + 1], ends[first : last + 1] - ends[first])


def matrix(texts: Sequence[str] | pa.StringArray) -> sp.csr_matrix:
    """Return the features of all rows: (rows, BUCKETS) float32, columns sorted, see ``Piece``."""
    column = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    empty = sp.csr_matrix((0, BUCKETS), dtype=np.float32)
    return sp.vstack([empty, *(piece.matrix() for piece in pieces(column))], format="csr")
