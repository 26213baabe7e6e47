"""Replays and the like that the console starts: processes of their own, which outlive it.

Each has a folder of this user's alone, named after its dataset and run: what was asked for, what
it prints, and how it ended. As long as it runs it holds a lock on a file there (flock), handed to
it when it starts: so a second one is refused, however close behind it comes, whether one runs is
known without asking for its process id, and that id is only signalled while it is its own.
"""

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from weir.pipelines.console.visit import RefusedError
from weir.pipelines.monitoring.status import folder as status_folder
from weir.transforms.process.own_folder import own_folder
from weir.transforms.write.bigquery.sink import BigQuerySettings

FORECAST, REPLAY, DEFERRED = "forecast", "replay", "deferred"
_WORDS = {
    FORECAST: "The forecast",
    REPLAY: "The replay",
    DEFERRED: "The judging of what was deferred",
}
_MOST_OUTPUT = 32 * 1024  # bytes of its end that are read
_TRIES, _PAUSE_SECONDS = 5, 0.05
_ASKED, _PID, _LOCK, _OUTPUT, _CODE, _STOPPED = "asked", "pid", "lock", "output", "code", "stopped"


@dataclass(frozen=True)
class Asked:
    """What a process does, and for whom; ``said`` is the form that it came from."""

    run: str
    what: str  # FORECAST, REPLAY or DEFERRED
    arguments: tuple[str, ...]
    said: Mapping[str, str]
    person: str
    begun: str  # ISO 8601


@dataclass(frozen=True)
class Kept:
    """A process that was started, running or not."""

    asked: Asked
    running: bool
    stopping: str  # who has asked it to stop, empty where nobody has
    code: int | None  # its exit code, where it came to an end by itself
    lines: tuple[str, ...]  # the last that it printed

    @property
    def ready(self) -> bool:
        """Return whether a forecast came to its end, so that its replay can be started."""
        return self.asked.what == FORECAST and self.code == 0 and not self.running

    @property
    def state(self) -> str:
        """Return in words how it stands."""
        what = _WORDS[self.asked.what]
        if self.running:
            return f"{what} finishes what is in flight" if self.stopping else f"{what} runs"
        if self.stopping:
            return f"{what} was stopped by {self.stopping}"
        if self.code is None:
            return f"{what} was killed"
        if self.code == 0:
            return f"{what} is done"
        if self.code == 2:
            return f"{what} could not start"
        return f"{what} ended, and its counts do not add up or something died"


def find(bigquery: BigQuerySettings, run: str) -> Kept | None:
    """Return the latest process of a run that a console on this machine started; None of none."""
    path = base() / _name(bigquery, run)
    return _kept(path) if path.is_dir() else None


def all_of(bigquery: BigQuerySettings) -> list[Kept]:
    """Return the processes of a dataset that consoles on this machine started, latest first."""
    found = [_kept(path) for path in base().glob(f"{_dataset(bigquery)}-*")]
    return sorted((each for each in found if each), key=lambda k: k.asked.begun, reverse=True)


def start(bigquery: BigQuerySettings, asked: Asked, environment: Mapping[str, str]) -> None:
    """Start a process; RefusedError where one of the run's is running already."""
    path = folder_of(bigquery, asked.run)
    with _held(path) as lock:
        if lock is None:
            raise _runs_already(asked.run, _kept(path))
        for name in (_CODE, _STOPPED, _PID):
            (path / name).unlink(missing_ok=True)
        _write(path / _ASKED, json.dumps(asdict(asked)))
        with (path / _OUTPUT).open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own module, and a folder of ours
                [sys.executable, "-m", "weir.pipelines.console.runs.process", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
                env={**environment, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        _write(path / _PID, str(process.pid))
    threading.Thread(target=process.wait, name="weir-replay", daemon=True).start()


def require_idle(bigquery: BigQuerySettings, run: str) -> None:
    """Raise RefusedError where a process of the run is running."""
    kept = find(bigquery, run)
    if kept and kept.running:
        raise _runs_already(run, kept)


def _runs_already(run: str, other: Kept | None) -> RefusedError:
    by = f", started by {other.asked.person}" if other else ""
    said = f"{run} runs already{by}: watch it, or stop it first"
    return RefusedError(said, HTTPStatus.CONFLICT)


def folder_of(bigquery: BigQuerySettings, run: str) -> Path:
    """Return the folder of a run's process, made where it is missing."""
    return own_folder(base() / _name(bigquery, run))


def stop(bigquery: BigQuerySettings, run: str, person: str) -> Kept:
    """Have a process drain, as Ctrl-C would; RefusedError where none runs."""
    path = base() / _name(bigquery, run)
    if path.is_dir():
        with _held(path) as lock:
            kept = _kept(path)
            if lock is None and kept is not None:
                # Whoever holds the lock is the process whose id stands beside it.
                number = int((path / _PID).read_text("ascii"))
                _write(path / _STOPPED, person)
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGTERM)
                return kept
    raise RefusedError(
        f"No process of {run} runs that a console on this machine started; one that was started "
        "in a terminal is stopped there, by Ctrl-C",
        HTTPStatus.CONFLICT,
    )


def read_asked(path: Path) -> Asked:
    """Return what the process of a folder is to do."""
    said = json.loads((path / _ASKED).read_text("utf-8"))
    return Asked(**said | {"arguments": tuple(said["arguments"])})


def write_code(path: Path, code: int) -> None:
    """Keep the exit code of the process of a folder."""
    _write(path / _CODE, str(code))


def base() -> Path:
    """Return the folder of this user's processes."""
    return own_folder(status_folder() / "console")


def _dataset(bigquery: BigQuerySettings) -> str:
    return hashlib.sha256(bigquery.place.encode()).hexdigest()[:12]


def _name(bigquery: BigQuerySettings, run: str) -> str:
    return f"{_dataset(bigquery)}-{hashlib.sha256(run.encode()).hexdigest()[:24]}"


@contextmanager
def _held(path: Path) -> Iterator[int | None]:
    """Give the lock of a folder while the block runs, as a file; None where a process has it."""
    with (path / _LOCK).open("ab") as lock:
        yield lock.fileno() if _take(lock.fileno()) else None


def _take(lock: int) -> bool:
    # Who only looks whether a process runs has the lock for a moment as well.
    for _ in range(_TRIES):
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(_PAUSE_SECONDS)
    return False


def _kept(path: Path) -> Kept | None:
    try:
        asked = read_asked(path)
    except (OSError, ValueError, TypeError, KeyError):
        return None  # it is being made, or is of another version
    with _shared(path) as running:
        code = _text(path / _CODE)
        return Kept(
            asked, running, _text(path / _STOPPED), int(code) if code else None, _lines(path)
        )


@contextmanager
def _shared(path: Path) -> Iterator[bool]:
    """Tell whether a process holds the lock, without keeping one from starting."""
    with (path / _LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            yield True
        else:
            fcntl.flock(lock, fcntl.LOCK_UN)
            yield False


def _lines(path: Path) -> tuple[str, ...]:
    try:
        with (path / _OUTPUT).open("rb") as output:
            size = output.seek(0, os.SEEK_END)
            output.seek(max(0, size - _MOST_OUTPUT))
            text = output.read(_MOST_OUTPUT).decode("utf-8", "replace")
    except OSError:
        return ()
    lines = text.splitlines()
    return tuple(lines[1:] if size > _MOST_OUTPUT else lines)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError:
        return ""


def _write(path: Path, text: str) -> None:
    whole = path.with_suffix(".part")
    whole.write_text(text, "utf-8")
    whole.replace(path)


def describe(kept: Kept) -> dict[str, Any]:
    """Return what a row of console_actions says of a process."""
    return {"what": kept.asked.what, "arguments": list(kept.asked.arguments)}
