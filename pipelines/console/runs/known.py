"""Which runs there are, and what became of each."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any

from weir.pipelines.bigquery.dataset import Dataset
from weir.pipelines.bigquery.labels import WITHIN
from weir.pipelines.compare.sides import days_of_run
from weir.pipelines.console.gathering import SoFar, Span, gather_rows, spans
from weir.pipelines.console.visit import Visit

_MOST_RUNS = 300  # runs on a page
_SHOWN_DAYS = 7

_FINISHED = """
SELECT
  run, mode, topics, policy_set, screen_version, weir_version, audit_rate, counts, started_at,
  ended_at, COUNT(*) OVER (PARTITION BY run) AS times
FROM `{dataset}.runs`
WHERE @run IN ('', run)
QUALIFY ROW_NUMBER() OVER (PARTITION BY run ORDER BY ended_at DESC) = 1
ORDER BY ended_at DESC
LIMIT @most
"""
_BEGUN = """
SELECT run, configuration, slices, sample, begun_at
FROM `{dataset}.replays`
WHERE @run IN ('', run)
QUALIFY ROW_NUMBER() OVER (PARTITION BY run ORDER BY begun_at) = 1
ORDER BY begun_at DESC
LIMIT @most
"""
_ACCOUNTS = "SELECT * FROM `{dataset}.conservation` WHERE @run IN ('', run)"
_OF_DAY = "@run IN ('', run) AND created_at >= @begin AND created_at < @end"
# The other columns are of the run, whichever of its days are looked at.
_OF_POSTS = ("posts", "pairs", "cleared", "judged", "deferred", "unaccounted")
_NO_TIME = Span(datetime.fromtimestamp(0, UTC), datetime.fromtimestamp(0, UTC))
# In which tables a post is that has decisions.
_DAYS = """
SELECT DISTINCT DATE(created_at) AS day
FROM (
  SELECT created_at FROM `{dataset}.screenings` WHERE @run IN ('', run)
  UNION ALL
  SELECT created_at FROM `{dataset}.verdicts` WHERE @run IN ('', run)
  UNION ALL
  SELECT created_at FROM `{dataset}.deferrals` WHERE @run IN ('', run)
)
"""
_COUNTED = (
    *("posts", "cleared", "judged", "violating", "safe", "indeterminate", "undecided"),
    "deferred",
)
_POLICIES = f"""
SELECT policy_id, mode, {", ".join(f"SUM({each}) AS {each}" for each in _COUNTED)}
FROM `{{dataset}}.daily_rates`
WHERE run = @run AND day >= DATE(@begin)
GROUP BY policy_id, mode
"""  # noqa: S608 - our names
Row = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """A run that has begun: a replay, one that finished, or both."""

    name: str
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    times: int = 0  # that it came to its end
    sample: float | None = None  # of a replay
    row: Mapping[str, Any] = field(default_factory=dict)  # of its latest end
    counts: Mapping[str, Any] = field(default_factory=dict)  # of its latest end
    settings: Mapping[str, Any] = field(default_factory=dict)  # of a replay
    offsets: int | None = None  # in the slice of a replay

    @property
    def is_replay(self) -> bool:
        """Return whether it was begun as a replay."""
        return self.sample is not None

    @property
    def latest(self) -> datetime | None:
        """Return when it was last heard of."""
        return max((at for at in (self.begun_at, self.ended_at) if at), default=None)


def runs_of(visit: Visit, name: str = "") -> list[Run]:
    """Return the runs that finished or were begun as replays, the latest first. TablesError."""
    with visit.dataset() as dataset:
        finished = _by_run(dataset, _FINISHED, name)
        begun = _by_run(dataset, _BEGUN, name)
    runs = [_run(each, finished.get(each), begun.get(each)) for each in finished.keys() | begun]
    return sorted(runs, key=lambda run: (run.latest is not None, run.latest), reverse=True)


def _by_run(dataset: Dataset, sql: str, name: str) -> dict[str, dict[str, Any]]:
    return {row["run"]: row for row in dataset.rows(sql, run=name, most=_MOST_RUNS)}


def _run(name: str, finished: Mapping[str, Any] | None, begun: Mapping[str, Any] | None) -> Run:
    row, first = finished or {}, begun or {}
    slices = json.loads(first.get("slices") or "[]")
    return Run(
        name,
        first.get("begun_at") or row.get("started_at"),
        row.get("ended_at"),
        row.get("times", 0),
        first.get("sample"),
        row,
        json.loads(row.get("counts") or "{}"),
        json.loads(first.get("configuration") or "{}"),
        sum(end - start for _, _, start, end, *_ in slices) if first else None,
    )


def _days_with_posts(visit: Visit, run: str) -> list[date]:
    """Return the days of a run's posts, or of all runs' for ''."""
    return sorted(row["day"] for row in visit.rows(_DAYS, run=run))


def accounts_of(visit: Visit, run: str = "") -> tuple[list[Row], SoFar[Span, list[Row]]]:
    """Return whether everything that was screened has its decisions, as the view says.

    TablesError.
    """

    def days() -> list[Span]:
        # Runs of which there are dead letters alone have no day.
        return [_NO_TIME, *spans(visit, _days_with_posts(visit, run))]

    so_far = gather_rows(visit, "accounts", run, days, _ACCOUNTS, _OF_DAY)
    by_run: dict[str, Row] = {}
    for row in chain.from_iterable(so_far.found):
        before = by_run.get(row["run"], {})
        by_run[row["run"]] = row | {name: row[name] + before.get(name, 0) for name in _OF_POSTS}
    return [by_run[name] for name in sorted(by_run)][:_MOST_RUNS], so_far


def days_of(visit: Visit, run: str) -> tuple[date, date] | None:
    """Return the first and last day of a run's posts; None where it has none. TablesError."""
    with visit.dataset() as dataset:
        return days_of_run(dataset, run)


def latest_days(days: Sequence[date]) -> list[date]:
    """Return the last of some days, whose posts a page counts unless all are asked for."""
    return [each for each in days if each > days[-1] - timedelta(days=_SHOWN_DAYS)]


def policies_of(
    visit: Visit, run: str, *, of_all_days: bool
) -> tuple[list[Row], SoFar[Span, list[Row]]]:
    """Return what became of a run's posts by policy, as the view daily_rates counts them.

    Those of its last days, or of all. TablesError.
    """

    def shown() -> list[Span]:
        days = _days_with_posts(visit, run)
        return spans(visit, days if of_all_days else latest_days(days))

    so_far = gather_rows(visit, ("policies", of_all_days), run, shown, _POLICIES, WITHIN)
    by_policy: dict[tuple[str, str], list[Row]] = {}
    for row in chain.from_iterable(so_far.found):
        by_policy.setdefault((row["policy_id"], row["mode"]), []).append(row)
    rows = [
        {"policy_id": policy_id, "mode": mode}
        | {name: _sum(row[name] for row in found) for name in _COUNTED}
        for (policy_id, mode), found in sorted(by_policy.items())
    ]
    return rows, so_far


def _sum(counts: Iterable[int | None]) -> int | None:
    """Return the sum of what is known, as SQL has it; None where nothing is."""
    known = [each for each in counts if each is not None]
    return sum(known) if known else None
