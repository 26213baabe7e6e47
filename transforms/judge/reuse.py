"""Verdicts for near-copies of judged posts: which take one, and which are judged all the same.

Off unless asked for. Which posts are alike enough is said in ``near_copies``, when their verdicts
are trusted in ``trust``: for each question (a policy's version, with model and effort) and for
either verdict apart, so that agreement about what is safe says nothing of what violates.
"""

import logging
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass

import pyarrow as pa
import xxhash

from weir.transforms.judge.near_copies import NearCopies, Sketch, Source, sketches
from weir.transforms.judge.trust import Trust
from weir.transforms.records import Route

_LOG = logging.getLogger(__name__)
# Whatever is drawn at random to measure or teach with is judged by itself, and so is what it says.
ROUTES = (Route.ESCALATE, Route.FORCED)
MOST_KINDS = 1_000  # of a question and a verdict, those used last
_DRAWS = int.from_bytes(os.urandom(8), "big")  # a poster must not know which copy is judged


@dataclass(frozen=True)
class ReuseSettings:
    """How near-copies are checked, and for how many sources there is room."""

    max_bytes: int
    check_share: float = 0.05  # of the near-copies, judged all the same
    agreement: float = 0.9  # the share of these below which near-copies are no longer trusted

    def __post_init__(self) -> None:
        if self.max_bytes < 1:
            raise ValueError(f"max_bytes is {self.max_bytes}; near-copies need room for sources")
        if not 0 < self.check_share <= 1:
            raise ValueError(f"check_share is {self.check_share}; it must be above 0, at most 1")
        if not 0.5 <= self.agreement < 1:
            raise ValueError(f"agreement is {self.agreement}; it must be at least 0.5, below 1")


@dataclass(frozen=True)
class NearCopy:
    """A post that may take the verdict of a source; where ``check``, it is judged all the same."""

    source: Source
    check: bool


class Reuse:
    """Sources, and how far each kind is trusted; for many threads."""

    def __init__(self, settings: ReuseSettings) -> None:
        self._settings = settings
        self._sources = NearCopies(settings.max_bytes)
        self._trust: OrderedDict[tuple[str, bool], Trust] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def trusted(self) -> int:
        """Return how many kinds, of a question and a verdict, near-copies take verdicts of."""
        with self._lock:
            return sum(trust.trusted for trust in self._trust.values())

    def sketches(self, rows: pa.RecordBatch) -> list[Sketch | None]:
        """Return the sketches of ESCALATION rows; None where near-copies have no say."""
        found = zip(sketches(rows["text"]), rows["route"].to_pylist(), strict=True)
        return [sketch if route in ROUTES else None for sketch, route in found]

    def find(self, sketch: Sketch, question: str, lot: bytes) -> NearCopy | None:
        """Return what a post nearly copies; None where nothing is known.

        ``lot`` says which post it is: a post that comes again is drawn for a check again.
        """
        source = self._sources.find(sketch, question)
        if source is None:
            return None
        drawn = xxhash.xxh3_64_intdigest(lot, _DRAWS) < self._settings.check_share * 2**64
        with self._lock:
            trusted = self._trust_in(source, question).trusted
        check = drawn or not trusted
        if check and sketch.exact == source.sketch.exact:
            return None  # that equal posts are judged alike says nothing of near-copies
        return NearCopy(source, check=check)

    def put(self, source: Source, question: str) -> None:
        """Keep what the judge itself decided, completely, about a post."""
        self._sources.put(source, question)

    def record(self, source: Source, question: str, policy_id: str, *, agreed: bool) -> None:
        """Take a check into account: whether the judge gave the verdict of the source."""
        with self._lock:
            trust = self._trust_in(source, question)
            before = trust.trusted
            trust.record(agreed=agreed)
            after = trust.trusted
        if before != after:
            of = "violating" if source.violates else "safe"
            _LOG.warning(_ON if after else _OFF, of, policy_id, self._settings.agreement)

    def _trust_in(self, source: Source, question: str) -> Trust:
        kind = question, source.violates
        trust = self._trust.setdefault(kind, Trust(self._settings.agreement))
        self._trust.move_to_end(kind)
        if len(self._trust) > MOST_KINDS:  # a version of a policy that is no longer asked about
            self._trust.popitem(last=False)
        return trust


_ON = (
    "near-copies of %s posts take their verdicts under policy %s from now on: checks have shown "
    "that more than %g of them agree"
)
_OFF = (
    "near-copies of %s posts are all judged under policy %s for now: checks have shown that fewer "
    "than %g of them agree"
)
