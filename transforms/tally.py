"""Counts of this process, beside Beam's.

Prism adds up the counts of a step's first bundles only where they end one after the other: of two
that end at once it forgets one (its store of counts whose names it does not know yet holds one
value each). It runs everything in one process and repeats nothing, so there these are exact. A
runner that repeats a bundle makes them too high.
"""

import threading
from collections import Counter

Key = tuple[str, str]  # namespace, name


class Tally:
    """Sums by namespace and name, for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: Counter[Key] = Counter()

    def add(self, key: Key, count: int) -> None:
        """Add to a sum."""
        with self._lock:
            self._sums[key] += count

    def sums(self) -> dict[Key, int]:
        """Return all sums."""
        with self._lock:
            return dict(self._sums)

    def clear(self) -> None:
        """Begin again."""
        with self._lock:
            self._sums.clear()


TALLY = Tally()
