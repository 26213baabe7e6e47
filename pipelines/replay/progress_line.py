"""How far a replay has come, and how long the rest takes."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from google.api_core.exceptions import GoogleAPICallError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from weir.pipelines.bigquery.dataset import connect
from weir.transforms.process.live_numbers import LIVE, Snapshot
from weir.transforms.write.bigquery.sink import BigQuerySettings

_LINE_SECONDS = 10.0
_TOLD_SECONDS = 2.0
_BAR_SECONDS = 0.5
_ASK_SECONDS = 30.0  # a query each

Done = Callable[[], float]


def done_of(snapshot: Snapshot) -> float:
    """Return how many posts are through: those read, less the share that waits for the judge."""
    count = {name.name: value for name, value in snapshot.counters.items() if not name.labels}
    answered = sum(count.get(name, 0) for name in ("verdicts", "deferred", "dead_letters_judge"))
    escalations = count.get("escalations", 0)
    share = min(1.0, answered / escalations) if escalations else 1.0
    return count.get("messages", 0) * share


def time_left(done: float, total: int, seconds: float) -> timedelta | None:
    """Return the time that the rest takes at the rate so far; None where nothing is done yet."""
    if done <= 0 or seconds <= 0:
        return None
    return timedelta(seconds=round(max(0.0, total - done) * seconds / done))


def line(done: float, total: int, seconds: float) -> str:
    """Return one line that says how far it is."""
    done = min(done, float(total))
    rest = time_left(done, total, seconds)
    share = done / total if total else 1.0
    after = f"about {rest} left" if rest is not None else "time left not known yet"
    return f"{share:.0%} ({done:,.0f} of {total:,}), {after}"


@contextmanager
def show_progress(total: int, done: Done) -> Iterator[None]:
    """Show while the block runs how much of the total is done.

    A bar on a terminal; elsewhere a line on stderr every ten seconds.
    """
    stopped = threading.Event()
    console = Console(stderr=True)
    show = _bar if console.is_terminal else _lines
    thread = threading.Thread(target=show, args=(total, done, stopped), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def seldom(told: Callable[[int], None]) -> Callable[[int], None]:
    """Return what hears of a number, and passes it on every other second at most."""
    due = time.monotonic() + _TOLD_SECONDS

    def hear(number: int) -> None:
        nonlocal due
        if time.monotonic() >= due:
            told(number)
            due = time.monotonic() + _TOLD_SECONDS

    return hear


def counted_here() -> float:
    """Return how many posts this process has decided, for a job that is all in it."""
    return done_of(LIVE.snapshot())


class CountedThere:
    """Asks BigQuery how many posts of a run were screened since this was made."""

    def __init__(self, settings: BigQuerySettings, run: str) -> None:
        self._settings, self._run = settings, run
        self._first = self._latest = self._asked(0)
        self._due = time.monotonic() + _ASK_SECONDS

    def __call__(self) -> float:
        """Return the number, as it was half a minute ago at most."""
        if time.monotonic() >= self._due:
            self._latest = self._asked(self._latest)
            self._due = time.monotonic() + _ASK_SECONDS
        return float(self._latest - self._first)

    def _asked(self, otherwise: int) -> int:
        # Where a look fails the number stays: the job itself says what is wrong.
        with suppress(GoogleAPICallError), connect(self._settings) as dataset:
            (row,) = dataset.rows(_SCREENED, run=self._run)
            return int(row["n"])
        return otherwise


_SCREENED = "SELECT COUNT(*) AS n FROM `{dataset}.screenings` WHERE run = @run"


def _lines(total: int, done: Done, stopped: threading.Event) -> None:
    began = time.monotonic()
    while not stopped.wait(_LINE_SECONDS):
        sys.stderr.write(f"weir: {line(done(), total, time.monotonic() - began)}\n")


def _bar(total: int, done: Done, stopped: threading.Event) -> None:
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    began = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task: TaskID = progress.add_task("", total=total)
        while not stopped.wait(_BAR_SECONDS):
            now = min(done(), float(total))
            rest = time_left(now, total, time.monotonic() - began)
            description = f"about {rest} left" if rest is not None else ""
            progress.update(task, completed=int(now), description=description)
