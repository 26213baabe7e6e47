"""One engine a process, however many bundles and threads send it requests.

An engine may hold a GPU and take minutes to start, so it outlives the DoFn instances that use it.
"""

import atexit
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from weir.transforms.judge.budget import UNLIMITED, Allowance, Budget
from weir.transforms.judge.cache import VerdictCache
from weir.transforms.judge.engine import Engine
from weir.transforms.judge.reuse import Reuse, ReuseSettings
from weir.transforms.judge.unreadable_answers import Unreadable


class Slots:
    """A bounded semaphore that knows how many have it; its bound is asked for each time."""

    def __init__(self, bound: Callable[[], int]) -> None:
        self._bound = bound
        self._taken = 0
        self._freed = threading.Condition()

    @property
    def taken(self) -> int:
        """Return how many slots are taken."""
        return self._taken

    def acquire(self, *, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take a slot; return whether there was one."""
        with self._freed:
            free = self._freed.wait_for(
                lambda: self._taken < self._bound(), timeout if blocking else 0
            )
            self._taken += free
            return free

    def release(self) -> None:
        """Give a slot back."""
        with self._freed:
            self._taken -= 1
            self._freed.notify()


@dataclass
class SharedEngine:
    """An engine, the slots for the requests that it may hold at once, and what saves it some."""

    engine: Engine
    slots: Slots
    cache: VerdictCache
    allowance: Allowance
    shadow_allowance: Allowance = field(default_factory=lambda: Allowance(UNLIMITED))
    unreadable: Unreadable = field(default_factory=Unreadable)
    reuse: Reuse | None = None  # None where near-copies are judged
    users: int = 0

    @property
    def in_flight(self) -> int:
        """Return how many requests are at the engine."""
        return self.slots.taken


@dataclass
class Engines:
    """The engines of this process, by the key of the step that asked for them."""

    _shared: dict[str, SharedEngine] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def acquire(
        self,
        key: str,
        factory: Callable[[], Engine],
        max_in_flight: int,
        cache_bytes: int = 0,
        budget: Budget = UNLIMITED,
        shadow_budget: Budget = UNLIMITED,
        reuse: ReuseSettings | None = None,
    ) -> SharedEngine:
        """Return the engine of that key, started if it is not there yet."""
        with self._lock:
            shared = self._shared.get(key)
            if shared is None:
                # Engines that nobody uses stay until now: Beam drops idle DoFn instances after a
                # minute, and a quiet stream should not pay for a fresh engine.
                self._close(lambda other: other.users == 0)
                engine = factory()
                shared = SharedEngine(
                    engine,
                    Slots(lambda: max(1, min(max_in_flight, engine.capacity))),
                    VerdictCache(cache_bytes, engine.model),
                    Allowance(budget),
                    Allowance(shadow_budget),
                    reuse=Reuse(reuse) if reuse else None,
                )
                self._shared[key] = shared
            shared.users += 1
            return shared

    def release(self, key: str) -> None:
        """Say that one user is gone."""
        with self._lock:
            self._shared[key].users -= 1

    def close(self) -> None:
        """Close every engine."""
        with self._lock:
            self._close(lambda _: True)

    def _close(self, which: Callable[[SharedEngine], bool]) -> None:
        for key in [key for key, shared in self._shared.items() if which(shared)]:
            self._shared.pop(key).engine.close()


ENGINES = Engines()
atexit.register(ENGINES.close)
