"""SIGTERM and SIGINT: the first drains, the second stops at once."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from apache_beam.options.pipeline_options import PipelineOptions

from weir.pipelines.errors import OptionError
from weir.transforms.process.draining import STOPPING

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LATE = 1  # exit code of a job that was still not done at its deadline


class StopOptions(PipelineOptions):
    """How a job ends before its time."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group(
            "Stopping",
            "In process and on Prism, SIGTERM or Ctrl-C ends reading, finishes what is in flight "
            "and exits with 0; a second one stops at once. What was not finished is read again by "
            "the same command. On a cluster of Flink they leave a savepoint below --checkpoints, "
            "from which --resume goes on.",
        )
        group.add_argument(
            "--drain_seconds",
            type=float,
            default=60.0,
            help="how long that may take before the job is stopped all the same",
        )


def drain_seconds_of(options: StopOptions) -> float:
    """Return the deadline; OptionError where it is none."""
    if not 0 < options.drain_seconds < threading.TIMEOUT_MAX:
        raise OptionError(f"--drain_seconds is {options.drain_seconds}; give seconds above 0")
    return float(options.drain_seconds)


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
