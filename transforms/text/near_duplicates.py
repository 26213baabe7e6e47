"""Find posts that say nearly the same, so that no copy of a training post is measured with.

MinHash over the hashed n-grams (Broder, 1997), banded so that only posts which probably resemble
each other are compared: time and memory grow with the number of n-grams, not with pairs of posts.
"""

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

SIMILARITY = 0.7  # share of the n-grams of either post that both have, from which on they are one
_BANDS, _HASHES = 16, 4  # found: .99 of the pairs at a similarity of .7, .73 at .53, .03 at .2
_PAIRS_AT_ONCE = 4096

Rows = npt.NDArray[np.intp]


def clusters(counts: sp.csr_matrix) -> Rows:
    """Return for each row the first row of its cluster; ``counts`` as `features.matrix` gives it.

    Whatever is linked by a chain of near-duplicates is one cluster.
    """
    root = np.arange(counts.shape[0])
    rows = np.flatnonzero(np.diff(counts.indptr))
    if len(rows):
        present = counts.copy()
        present.data = np.ones(len(present.data), np.float32)
        for pairs in _similar(present, _candidates(counts, rows)):
            for one, other in pairs.tolist():
                _join(root, one, other)
    for row in range(len(root)):  # a root is never after its row
        root[row] = root[root[row]]
    return root


def _candidates(counts: sp.csr_matrix, rows: Rows) -> Rows:
    """Return (pairs, 2) rows that share a band of minima; in a crowd, each with its neighbour."""
    buckets, starts = counts.indices.astype(np.uint32), counts.indptr[rows]
    random = np.random.default_rng(0)
    found = []
    for _ in range(_BANDS):
        band = np.zeros(len(rows), np.uint64)
        for _ in range(_HASHES):
            factor, shift = random.integers(0, 1 << 32, 2, dtype=np.uint32)
            hashed = buckets * (factor | np.uint32(1)) + shift
            hashed ^= hashed >> np.uint32(16)
            hashed *= np.uint32(0x85EBCA6B)
            hashed ^= hashed >> np.uint32(13)
            minima = np.minimum.reduceat(hashed, starts)
            band = band * np.uint64(0x9E3779B97F4A7C15) + minima
        order = np.argsort(band, kind="stable")
        same = np.flatnonzero(band[order[1:]] == band[order[:-1]])
        found.append(np.stack([rows[order[same]], rows[order[same + 1]]], axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _similar(present: sp.csr_matrix, pairs: Rows) -> list[Rows]:
    """Return those pairs whose similarity, counted exactly, is high enough."""
    sizes = np.diff(present.indptr)
    similar = []
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        one, other = pairs[start : start + _PAIRS_AT_ONCE].T
        both = np.asarray(present[one].multiply(present[other]).sum(axis=1)).ravel()
        close = both >= SIMILARITY * (sizes[one] + sizes[other] - both)
        similar.append(pairs[start : start + _PAIRS_AT_ONCE][close])
    return similar


def _join(root: Rows, one: int, other: int) -> None:
    """Make two clusters one, under the earlier root."""
    first, second = sorted((_find(root, one), _find(root, other)))
    root[second] = first


def _find(root: Rows, row: int) -> int:
    while root[row] != row:
        root[row] = root[root[row]]  # halve the path
        row = int(root[row])
    return row
