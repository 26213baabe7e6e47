"""How far a judge has got, on stderr, and what is wrong with its answers, as soon as it shows."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.status import Status

from weir.pipelines.evaluate.judging import Answer
from weir.transforms.counts import counts_here
from weir.transforms.judge.unreadable_answers import Unreadable
from weir.transforms.judge.verdict import Verdict

_EVERY_S = 10.0  # a line, where nobody looks at a terminal
_LOOKED_AT_S = 1.0


@contextmanager
def show_progress(total: int) -> Iterator[Callable[[Answer], None]]:
    """Show how many answers are there: a bar on a terminal, and in a pipe a line now and then."""
    columns = TextColumn("judging"), MofNCompleteColumn(), TimeRemainingColumn()
    in_pipe = not sys.stderr.isatty()
    unreadable = Unreadable()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=in_pipe) as bar:
        task, said_at, count = bar.add_task("judging", total=total), time.monotonic(), 0

        def heard(answer: Answer) -> None:
            nonlocal said_at, count
            count += 1
            bar.advance(task)
            verdicts = [answer.said] if isinstance(answer.said, Verdict) else []
            if warning := unreadable.record(verdicts):
                _say(bar, warning)
            if in_pipe and time.monotonic() - said_at >= _EVERY_S:
                said_at = time.monotonic()
                _say(bar, f"judged {count:,} of {total:,}")

        yield heard


@contextmanager
def show_job(status: Status, doing: str) -> Iterator[None]:
    """Show how far the judge of a job in this process has got, beside what the job is doing."""
    before, ended = counts_here(), threading.Event()
    in_pipe = not status.console.is_terminal

    def show() -> None:
        while not ended.wait(_EVERY_S if in_pipe else _LOOKED_AT_S):
            now = counts_here()
            verdicts, deferred = now.verdicts - before.verdicts, now.deferred - before.deferred
            asked = now.escalations - before.escalations - deferred
            if not asked:
                continue
            words = f"{doing}: judged {verdicts:,} of {asked:,}"
            if in_pipe:
                sys.stderr.write(f"weir: {words}\n")
                sys.stderr.flush()
            else:
                status.update(words)

    status.update(doing)
    watching = threading.Thread(target=show, daemon=True)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join()


def _say(bar: Progress, words: str) -> None:
    if bar.disable:
        sys.stderr.write(f"weir: {words}\n")
        sys.stderr.flush()
    else:
        bar.console.print(f"weir: {words}", markup=False, highlight=False)
