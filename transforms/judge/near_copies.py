"""Judged posts, and which of them a near-copy may take its verdict from.

Two posts are *alike up to long numbers* where they are equal to the last space once every number of
five digits or more (dates, times, telephone and order numbers) is written as one sign. Such a copy
may take any verdict: shorter numbers stay, for an age or a code of two digits can decide.

A copy may differ by more only from a post that **violates**, for a word can make anything violate
and no measure of likeness sees which: a harmless text with one sentence more is 95 % alike. Nothing
of the source may be gone: the copy has every word and pair of words of it, in normal form, adds at
most ADDED_WORDS distinct words, and of all words and pairs in either both have RESEMBLANCE. So who
puts an insult into a popular text does not condemn the text: what made it violate may be the one
word that is gone. (Scores of a screen were tried as the guard of one word that may be gone: of
texts that an insult had condemned up to 19 % would have taken the verdict without it.)

Candidates are found by MinHash (Broder, 1997) in bands; the resemblance is then counted exactly.
"""

import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from rensa import RMinHash

from weir.transforms.judge.engine import Completion
from weir.transforms.records import Outcome
from weir.transforms.text.characters import END
from weir.transforms.text.normalise import fold_to_bytes, row_offsets
from weir.transforms.text.words import words

RESEMBLANCE = 0.7  # of two sets: the share of what is in either that is in both
ADDED_WORDS = 3
FEWEST_WORDS = 8  # of a source, distinct ones: in fewer, each that is added is too much

_LONG_NUMBER = r"\b[0-9](?:[-:/.]?[0-9]){4,}\b"
_MOST_BYTES = 16_384  # of a post; longer ones are alike up to numbers or not at all
_BANDS, _HASHES = 16, 3  # found: .999 of the pairs at a resemblance of .7, .04 at .14
_PAIR = np.uint32(1 << 31)  # tells the hash of two words from that of one
_MIX = np.uint64(0x9E3779B97F4A7C15)
_SEED = int.from_bytes(os.urandom(8), "big")  # who knows it can make two posts collide
# What an entry takes beside its texts and n-grams: tracemalloc says so.
_SAFE_BYTES, _VIOLATING_BYTES = 1_000, 4_300

Grams = npt.NDArray[np.uint32]
_NO_GRAMS: Grams = np.zeros(0, np.uint32)


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """A post as near-copies are told by: it means nothing in another process.

    ``grams`` are the hashes of its words and pairs of words, ascending, so words first; ``bands``
    are what posts that resemble it probably share one of, none where it is too short or too long.
    """

    exact: bytes  # the hash of the text
    alike: bytes  # the same, long numbers as one sign
    grams: Grams
    bands: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A decision of the judge's own, on a post; ``completion`` is as one that took nothing."""

    decision_id: str
    violates: bool
    sketch: Sketch
    completion: Completion

    @property
    def outcome(self) -> Outcome:
        """Return its verdict, which is never indeterminate."""
        return Outcome.VIOLATES if self.violates else Outcome.SAFE


def sketches(texts: pa.StringArray) -> list[Sketch]:
    """Return the sketch of each post."""
    # A sign that a post holds itself is written twice, so that none can pass for a number.
    masked = pc.replace_substring_regex(pc.replace_substring(texts, "#", "##"), _LONG_NUMBER, "#-")
    grams, ends = _grams(masked)
    found = RMinHash.digest_matrix_from_flat_token_hashes(
        grams.astype(np.uint64), ends, _BANDS * _HASHES, _SEED
    )
    minima = np.array(found.to_rows(), np.uint32).reshape(len(texts), _BANDS, _HASHES)
    own = (grams[start:stop].copy() for start, stop in pairwise(ends.tolist()))
    return [
        Sketch(exact, alike, of, _bands(of, bands))
        for exact, alike, of, bands in zip(
            _digests(texts), _digests(masked), own, minima, strict=True
        )
    ]


def _digests(texts: pa.StringArray) -> Iterator[bytes]:
    column: list[Any] = texts.cast(pa.binary()).to_pylist()
    return (xxhash.xxh3_128_digest(text, _SEED) for text in column)


def _bands(grams: Grams, minima: npt.NDArray[np.uint32]) -> tuple[bytes, ...]:
    if _words(grams) < FEWEST_WORDS:
        return ()
    return tuple(bytes([number]) + band.tobytes() for number, band in enumerate(minima))


def _grams(texts: pa.StringArray) -> tuple[Grams, npt.NDArray[np.uint64]]:
    """Return the distinct n-grams of each post, post after post, and where each begins and ends."""
    column: Any = texts
    short = pa.array(np.diff(row_offsets(texts)) <= _MOST_BYTES)
    text = fold_to_bytes(pc.if_else(short, column, ""))
    hashes, starts = words(text)
    rows = np.searchsorted(np.flatnonzero(text == END), starts).astype(np.uint64) - np.uint64(1)
    pairs = ((hashes[:-1] * _MIX) ^ hashes[1:]) * _MIX >> np.uint64(32)
    pairs = pairs.astype(np.uint32) | _PAIR
    together = rows[1:] == rows[:-1]
    both = np.concatenate([hashes & ~_PAIR, pairs[together]])
    keys = np.concatenate([rows, rows[:-1][together]]) << np.uint64(32) | both
    keys = np.unique(keys)
    ends = np.searchsorted(keys, np.arange(len(texts) + 1, dtype=np.uint64) << np.uint64(32))
    return keys.astype(np.uint32), ends.astype(np.uint64)


def _words(grams: Grams) -> int:
    return int(np.searchsorted(grams, _PAIR))


def holds(copy: Sketch, source: Sketch) -> bool:
    """Return whether a post has all that another has, and little more."""
    both = np.intersect1d(copy.grams, source.grams, assume_unique=True)
    return (
        len(both) == len(source.grams)
        and len(both) >= RESEMBLANCE * len(copy.grams)
        and _words(copy.grams) - _words(source.grams) <= ADDED_WORDS
    )


class NearCopies:
    """The most recently used sources, in at most ``max_bytes`` of memory; for many threads.

    Sources are kept by the question that they answer, and found under no other.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._sources: OrderedDict[tuple[str, bytes], Source] = OrderedDict()
        self._in_band: dict[tuple[str, bytes], tuple[str, bytes]] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._sources)

    def find(self, sketch: Sketch, question: str) -> Source | None:
        """Return what the post may take its verdict from; None where it has to be judged."""
        with self._lock:
            key = question, sketch.alike
            if key not in self._sources:
                near = {self._in_band.get((question, band)): None for band in sketch.bands}
                keys = [of for of in near if of is not None]
                key = next((k for k in keys if holds(sketch, self._sources[k].sketch)), key)
            source = self._sources.get(key)
            if source is not None:
                self._sources.move_to_end(key)
            return source

    def put(self, source: Source, question: str) -> None:
        """Keep a source, the newest of those alike, and let go of what was not used for longest."""
        if not source.violates:  # nothing looks for it by what it resembles
            source = replace(source, sketch=replace(source.sketch, grams=_NO_GRAMS, bands=()))
        size = _size(source)
        if size > self._max_bytes:
            return
        key = question, source.sketch.alike
        with self._lock:
            self._forget(key)
            self._sources[key] = source
            self._bytes += size
            for place in _places(source, question):
                if self._gives_way(self._in_band.get(place), source):
                    self._in_band[place] = key
            while self._bytes > self._max_bytes:
                self._forget(next(iter(self._sources)))

    def _gives_way(self, place: tuple[str, bytes] | None, source: Source) -> bool:
        """Return whether a source is looked for where another one is.

        The least of a wave is: what the others add to it is not in later copies.
        """
        return place is None or holds(self._sources[place].sketch, source.sketch)

    def _forget(self, key: tuple[str, bytes]) -> None:
        source = self._sources.pop(key, None)
        if source is None:
            return
        self._bytes -= _size(source)
        for place in _places(source, key[0]):
            if self._in_band.get(place) == key:
                del self._in_band[place]


def _places(source: Source, question: str) -> Iterator[tuple[str, bytes]]:
    """Yield where a source is looked for by posts that resemble it: only what violates is."""
    if source.violates:
        yield from ((question, band) for band in source.sketch.bands)


def _size(source: Source) -> int:
    said = source.completion
    texts = (said.final, said.reasoning, said.rationale)
    own = _VIOLATING_BYTES if source.violates else _SAFE_BYTES
    return (
        own
        + source.sketch.grams.nbytes
        + sum(sys.getsizeof(text) for text in texts if text is not None)
    )
