"""The pages of Now: one that opens at once, and its parts, each of which asks for something."""

from datetime import UTC, date, datetime
from itertools import chain
from typing import Any

from weir.pipelines.bigquery.dataset import Value
from weir.pipelines.bigquery.labels import BESIDE_VERDICTS, narrowed
from weir.pipelines.console.gathering import Span, gather, spans
from weir.pipelines.console.now import decides
from weir.pipelines.console.now.jobs import Job, Readings, job_of
from weir.pipelines.console.now.windows import behind, labels
from weir.pipelines.console.posts.filters import ACTED_ON, ANSWERED, SENT
from weir.pipelines.console.runs.named import require_run
from weir.pipelines.console.visit import Page, RefusedError, Shown, Visit, address
from weir.pipelines.monitoring.status import is_of, local_jobs
from weir.pipelines.report.figures import causes, costs
from weir.pipelines.screening.recall import Audited, added_up, audit_span, of_run

_CHOICES = (1, 7, 30)  # that are looked at, beside those that the console is started for
# How often each part is renewed, in seconds: what a job says costs nothing, a question is billed.
_PARTS = (
    ("/now/jobs", 2, "Jobs of this machine"),
    ("/now/labels", 60, "The last hour and day"),
    ("/now/judge", 300, "The judge"),
    ("/now/recall", 300, "Live recall"),
    ("/now/dead", 60, "Dead letters"),
    ("/now/decides", 300, "In force"),
    ("/now/changes", 60, "What changed"),
)
_READINGS = Readings()
_OF_RUN = "run = @run AND DATE(created_at) >= @since"


def show(visit: Visit) -> Shown:
    """Return the page, which asks for nothing itself but for a run of which nothing is here."""
    require_run(visit, visit.run)
    days = _days(visit)
    asked = {"run": visit.run, "days": str(days)}
    parts = [(address(path, **asked), every, title) for path, every, title in _PARTS]
    return Shown("now/now.html.j2", {"parts": parts, "days": days, "choices": _choices(visit)})


def show_jobs(visit: Visit) -> Shown:
    """Return what the jobs of this machine say of themselves, those of other runs folded."""
    place = visit.setup.bigquery.place
    ours: list[tuple[Job, bool]] = []
    others: list[tuple[Job, bool]] = []
    began: dict[int, datetime] = {}
    for each in local_jobs():
        job, here = job_of(each, _READINGS), is_of(each, place)
        began[job.pid] = datetime.fromtimestamp(job.started, UTC)
        (ours if here and job.run == visit.run else others).append((job, here))
    return Shown("now/jobs.html.j2", {"ours": ours, "others": others, "began": began})


def show_labels(visit: Visit) -> Shown:
    """Return what was decided of the posts of the last hour and day, by policy."""
    lately = labels(visit)

    def to(window: int, **asked: str | None) -> str:
        return behind(visit, lately.windows[window], **asked)

    return Shown(
        "now/labels.html.j2",
        {
            "whole": lately.rows[:1],
            "rows": lately.rows[1:],
            "windows": lately.windows,
            "so_far": lately.so_far,
            "to": to,
            "sent": SENT,
            "acted_on": ACTED_ON,
        },
    )


def show_judge(visit: Visit) -> Shown:
    """Return what judging took, by policy, as ``weir report`` has it."""
    with visit.dataset() as dataset:

        def ask(sql: str) -> list[dict[str, Any]]:
            of_verdicts = narrowed(dataset, sql, _OF_RUN, BESIDE_VERDICTS)
            return dataset.rows(of_verdicts, **_asked(visit))

        found = costs(ask)
    return Shown("now/judge.html.j2", _of_days(visit) | {"costs": found})


def show_recall(visit: Visit) -> Shown:
    """Return what the screens catch, as ``weir screen audit`` has it."""
    run, since = visit.run, _since(visit)

    def ask(span: Span) -> list[Audited]:
        with visit.dataset() as dataset:
            return audit_span(dataset, run, span.begin, span.end)

    days = [visit.first_of(back) for back in range(1, _days(visit) + 1)]
    so_far = gather(visit, ("recall", run, since), lambda: spans(visit, days), ask)
    rows = added_up(chain.from_iterable(so_far.found))
    values = {"rows": rows, "answered": ANSWERED, "so_far": so_far}
    return Shown("now/recall.html.j2", _of_days(visit) | values)


def show_dead(visit: Visit) -> Shown:
    """Return why messages died, the most frequent causes first."""
    found = causes(lambda sql: visit.rows(sql, **_asked(visit)))
    return Shown("now/dead.html.j2", _of_days(visit) | {"causes": found})


def show_decides(visit: Visit) -> Shown:
    """Return the policies and screens in force."""
    days = _days(visit)
    policies, problem = decides.in_force(visit, days)
    found = {"policies": policies, "problem": problem, "screens": decides.screens(visit, days)}
    return Shown("now/decides.html.j2", _of_days(visit) | found)


def show_changes(visit: Visit) -> Shown:
    """Return what changed, and when."""
    found = {"changes": decides.changes(visit, _days(visit))}
    return Shown("now/changed.html.j2", _of_days(visit) | found)


def _choices(visit: Visit) -> list[int]:
    return sorted({*_CHOICES, visit.setup.days})


def _days(visit: Visit) -> int:
    said, choices = visit.query.get("days", "").strip() or str(visit.setup.days), _choices(visit)
    if said not in map(str, choices):
        raise RefusedError(f"days is none of {', '.join(map(str, choices))}")
    return int(said)


def _since(visit: Visit) -> date:
    """Return the first of the days, up to today, as ``weir report --days`` counts them."""
    return visit.first_of(_days(visit))


def _asked(visit: Visit) -> dict[str, Value]:
    return of_run(visit.run, _since(visit), None) | {"mode": "enforce"}


def _of_days(visit: Visit) -> dict[str, Any]:
    return {"days": _days(visit), "since": _since(visit), "run": visit.run}


_ASKED = ("run", "days")
PAGES = (
    Page("/now", show, names=_ASKED),
    Page("/now/jobs", show_jobs, names=_ASKED),
    Page("/now/labels", show_labels, names=_ASKED),
    Page("/now/judge", show_judge, names=_ASKED),
    Page("/now/recall", show_recall, names=_ASKED),
    Page("/now/dead", show_dead, names=_ASKED),
    Page("/now/decides", show_decides, names=_ASKED),
    Page("/now/changes", show_changes, names=_ASKED),
)
