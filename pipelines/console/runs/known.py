"""Which runs there are, and what became of each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from weir.pipelines.bigquery.dataset import Dataset
from weir.pipelines.compare.sides import days_of_run
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
_ACCOUNTS = """
SELECT * FROM `{dataset}.conservation` WHERE @run IN ('', run) ORDER BY run LIMIT @most
"""
_POLICIES = """
SELECT
  policy_id, mode, SUM(posts) AS posts, SUM(cleared) AS cleared, SUM(judged) AS judged,
  SUM(violating) AS violating, SUM(safe) AS safe, SUM(indeterminate) AS indeterminate,
  SUM(undecided) AS undecided, SUM(deferred) AS deferred
FROM `{dataset}.daily_rates`
WHERE run = @run AND day BETWEEN @since AND @until
GROUP BY policy_id, mode
ORDER BY policy_id, mode
"""


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


def accounts_of(visit: Visit, run: str = "") -> list[dict[str, Any]]:
    """Return whether everything that was screened has its decisions, as the view says."""
    return visit.rows(_ACCOUNTS, run=run, most=_MOST_RUNS)


def days_of(visit: Visit, run: str) -> tuple[date, date] | None:
    """Return the first and last day of a run's posts; None where it has none. TablesError."""
    with visit.dataset() as dataset:
        return days_of_run(dataset, run)


def latest_days(days: tuple[date, date]) -> tuple[date, date]:
    """Return the last days of a run, of which a page counts the posts unless all are asked for."""
    first, last = days
    return max(first, last - timedelta(days=_SHOWN_DAYS - 1)), last


def policies_of(visit: Visit, run: str, days: tuple[date, date]) -> list[dict[str, Any]]:
    """Return what became of a run's posts by policy, as the view daily_rates counts them."""
    return visit.rows(_POLICIES, run=run, since=days[0], until=days[1])
