"""The numbers of this process as they stand, for whoever watches a local job.

Beam's own metrics reach the launcher when a job ends, or not at all while it runs in process, and
have no percentiles. These are the same numbers, kept beside them: attempts, not commits, so that a
bundle that is tried again counts twice here.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Milliseconds: from what a screen takes to what a judge with a queue does. 1, 2, 5 a decade.
BOUNDS_MS = tuple(first * 10**power for power in range(6) for first in (1, 2, 5))
_BOUNDS = np.array(BOUNDS_MS, np.float64)


@dataclass(frozen=True)
class Name:
    """A number's name, and what it is the number of."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Histogram:
    """How many values lie at or below each of BOUNDS_MS and above the one before, and their sum.

    The last count is of those above every bound.
    """

    counts: tuple[int, ...]
    total: float

    @property
    def count(self) -> int:
        """Return the number of values."""
        return sum(self.counts)

    def quantile(self, share: float) -> float | None:
        """Return the bound that so large a share of the values does not exceed; None of nothing.

        Infinite where that is more than the last bound.
        """
        if not self.count:
            return None
        place = int(np.searchsorted(np.cumsum(self.counts), share * self.count))
        return BOUNDS_MS[place] if place < len(BOUNDS_MS) else float("inf")


@dataclass(frozen=True)
class Snapshot:
    """All numbers at one moment."""

    counters: dict[Name, int]
    gauges: dict[Name, float]
    histograms: dict[Name, Histogram]


class Live:
    """Counters, gauges and histograms, by name; for all threads."""

    def __init__(self) -> None:
        self._counters: dict[Name, int] = {}
        self._gauges: dict[Name, float] = {}
        self._counts: dict[Name, npt.NDArray[np.int64]] = {}
        self._totals: dict[Name, float] = {}
        self._lock = threading.Lock()

    def add(self, name: Name, amount: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counters[name] = self._counters.get(name, 0) + amount

    def set(self, name: Name, value: float) -> None:
        """Set a gauge."""
        with self._lock:
            self._gauges[name] = value

    def shift(self, name: Name, amount: float) -> float:
        """Change a gauge by an amount; return what it is then."""
        with self._lock:
            value = self._gauges[name] = self._gauges.get(name, 0.0) + amount
            return value

    def observe(self, name: Name, milliseconds: Sequence[float] | npt.NDArray[np.float64]) -> None:
        """Add values to a histogram."""
        values = np.asarray(milliseconds, np.float64)
        counts = np.bincount(np.searchsorted(_BOUNDS, values), minlength=len(_BOUNDS) + 1)
        with self._lock:
            known = self._counts.get(name)
            self._counts[name] = counts if known is None else known + counts
            self._totals[name] = self._totals.get(name, 0.0) + float(values.sum())

    def snapshot(self) -> Snapshot:
        """Return all numbers."""
        with self._lock:
            return Snapshot(
                dict(self._counters),
                dict(self._gauges),
                {
                    name: Histogram(tuple(counts.tolist()), self._totals[name])
                    for name, counts in self._counts.items()
                },
            )

    def clear(self) -> None:
        """Begin at nothing."""
        with self._lock:
            for each in (self._counters, self._gauges, self._counts, self._totals):
                each.clear()


LIVE = Live()
