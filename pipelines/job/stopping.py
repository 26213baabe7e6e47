"""SIGTERM and SIGINT: the first drains, the second stops at once."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from weir.transforms.process.draining import STOPPING

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LATE = 1  # exit code of a job that was still not done at its deadline


@contextmanager
def drained_on_signals(seconds: float) -> Iterator[Callable[[], None]]:
    """Drain at the first signal while the block runs; stop at the second, or after the seconds.

    Gives a function that takes the signals over again, for after something else took them: Beam's
    job servers do. Does nothing outside of the main thread, which alone gets signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    deadline = threading.Timer(seconds, _give_up, (seconds,))
    deadline.daemon = True

    def drain(number: int, _: FrameType | None) -> None:
        if STOPPING.is_set():
            os._exit(128 + number)
        STOPPING.set()
        deadline.start()
        _say(f"stopping: finishing what is in flight, for {seconds:g} s at most; again to stop now")

    def take_over() -> None:
        for number in _SIGNALS:
            signal.signal(number, drain)

    take_over()
    try:
        yield take_over
    finally:
        deadline.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
        STOPPING.clear()


def _give_up(seconds: float) -> None:
    _say(f"not done after {seconds:g} s, stopped: the same command reads what was in flight again")
    os._exit(_LATE)


def _say(what: str) -> None:
    # Not by print or logging: a signal may come while either holds its lock.
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"weir: {what}\n".encode())
