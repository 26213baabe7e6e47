"""Verdicts that were paid for already: equal posts under one policy version are judged once.

Looked up by the post as the judge would read it, to the last space, the model and what was asked (a
policy's version): capitals, line breaks and columns can say what the same words in a row do not.

A post that hides a known text behind look-alikes, markup and invisible letters is answered too, by
a text that is in normal form as it stands (as the screen sees it) and violates. The other way
round, a garbled copy that the judge could not read would clear the plain one, and one with hidden
words would condemn it.

Only verdicts that are complete are kept: an indeterminate post is asked about again. Audits keep
out of the cache on both sides: as it leaves out the indeterminate, and gives copies one opinion
instead of one each, an estimate made from it would be off and look surer than it is.
"""

import os
import sys
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

import pyarrow as pa
import xxhash

from weir.transforms.judge.engine import Completion
from weir.transforms.text.normalise import normalise

DEFAULT_BYTES = 64 << 20  # about 50,000 verdicts with a rationale and 500 characters of reasoning
# What an entry takes beside its texts: tracemalloc says 500 to 550 bytes.
_ENTRY_BYTES = 600
# xxh3 is no cryptographic hash: who knows the seed can make two posts collide.
_SEED = int.from_bytes(os.urandom(8), "big")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A post, by the hash of its text and of its normal form.

    The latter is None where the post is laid out: by more than single spaces between words.
    """

    exact: bytes
    normal: bytes | None

    def within(self, context: bytes) -> "Fingerprint":
        """Return that of the same post where it answers something."""
        of = _hash(context)
        return Fingerprint(
            _hash(self.exact + of), None if self.normal is None else _hash(self.normal + of)
        )


def fingerprints(
    texts: pa.StringArray, contexts: pa.StringArray | None = None
) -> list[Fingerprint]:
    """Return the fingerprint of each post; they mean nothing in another process.

    One with a context is another post than the same text without it, or with another one.
    """
    found = _fingerprints(texts)
    if contexts is None or contexts.null_count == len(contexts):
        return found
    known = zip(found, contexts.cast(pa.binary()).to_pylist(), strict=True)
    return [post if context is None else post.within(context) for post, context in known]


def _fingerprints(texts: pa.StringArray) -> list[Fingerprint]:
    return [
        Fingerprint(_hash(text), _hash(normal) if text.split() == text.split(b" ") else None)
        for normal, text in zip(
            normalise(texts).cast(pa.binary()).to_pylist(),
            texts.cast(pa.binary()).to_pylist(),
            strict=True,
        )
    ]


def _hash(text: bytes) -> bytes:
    return xxhash.xxh3_128_digest(text, _SEED)


@dataclass(frozen=True, slots=True)
class _Key:
    text: bytes
    question: str
    model: str


@dataclass(frozen=True, slots=True)
class _Entry:
    violates: bool
    completion: Completion
    size: int


class VerdictCache:
    """The most recently used verdicts, in at most ``max_bytes`` of memory; for many threads.

    Nothing is kept where ``max_bytes`` is 0.
    """

    def __init__(self, max_bytes: int, model: str) -> None:
        self._max_bytes = max_bytes
        self._model = model
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def on(self) -> bool:
        """Return whether there is room for anything."""
        return self._max_bytes > 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, post: Fingerprint, question: str) -> Completion | None:
        """Return what was answered for this post, at no cost; None where it has to be asked."""
        key = self._key(post.exact, question)
        with self._lock:
            entry = self._entries.get(key)
            if entry is None and post.normal is not None:
                key = self._key(post.normal, question)
                entry = self._entries.get(key)
                if entry is not None and not entry.violates:
                    return None
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry.completion

    def put(
        self, post: Fingerprint, question: str, completion: Completion, *, violates: bool
    ) -> None:
        """Keep a complete verdict, and let go of those that were not used for longest."""
        free = without_cost(completion)
        entry = _Entry(violates, free, _size(free))
        if entry.size > self._max_bytes:
            return
        key = self._key(post.exact, question)
        with self._lock:
            known = self._entries.pop(key, None)
            self._bytes += entry.size - (known.size if known else 0)
            self._entries[key] = entry
            while self._bytes > self._max_bytes:
                _, oldest = self._entries.popitem(last=False)
                self._bytes -= oldest.size

    def _key(self, text: bytes, question: str) -> _Key:
        return _Key(text, question, self._model)


def without_cost(completion: Completion) -> Completion:
    """Return the completion as one that took no tokens and no time, as is true of a copy.

    Zeros, not nulls: sums are right either way, and a mean over all verdicts is what a verdict
    costs. How much of the post was cut is left, for the verdict rests on the rest of it.
    """
    return replace(
        completion,
        tokens_in=0,
        tokens_cached=0,
        tokens_policy=0,
        tokens_out=0,
        tokens_reasoning=0,
        queue_ms=0.0,
    )


def _size(completion: Completion) -> int:
    texts = (completion.final, completion.reasoning, completion.rationale)
    return _ENTRY_BYTES + sum(sys.getsizeof(text) for text in texts if text is not None)
