"""What the judge may spend, and which escalations it is spent on."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from weir.transforms.records import Route

# Tokens of one request, until the first ones have been counted: a policy's prefix is in the
# engine's cache, a short post and a few sentences of reasoning are not.
_FIRST_GUESS = 400.0
_NEWEST_WEIGHT = 0.05  # of the latest request, in the mean of those before
_ROUNDING = 1e-9  # ten times a tenth is one


@dataclass(frozen=True)
class Budget:
    """Limits of one worker process; all that are set hold, and none is set by default.

    ``tokens_per_second`` counts what an engine has to compute: prompt tokens not in its prefix
    cache, and generated ones. ``share`` is of the escalations, in [0, 1]. What is not used is
    kept for ``burst_seconds``, so that a quiet minute does not pay for a whole storm. After
    ``requests`` in all nothing is judged any more.
    """

    requests_per_second: float | None = None
    tokens_per_second: float | None = None
    share: float | None = None
    burst_seconds: float = 10.0
    requests: int | None = None

    def __post_init__(self) -> None:
        for name in ("requests_per_second", "tokens_per_second", "burst_seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} is {value}; it must be above 0")
        if self.share is not None and not 0 <= self.share <= 1:
            raise ValueError(f"share is {self.share}; it must be from 0 to 1")
        if self.requests is not None and self.requests < 0:
            raise ValueError(f"requests is {self.requests}; it must be 0 or more")

    @property
    def limited(self) -> bool:
        """Return whether there is any limit."""
        return any(
            limit is not None
            for limit in (
                self.requests_per_second,
                self.tokens_per_second,
                self.share,
                self.requests,
            )
        )


UNLIMITED = Budget()


@dataclass(frozen=True)
class Candidate:
    """An escalation that wants to be judged. ``draw`` is its lot: equal chances for all."""

    route: Route
    score: float | None
    draw: int


@dataclass(frozen=True)
class Decision:
    """Which candidates are judged and which deferred, by their number, most urgent first."""

    judge: tuple[int, ...]
    defer: tuple[int, ...]
    # Share of the audits that is judged now, by lot: their chance of having been chosen shrinks
    # by it, and the deferred ones leave the sample. 1 where none is judged as well: the deferred
    # ones are then still the sample, only late.
    audits_kept: float


def decide(candidates: Sequence[Candidate], affordable: int) -> Decision:
    """Choose what ``affordable`` requests are spent on; the rest is deferred.

    First the audits, which are few and without which nobody knows what the screen misses; then
    what the screen suspects, highest score first. What it could not score (``forced``) is as
    urgent as the median of what it could: a policy without a screen then neither drowns the worst
    posts nor waits for the last of the others. At the end audits that were deferred once
    before: they are no longer part of an estimate. Those without a score go by lot.
    """
    audits, scored, forced, late = _by_urgency(candidates)
    middle = (len(scored) + 1) // 2
    order = [*audits, *scored[:middle], *forced, *scored[middle:], *late]
    judge, defer = order[: max(0, affordable)], order[max(0, affordable) :]
    kept = min(len(audits), len(judge))
    partly = 0 < kept < len(audits)
    return Decision(tuple(judge), tuple(defer), kept / len(audits) if partly else 1.0)


def _by_urgency(candidates: Sequence[Candidate]) -> tuple[list[int], ...]:
    audits: list[int] = []
    scored: list[int] = []
    forced: list[int] = []
    late: list[int] = []
    for number, candidate in enumerate(candidates):
        match candidate.route:
            case Route.AUDIT:
                audits.append(number)
            case Route.DEFERRED:
                late.append(number)
            case _ if candidate.score is None or math.isnan(candidate.score):
                forced.append(number)
            case _:
                scored.append(number)
    for by_lot in (audits, forced, late):
        by_lot.sort(key=lambda number: candidates[number].draw)
    scored.sort(key=lambda number: (-(candidates[number].score or 0.0), candidates[number].draw))
    return audits, scored, forced, late


class _Bucket:
    """Fills at a rate up to a bound; it can be overdrawn, and fills from there."""

    def __init__(self, rate: float, most: float, now: float) -> None:
        self._rate, self._most, self._at = rate, most, now
        self.level = most

    @property
    def used(self) -> float:
        return 1 - self.level / self._most

    def fill(self, now: float) -> None:
        self.level = min(self._most, self.level + self._rate * max(0.0, now - self._at))
        self._at = max(self._at, now)


class Allowance:
    """What is left of a budget at this moment; shared by the threads of a process."""

    def __init__(self, budget: Budget, clock: Callable[[], float] = time.monotonic) -> None:
        now = clock()
        self._clock = clock
        self._share = budget.share
        self._left = budget.requests  # of all that may be made
        self._credit = 0.0  # requests that the share allows and that were not made
        self._requests = _bucket(budget.requests_per_second, budget.burst_seconds, now)
        self._tokens = _bucket(budget.tokens_per_second, budget.burst_seconds, now)
        self._mean = _FIRST_GUESS
        self._reserved, self._open = 0.0, 0  # tokens set aside, and for how many requests
        self._lock = threading.Lock()
        self.limited = budget.limited

    def take(self, wanted: int) -> int:
        """Return how many of ``wanted`` requests can be afforded, and spend them."""
        if not self.limited:
            return wanted
        with self._lock:
            now = self._clock()
            count = wanted if self._left is None else min(wanted, self._left)
            if self._share is not None:
                self._credit += self._share * wanted
                count = min(count, int(self._credit + _ROUNDING))
            if self._requests is not None:
                self._requests.fill(now)
                count = min(count, int(self._requests.level + _ROUNDING))
            if self._tokens is not None:
                self._tokens.fill(now)
                # Up to one request more than there is: a small budget would never get to one.
                count = min(count, max(0, math.ceil(self._tokens.level / self._mean)))
            self._withdraw(count)
            return count

    def spend(self, tokens: int | None) -> None:
        """Say what one of the requests took; None, where nobody counted, is as much as usual."""
        if self._tokens is None:
            return
        with self._lock:
            if self._open == 0:
                return
            reserved = self._reserved / self._open
            self._reserved -= reserved
            self._open -= 1
            if tokens is not None:
                self._tokens.level += reserved - tokens
                self._mean = max(1.0, self._mean + _NEWEST_WEIGHT * (tokens - self._mean))

    def used(self) -> float | None:
        """Return how much of what may be spent at once is spent, of the scarcest; 1 is all.

        More than 1 where requests took more than was set aside; None without a limit by time.
        """
        buckets = [bucket for bucket in (self._requests, self._tokens) if bucket is not None]
        with self._lock:
            now = self._clock()
            for bucket in buckets:
                bucket.fill(now)
            return max((bucket.used for bucket in buckets), default=None)

    def _withdraw(self, count: int) -> None:
        self._credit = min(1.0, self._credit - count)
        if self._left is not None:
            self._left -= count
        if self._requests is not None:
            self._requests.level -= count
        if self._tokens is not None:
            self._tokens.level -= count * self._mean
            self._reserved += count * self._mean
            self._open += count


def _bucket(rate: float | None, seconds: float, now: float) -> _Bucket | None:
    return None if rate is None else _Bucket(rate, max(1.0, rate * seconds), now)
