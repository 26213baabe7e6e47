"""What comes twice at once is taken one after the other.

A double click is two requests beside each other: the second waits until the first is done, and
then finds that it was.
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class OneAtATime:
    """A lock for each thing that is being done, kept as long as somebody does it or waits."""

    def __init__(self) -> None:
        self._own = threading.Lock()
        self._locks: dict[bytes, threading.Lock] = {}
        self._there: Counter[bytes] = Counter()

    @contextmanager
    def alone(self, *what: str) -> Iterator[None]:
        """Wait until nobody else does this, as these words name it."""
        key = hashlib.sha256("\0".join(what).encode("utf-8", "surrogatepass")).digest()
        with self._own:
            lock = self._locks.setdefault(key, threading.Lock())
            self._there[key] += 1
        try:
            with lock:
                yield
        finally:
            with self._own:
                self._there[key] -= 1
                if not self._there[key]:
                    del self._locks[key], self._there[key]
