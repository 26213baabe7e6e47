"""Up to which offset everything is decided: what makes a committed offset safe to start from.

A runner hands a source's progress back when a *bundle* is done, and on Prism that is before the
posts in it are judged. So nothing that a runner says is used here. Instead every message of a
partition owes something from the moment it is read:

- a message owes one row: a screening, or, where it cannot be read, a dead letter;
- each escalation owes a row on top of that: a verdict, a deferral, a dead letter, or a message to
  another job;
- what goes to two places (a violation, a dead letter, a deferral) owes one more, and so do a
  provisional flag and its withdrawal.

Steps that make rows ``hold`` them, sinks ``release`` them when BigQuery or Kafka has acknowledged
them and not before, and an offset may be committed when no message before it owes anything. A
crash at any moment then leaves what was not acknowledged behind the committed offset, and the next
start reads it again: rows may come twice, under the same decision ids, and none is lost.

This is a count in one process, so it is used where one process does all: in process and on Prism.
Where escalations leave the process that read them, what they owe is never seen to be paid, and the
offset stays where it is: late, never wrong. Of a bundle that is tried again, nothing more is
committed for the partition, for the same reason.
"""

import bisect
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weir.transforms.arrays import Ints

Partition = tuple[str, int]  # topic and number
Position = tuple[str, int, int]

_LOG = logging.getLogger(__name__)
_MOST_OFFSETS = 1 << 26  # 256 MiB; nothing that goes on at all falls so far behind itself


@dataclass(frozen=True)
class Settled:
    """An offset before which all is decided, and the id of its topic."""

    offset: int
    topic_id: str | None


@dataclass
class _Carried:
    """Messages of an escalations topic whose rows are about another message."""

    owed: int = 0
    messages: list[Position] = field(default_factory=list)


class _Window:
    """What the messages of a stretch of offsets owe, from the first that owes anything on."""

    def __init__(self, start: int) -> None:
        self.reached = self._base = start
        self._owed = np.zeros(1024, np.int32)

    @property
    def size(self) -> int:
        """Return how many offsets have been read and are not settled, as of the last look."""
        return self.reached - self._base

    def add(self, offsets: Ints, owed: int) -> None:
        places = offsets - self._base
        places = places[places >= 0]
        if not len(places):
            return
        size = int(places.max()) + 1
        if size > len(self._owed):
            self._owed = np.concatenate([self._owed, np.zeros(size, np.int32)])
        np.add.at(self._owed, places, owed)

    def settled(self) -> int:
        """Return the first offset that owes something, or that of the next message to read."""
        owing = np.flatnonzero(self._owed[: self.size])
        done = int(owing[0]) if len(owing) else self.size
        self._owed, self._base = self._owed[done:].copy(), self._base + done
        return self._base


class _Windows:
    """What the messages of one partition owe: in one stretch, unless several workers read it."""

    def __init__(self, start: int, topic_id: str | None) -> None:
        self.topic_id = topic_id
        self._settled = start
        self._starts: list[int] = []
        self._windows: list[_Window] = []

    @property
    def size(self) -> int:
        """Return how many offsets have been read and are not settled, as of the last look."""
        return sum(window.size for window in self._windows)

    def begin(self, offset: int) -> bool:
        """Go on with a stretch, or begin one; return False where the offset was read before."""
        place = bisect.bisect_right(self._starts, offset)
        known = self._windows[place - 1] if place else None
        if known is not None and offset <= known.reached:
            return offset == known.reached
        if offset < self._settled:
            return False
        self._starts.insert(place, offset)
        self._windows.insert(place, _Window(offset))
        return True

    def read(self, offsets: Ints | None, end: int) -> None:
        if offsets is not None:
            self.add(offsets, 1)
        place = bisect.bisect_right(self._starts, end - 1) - 1
        if place >= 0:
            window = self._windows[place]
            window.reached = max(window.reached, end)

    def add(self, offsets: Ints, owed: int) -> None:
        if len(self._windows) == 1:
            self._windows[0].add(offsets, owed)
            return
        places = np.searchsorted(self._starts, offsets, "right") - 1
        for place in np.unique(places[places >= 0]).tolist():
            self._windows[place].add(offsets[places == place], owed)

    def settled(self) -> int:
        """Return the first offset that owes something, or that nobody has read."""
        for start, window in zip(self._starts, self._windows, strict=True):
            settled = window.settled()
            if start <= self._settled:
                self._settled = max(self._settled, settled)
        return self._settled


class Progress:
    """What the messages that this process has read still owe, partition by partition."""

    def __init__(self) -> None:
        self._on = False
        self._windows: dict[Partition, _Windows | None] = {}  # None: read twice, so not known
        self._carried: dict[Position, _Carried] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to count, with nothing read."""
        with self._lock:
            self._windows, self._carried = {}, {}
            self._on = True

    def stop(self) -> None:
        """Count no longer."""
        with self._lock:
            self._on = False
            self._windows, self._carried = {}, {}

    def at(
        self,
        topic: str,
        partition: int,
        offset: int,
        topic_id: str | None,
        first: int | None = None,
    ) -> None:
        """Say that reading a partition begins at an offset, or goes on there.

        ``first`` is the first offset of all that is to be read of it, where that is another: of a
        part that one of several workers reads.
        """
        if not self._on:
            return
        with self._lock:
            key = topic, partition
            if key not in self._windows:
                self._windows[key] = _Windows(offset if first is None else first, topic_id)
            windows = self._windows[key]
            if windows is not None and not windows.begin(offset):
                self._give_up(key)

    def read(self, topic: str, partition: int, messages: pa.RecordBatch | None, end: int) -> None:
        """Say that each of these messages owes a row, and that all up to ``end`` are read.

        To be said only where reading has gone on: ``end`` is behind what was read.
        """
        if not self._on:
            return
        with self._lock:
            window = self._windows.get((topic, partition))
            if window is not None:
                window.read(None if messages is None else _offsets(messages), end)
                if window.size > _MOST_OFFSETS:
                    self._give_up((topic, partition))

    def carry(self, messages: pa.RecordBatch, escalations: pa.RecordBatch) -> None:
        """Say that each message is an escalation, and owes what the post it is about owes."""
        if not self._on:
            return
        with self._lock:
            for message, post in zip(_positions(messages), _positions(escalations), strict=True):
                carried = self._carried.setdefault(post, _Carried())
                carried.owed += 1
                carried.messages.append(message)

    def hold(self, rows: pa.RecordBatch, more: int = 1) -> None:
        """Say that the message at the position of each row owes so many more."""
        self._add(rows, more)

    def release(self, rows: pa.RecordBatch) -> None:
        """Say that each row has arrived where it belongs."""
        self._add(rows, -1)

    def settled(self) -> dict[Partition, Settled]:
        """Return the offset of each partition before which nothing is owed."""
        with self._lock:
            return {
                key: Settled(window.settled(), window.topic_id)
                for key, window in self._windows.items()
                if window is not None
            }

    def _give_up(self, key: Partition) -> None:
        self._windows[key] = None
        _LOG.warning(
            "What of %s[%d] is decided is not known any more: no offsets are committed", *key
        )

    def _add(self, rows: pa.RecordBatch, owed: int) -> None:
        if not self._on or not rows.num_rows:
            return
        with self._lock:
            if self._carried:
                self._add_carried(rows, owed)
            for key, offsets in _by_partition(rows):
                window = self._windows.get(key)
                if window is not None:
                    window.add(offsets, owed)

    def _add_carried(self, rows: pa.RecordBatch, owed: int) -> None:
        # Row by row: this is the job that only judges, and a judgement takes a thousand times more.
        for post in _positions(rows):
            carried = self._carried.get(post)
            if carried is None:
                continue
            carried.owed += owed
            if carried.owed == 0:
                for topic, partition, offset in self._carried.pop(post).messages:
                    window = self._windows.get((topic, partition))
                    if window is not None:
                        window.add(np.array([offset]), -1)


def positions(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return the positions alone, so that nothing else of the rows has to be kept."""
    return rows.select(_POSITION)


_POSITION = ["topic", "partition", "offset"]


def _offsets(rows: pa.RecordBatch) -> Ints:
    return np.asarray(rows["offset"].to_numpy(zero_copy_only=False), np.int64)


def _positions(rows: pa.RecordBatch) -> list[Position]:
    columns = (rows[name].to_pylist() for name in _POSITION)
    return list(zip(*columns, strict=True))


def _by_partition(rows: pa.RecordBatch) -> Iterator[tuple[Partition, Ints]]:
    names: Any = rows["topic"]
    numbers = np.asarray(rows["partition"].to_numpy(zero_copy_only=False), np.int64)
    offsets = _offsets(rows)
    topics = names.unique().to_pylist()
    for topic in topics:
        of_topic = np.asarray(pc.equal(names, topic)) if len(topics) > 1 else slice(None)
        for number in np.unique(numbers[of_topic]).tolist():
            yield (topic, number), offsets[of_topic][numbers[of_topic] == number]


PROGRESS = Progress()
