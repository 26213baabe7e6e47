"""What takes longer than a page may: asked for piece by piece, and shown as far as it is known.

A page waits for a moment, shows what has come, and looks again for the rest. All who look at the
same share the asking, which ends once nobody looks any more. What came in time is forgotten at
once, so that who asks again is told what is true then.
"""

import threading
import time
from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from weir.pipelines.bigquery.labels import narrowed
from weir.pipelines.console.visit import RefusedError, Visit

S = TypeVar("S")
T = TypeVar("T")

_PATIENCE = 1.0  # seconds that a page waits for all of it
_KEPT = 20.0  # seconds without a look, or after the end, after which it is forgotten
_MOST = 4  # of them that ask at once; the others wait for their turn
_MOST_UNDER_WAY = 40  # of them, those that wait among them; one more is refused


@dataclass(frozen=True)
class Span:
    """A time in which posts were written, its end not among it."""

    begin: datetime
    end: datetime

    @property
    def values(self) -> dict[str, datetime]:
        """Return it as the parameters of a statement."""
        return {"begin": self.begin, "end": self.end}


def spans(visit: Visit, days: Collection[date]) -> list[Span]:
    """Return days as the pieces of a question over them, the last one first.

    DuckDB, the emulator's, takes a second for the posts of a day; BigQuery as long for a month,
    and a month's days one by one would take it a minute.
    """
    if days and visit.setup.bigquery.rest_endpoint is None:
        return [Span(midnight(min(days)), midnight(max(days) + timedelta(days=1)))]
    latest_first = sorted(days, reverse=True)
    return [Span(midnight(day), midnight(day + timedelta(days=1))) for day in latest_first]


def midnight(day: date) -> datetime:
    """Return when a day begins."""
    return datetime.combine(day, time_of_day(), UTC)


@dataclass(frozen=True)
class SoFar(Generic[S, T]):
    """Pieces in the order in which they are asked for, and what the first of them came to."""

    pieces: tuple[S, ...] | None  # None until it is known which there are
    found: tuple[T, ...]
    seconds: float  # since it was asked

    @property
    def is_whole(self) -> bool:
        """Return whether no piece is still to come."""
        return self.pieces is not None and len(self.found) == len(self.pieces)


def gather(
    visit: Visit, what: Hashable, find_pieces: Callable[[], Iterable[S]], ask: Callable[[S], T]
) -> SoFar[S, T]:
    """Return what a question comes to piece by piece, as far as that is known in a second.

    ``what`` tells it from others that are asked of the same dataset. All who look share the pieces
    too, as it may take a question to find them. What ``find_pieces`` and ``ask`` raise is raised,
    and RefusedError where too many other questions are under way.
    """
    key = (visit.setup.bigquery.place, visit.setup.max_bytes, what)
    with _LOCK:
        for each in [each for each, under_way in _UNDER_WAY.items() if under_way.is_left]:
            del _UNDER_WAY[each]
        gathering = _UNDER_WAY.get(key)
        if gathering is None:
            _require_room()
            gathering = _UNDER_WAY[key] = _Gathering(find_pieces, ask)
            gathering.begin()
    try:
        return gathering.look()
    finally:
        with _LOCK:
            if gathering.is_over and _UNDER_WAY.get(key) is gathering:
                del _UNDER_WAY[key]


def gather_rows(
    visit: Visit,
    what: Hashable,
    run: str,
    find_spans: Callable[[], Iterable[Span]],
    sql: str,
    where: str,
) -> SoFar[Span, list[dict[str, Any]]]:
    """Return the rows of a statement over a run's posts, ``narrowed`` to one span after another.

    See ``gather``; ``what`` need not name the run. TablesError.
    """

    def ask(span: Span) -> list[dict[str, Any]]:
        with visit.dataset() as dataset:
            return dataset.rows(narrowed(dataset, sql, where), run=run, **span.values)

    return gather(visit, (what, run), find_spans, ask)


def _require_room() -> None:
    """Raise RefusedError where so many questions are under way that another would wait long."""
    if sum(not each.ended.is_set() for each in _UNDER_WAY.values()) >= _MOST_UNDER_WAY:
        raise RefusedError(
            f"{_MOST_UNDER_WAY} questions are being asked already, and this one was not; look "
            "again in a minute",
            HTTPStatus.SERVICE_UNAVAILABLE,
        )


@dataclass(eq=False)
class _Gathering(Generic[S, T]):
    """One question on its way; a thread of its own writes it, and any may read."""

    find_pieces: Callable[[], Iterable[S]]
    ask: Callable[[S], T]
    pieces: tuple[S, ...] | None = None
    found: tuple[T, ...] = ()
    error: BaseException | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    begun_at: float = field(default_factory=time.monotonic)
    heard_of: float = field(default_factory=time.monotonic)  # its end, else the last look
    shown_in_part: bool = False

    @property
    def is_left(self) -> bool:
        """Return whether nobody looks at it any more."""
        return time.monotonic() - self.heard_of > _KEPT

    @property
    def is_over(self) -> bool:
        """Return whether it ended, and nobody waits for the rest of what they were shown."""
        return self.ended.is_set() and not (self.so_far.is_whole and self.shown_in_part)

    @property
    def so_far(self) -> SoFar[S, T]:
        """Return what is known now."""
        found = self.found  # looked at first, as it is never ahead of the pieces
        return SoFar(self.pieces, found, time.monotonic() - self.begun_at)

    def begin(self) -> None:
        """Begin to ask."""
        threading.Thread(target=self._run, name="weir-gathering", daemon=True).start()

    def look(self) -> SoFar[S, T]:
        """Return what is known in a moment."""
        if not self.ended.is_set():
            self.heard_of = time.monotonic()
        self.ended.wait(_PATIENCE)
        if self.error is not None:
            raise self.error
        so_far = self.so_far
        self.shown_in_part = self.shown_in_part or not so_far.is_whole
        return so_far

    def _run(self) -> None:
        try:
            while not _TURNS.acquire(timeout=1.0):
                if self.is_left:
                    return
            try:
                self._ask_all()
            finally:
                _TURNS.release()
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody looks
            self.error = error
        finally:
            self.heard_of = time.monotonic()
            self.ended.set()

    def _ask_all(self) -> None:
        self.pieces = tuple(self.find_pieces())
        for piece in self.pieces:
            if self.is_left:
                return
            self.found = (*self.found, self.ask(piece))


_UNDER_WAY: dict[Hashable, _Gathering[Any, Any]] = {}
_LOCK = threading.Lock()
_TURNS = threading.BoundedSemaphore(_MOST)
