"""What a person may change while a job runs, policies and screens: read again by each worker.

Side inputs would be Beam's way, but not every runner refreshes them. So each process has a thread
that looks at the files, and steps ask what is in force when a batch begins.
"""

import logging
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from weir.transforms.process.metrics import Gauge, gauge

T = TypeVar("T")

_LOG = logging.getLogger(__name__)
_EARLIER = 8  # values that are kept after others took their place: for what is in flight
_ATTEMPTS = 5  # at files that are being written, before the next look
_STILL_SECONDS = 1.0  # files that change no more for so long are whole
_FIRST_LOOK_SECONDS = 10.0
_LAST_LOOK_SECONDS = 10.0


class Source(Protocol[T]):
    """Something that is read from files; small enough to travel with a step."""

    @property
    def what(self) -> str:
        """Return the kind of thing it is, as metrics call it."""
        ...

    @property
    def key(self) -> Hashable:
        """Return what two sources of the same thing have in common."""
        ...

    def first(self) -> T:
        """Return what is in force when the process begins."""
        ...

    def stamp(self) -> object:
        """Return what changes when a file does, without reading any."""
        ...

    def read(self) -> T:
        """Return what the files hold now; ValueError says what is wrong with them, and where."""
        ...

    def versions(self, value: T) -> Mapping[str, str]:
        """Return the versions in it, by the names of what they are versions of."""
        ...


@dataclass(frozen=True)
class Reloading(Generic[T]):
    """A source that is looked at every so many ``seconds``; never where they are 0.

    ``record`` is called in each process with every value that takes the place of the first; it may
    be called again where it raised.
    """

    source: Source[T]
    seconds: float = 0.0
    record: Callable[[T], None] | None = None  # hashable

    @property
    def key(self) -> Hashable:
        """Return what the reloadings of one job have in common."""
        return self.source.key, self.seconds, self.record


@dataclass(frozen=True)
class InForce(Generic[T]):
    """What decides now, those before it (the newest first), and how many edits were refused since.

    Another object whenever anything of it changes.
    """

    value: T
    earlier: tuple[T, ...] = ()
    failures: int = 0


class Reloaded(Generic[T]):
    """What is in force in this process. Any thread may read ``now``."""

    def __init__(self, reloading: Reloading[T]) -> None:
        self._source, self._record = reloading.source, reloading.record
        self._seconds = reloading.seconds
        self._still_seconds = min(_STILL_SECONDS, self._seconds / 5)
        self.now: InForce[T] = InForce(reloading.source.first())
        self._stamp: object = None  # of the files that are in force
        self._said: str | None = None  # why the latest edit is not in force
        self._unrecorded: list[T] = []
        self._looking = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.users = 0

    def start(self) -> None:
        """Begin to look, and wait for the first look."""
        if not self._seconds:
            return
        self._stop, looked = threading.Event(), threading.Event()
        name, of = f"weir-{self._source.what}-reload", (self._stop, looked)
        self._thread = threading.Thread(target=self._run, args=of, name=name, daemon=True)
        self._thread.start()
        looked.wait(_FIRST_LOOK_SECONDS)

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_LAST_LOOK_SECONDS)

    def count(self) -> None:
        """Say how many edits were refused; Beam hears of it only from a step."""
        if self._seconds:
            self._failures.set(self.now.failures)

    @property
    def _failures(self) -> Gauge:
        """Return the gauge of the edits that were refused since the last one taken."""
        return gauge(f"{self._source.what}_reload_failures")

    def look(self) -> None:
        """See whether the files have changed, and take them if they are whole and sound."""
        if not self._seconds:
            return
        with self._looking:
            try:
                changed = self._whole()
            except ValueError as error:  # of policies and screens: the sentence is written for this
                self._refuse(str(error))
            except Exception as error:  # noqa: BLE001 - whatever a bucket's client raises
                self._refuse(f"the files cannot be read ({type(error).__name__})")
            else:
                if changed:
                    self._take(*changed)

    def _run(self, stop: threading.Event, looked: threading.Event) -> None:
        while True:
            self.look()
            looked.set()
            self._keep_records()
            if stop.wait(self._seconds):
                return

    def _whole(self) -> tuple[T, object] | None:
        """Return what was read from files that stood still meanwhile, and their stamp.

        None where they are still being written. Raises what reading them raises.
        """
        for _ in range(_ATTEMPTS):
            stamp: object = None
            problem: Exception | None = None
            value = self.now.value
            try:
                stamp = self._source.stamp()
                if stamp == self._stamp:
                    return value, stamp
                value = self._source.read()
            except Exception as error:  # noqa: BLE001 - raised below, unless the files change
                problem = error
            news = problem is not None or value != self.now.value
            if news and self._stop.wait(self._still_seconds):
                return None
            if self._stamp_if_any() == stamp:
                if problem is not None:
                    raise problem
                return value, stamp
        return None

    def _stamp_if_any(self) -> object:
        try:
            return self._source.stamp()
        except Exception:  # noqa: BLE001 - None says as much, and the next attempt says why
            return None

    def _take(self, value: T, stamp: object) -> None:
        before, self._stamp, self._said = self.now, stamp, None
        if value != before.value:
            kept = (before.value, *before.earlier)[:_EARLIER]
            self.now = InForce(value, kept)
            self._unrecorded.append(value)
            _LOG.info("in force from now on: %s", self._news(before.value, value))
        elif before.failures:
            self.now = InForce(value, before.earlier)
        self._failures.set(0)

    def versions(self) -> Mapping[str, str]:
        """Return the versions in force, by the names of what they are versions of."""
        return self._source.versions(self.now.value)

    def _news(self, before: T, after: T) -> str:
        old, new = self._source.versions(before), self._source.versions(after)
        changed = [
            f"{name} {new[name]}, after {old[name]}" if name in old else f"{name} {new[name]}"
            for name in new
            if new[name] != old.get(name)
        ]
        changed += [f"{name} no longer" for name in old if name not in new]
        return "; ".join(changed) or f"the same {self._source.what}, told otherwise"

    def _refuse(self, problem: str) -> None:
        if problem != self._said:
            self._said = problem
            before = self.now
            self.now = InForce(before.value, before.earlier, before.failures + 1)
            _LOG.warning("%s (this edit is not in force, and what was before is)", problem)
        self._failures.set(self.now.failures)

    def _keep_records(self) -> None:
        if self._record is None:
            return
        while self._unrecorded:
            try:
                self._record(self._unrecorded[0])
            except Exception as error:  # noqa: BLE001 - whatever BigQuery's clients raise
                what, kind = self._source.what, type(error).__name__
                _LOG.warning("another %s is not recorded yet (%s)", what, kind)
                return
            del self._unrecorded[0]


@dataclass
class Reloads:
    """What is in force in this process, by what it is read from."""

    _reloaded: dict[Hashable, Reloaded[Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def acquire(self, reloading: Reloading[T]) -> Reloaded[T]:
        """Return what is in force, looked at from now on until each user is gone."""
        with self._lock:
            key = reloading.key
            reloaded: Reloaded[T] | None = self._reloaded.get(key)
            if reloaded is None:
                reloaded = self._reloaded[key] = Reloaded(reloading)
            if reloaded.users == 0:
                reloaded.start()
            reloaded.users += 1
            return reloaded

    def versions(self) -> dict[str, str]:
        """Return the versions that decide in this process, by what they are versions of."""
        with self._lock:
            used = [each for each in self._reloaded.values() if each.users]
        return {name: version for each in used for name, version in each.versions().items()}

    def release(self, reloading: Reloading[Any]) -> None:
        """Say that one user is gone."""
        with self._lock:
            reloaded = self._reloaded[reloading.key]
            reloaded.users -= 1
            # Kept, as what is in flight may still name an earlier value.
            if reloaded.users == 0:
                reloaded.stop()


RELOADS = Reloads()
