"""Waits for a job, and cancels it where the process is asked to end."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    GoogleCloudOptions,
    PipelineOptions,
    StandardOptions,
)
from apache_beam.runners.runner import PipelineState

from weir.pipelines.errors import NotStoppedError
from weir.pipelines.runners.flink import EMBEDDED, FlinkJobOptions
from weir.pipelines.runners.flink_address import FlinkAddress

_LOOK_SECONDS = 0.2  # how soon a signal is seen
_LAST_SECONDS = 60.0  # for a job to say that it was cancelled


Cancel = Callable[[Any], None]


def cancel_of(options: PipelineOptions, seconds: float) -> Cancel:
    """Return what cancels a job, by its result, on the runner of the options.

    On a cluster of Flink it leaves a savepoint below --checkpoints, where that is given, if one can
    be had in so many seconds; and it raises NotStoppedError where the job may go on. Ask before the
    job starts: Beam takes the runner's name out of the options.
    """
    standard, flink = options.view_as(StandardOptions), options.view_as(FlinkRunnerOptions)
    name, master = options.view_as(GoogleCloudOptions).job_name, flink.flink_master
    if standard.runner != "FlinkRunner" or master in EMBEDDED or not name:
        return _cancel
    folder = options.view_as(FlinkJobOptions).state_backend_storage_path

    def cancel(result: Any) -> None:
        cluster = FlinkAddress.of(master)
        saved = folder and _saved(cluster, name, folder, seconds)
        try:
            cluster.cancel(name)
        except OSError as error:  # TimeoutError is one
            raise NotStoppedError(
                f"Flink's job {name} may still run: {error}. Look at {master}, and cancel it there"
            ) from error
        if saved:
            _say(saved)
        _cancel(result)

    return cancel


def _cancel(result: Any) -> None:
    result.cancel()


def _saved(cluster: FlinkAddress, job_name: str, folder: str, seconds: float) -> str:
    """Return what to tell whoever stopped the job of how to go on with it."""
    try:
        place = cluster.save(job_name, f"{folder}/savepoints", seconds)
    except (OSError, ValueError, KeyError) as error:  # TimeoutError is an OSError
        return f"stopped without a savepoint ({error}); --resume goes on from the last checkpoint"
    return f"stopped with the savepoint {place}; --resume goes on from it"


def _say(what: str) -> None:
    sys.stderr.write(f"weir: {what}\n")


def wait(result: Any, cancel: Cancel) -> str:
    """Return the state that the job ended in; the first SIGINT or SIGTERM cancels it.

    A second one ends the process as it would without this. The job's own error passes through,
    unless it is that it was cancelled.
    """
    with _signals() as asked:
        waiting = _Waiting(result)
        waiting.start()
        while waiting.is_alive() and not asked.is_set():
            waiting.join(_LOOK_SECONDS)
        if asked.is_set() and waiting.is_alive():
            cancel(result)
            waiting.join(_LAST_SECONDS)
            return str(PipelineState.CANCELLED)
    if waiting.error is not None:
        raise waiting.error
    return str(waiting.state)


class _Waiting(threading.Thread):
    def __init__(self, result: Any) -> None:
        super().__init__(name="wait-for-job", daemon=True)
        self._result = result
        self.state: Any = None
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.state = self._result.wait_until_finish()
        except Exception as error:  # noqa: BLE001 - raised again by who waits
            self.error = error


@contextmanager
def _signals() -> Iterator[threading.Event]:
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked  # no other thread may listen for signals
        return

    def ask(_number: int, _frame: object) -> None:
        asked.set()
        for each, handler in previous.items():
            signal.signal(each, handler)

    # Beam's handler for SIGINT stops its job server, and then nobody is left to cancel the job.
    previous = {int(each): signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    for each in previous:
        signal.signal(each, ask)
    try:
        yield asked
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)
