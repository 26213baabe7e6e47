"""What waits for the judge in this process, so that the source can wait for it too.

Prism holds nothing back: whatever a slow judge has not taken yet lies in memory, and grows for as
long as posts come faster than verdicts. Screening goes on while there is room for what it
escalates; then reading waits, and the lag shows it. Flink and Dataflow hold back by themselves.
"""

import threading

import pyarrow as pa

from weir.transforms.records import post_bytes

_ROW_BYTES = 1024  # all of an escalation but the post


class Waiting:
    """Counts, once it was begun, the bytes of escalations that are made and not decided."""

    def __init__(self) -> None:
        self._most: int | None = None
        self._bytes = 0
        self._lock = threading.Lock()

    def start(self, most_bytes: int) -> None:
        """Begin to count, with nothing waiting."""
        with self._lock:
            self._most, self._bytes = most_bytes, 0

    def stop(self) -> None:
        """Count no longer."""
        with self._lock:
            self._most, self._bytes = None, 0

    def add(self, escalations: pa.RecordBatch) -> None:
        """Say that these wait."""
        self._change(escalations, 1)

    def less(self, escalations: pa.RecordBatch) -> None:
        """Say that these are decided."""
        self._change(escalations, -1)

    @property
    def on(self) -> bool:
        """Return whether it counts."""
        return self._most is not None

    def full(self) -> bool:
        """Return whether no more should be made for now."""
        return self._most is not None and self._bytes >= self._most

    def _change(self, escalations: pa.RecordBatch, sign: int) -> None:
        if self._most is None:
            return
        size = int(post_bytes(escalations).sum()) + _ROW_BYTES * escalations.num_rows
        with self._lock:
            self._bytes += sign * size


WAITING = Waiting()
