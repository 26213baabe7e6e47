"""A running job's screen learns: the schedule, on the machine that launched it, beside the job."""

import logging
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from weir.errors import WeirError
from weir.infra.local.tether import end_with
from weir.pipelines.screening.teaching import begin_with_base, look
from weir.pipelines.settings import ModerationSettings
from weir.pipelines.settings.taught_screen import Teaching

_LOG = logging.getLogger(__name__)
_JOIN_SECONDS = 10.0
_LOOK_SECONDS = 0.5  # how soon the end of the job is seen
_NICE = 10  # a look must not take the cores from the job


def with_taught_screens(settings: ModerationSettings) -> ModerationSettings:
    """Return the settings whose screens are those of the folder that is taught.

    Where it cannot be read and written nothing is taught, and stderr says so; ScreenError where the
    screen to begin with is unsound.
    """
    teaching = settings.teaching
    if teaching is None:
        return settings
    try:
        begin_with_base(teaching)
    except OSError as error:
        sys.stderr.write(
            f"weir: the screen learns nothing: {teaching.folder.path} cannot be read and written "
            f"({error.strerror or type(error).__name__}); name another folder by --taught-screen\n"
        )
        return replace(settings, teaching=None)
    folder = teaching.folder
    return replace(settings, screen=folder.live(), shadow_screen=folder.shadow())


@contextmanager
def taught_on_schedule(
    settings: ModerationSettings, once: Callable[[Teaching], None] | None = None
) -> Iterator[None]:
    """Look at the verdicts every so often while the block runs, in processes of their own.

    ``once`` is what a process does.
    """
    teaching, stop = settings.teaching, threading.Event()
    if teaching is None:
        yield
        return
    run = (teaching, settings.said.teaching.seconds, stop, once or look_once)
    thread = threading.Thread(target=_run, args=run, name="weir-teaching", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_JOIN_SECONDS)


def look_once(teaching: Teaching) -> None:
    """Look, and say on stderr what became of it; exit with 1 where it could not be done."""
    end_with(os.getppid())
    os.nice(_NICE)
    try:
        found = look(teaching)
    except (WeirError, OSError) as error:
        sys.stderr.write(f"weir: the screen could not learn: {error}\n")
        raise SystemExit(1) from None
    for row in found.rows:
        sys.stderr.write(f"weir: {row}\n")


def _run(
    teaching: Teaching,
    seconds: float,
    stop: threading.Event,
    once: Callable[[Teaching], None],
) -> None:
    # Spawned: a fork of a process with threads may hang.
    processes = multiprocessing.get_context("spawn")
    while not stop.wait(seconds):
        process = processes.Process(target=once, args=(teaching,), name="weir-teaching")
        process.start()
        while process.is_alive() and not stop.wait(_LOOK_SECONDS):
            pass
        if process.is_alive():
            process.terminate()
        process.join(_JOIN_SECONDS)
        if process.exitcode not in (0, 1) and not stop.is_set():
            _LOG.warning("a look at the verdicts ended with %s", process.exitcode)
