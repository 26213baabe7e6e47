"""The two sides of a comparison: a run, a policy version, or one version within one run."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from weir.pipelines.bigquery.dataset import Dataset
from weir.pipelines.errors import OptionError

_KNOWN = 10  # runs in a message

_OF_RUN = """
SELECT MIN(DATE(created_at)) AS first, MAX(DATE(created_at)) AS last
FROM (
  SELECT created_at FROM `{dataset}.screenings` WHERE run = @run
  UNION ALL
  SELECT created_at FROM `{dataset}.verdicts` WHERE run = @run
)
"""
_OF_VERSION = """
SELECT policy_id, MIN(DATE(created_at)) AS first, MAX(DATE(created_at)) AS last
FROM `{dataset}.verdicts`
WHERE policy_version = @version AND @run IN ('', run)
GROUP BY policy_id
"""
_RUNS = "SELECT DISTINCT run FROM `{dataset}.screenings` ORDER BY run LIMIT @most"


@dataclass(frozen=True)
class Side:
    """What is compared, as it was named, and the days of its posts.

    ``run`` is None for a policy version in whatever run, ``version`` for a whole run; a version
    comes with its policy.
    """

    name: str
    run: str | None
    version: str | None
    policy_id: str | None
    first: date
    last: date


@dataclass(frozen=True)
class Window:
    """From ``since`` on, before ``until``: when the posts were written, in UTC."""

    since: datetime
    until: datetime


def find_side(dataset: Dataset, name: str) -> Side:
    """Return the side of that name: RUN, VERSION or RUN@VERSION; OptionError where there is none.

    A name that is that of a run and of a version means the run.
    """
    days = days_of_run(dataset, name)
    if days is not None:
        return Side(name, name, None, None, *days)
    run, at, version = name.rpartition("@")
    found = dataset.rows(_OF_VERSION, run=run, version=version)
    if found:
        (row,) = found  # a version belongs to one policy
        return Side(name, run or None, version, row["policy_id"], row["first"], row["last"])
    known = [r["run"] for r in dataset.rows(_RUNS, most=_KNOWN)]
    what = (
        f"policy version {version} in the run {run!r}" if at else f"run or policy version {name!r}"
    )
    raise OptionError(
        f"There is no {what} in {dataset.name}; its runs: {', '.join(known) or 'none'}"
    )


def days_of_run(dataset: Dataset, run: str) -> tuple[date, date] | None:
    """Return the first and the last day of a run's posts; None where it has none."""
    (row,) = dataset.rows(_OF_RUN, run=run)
    return (row["first"], row["last"]) if row["first"] is not None else None


def window_of(a: Side, b: Side, since: datetime | None, until: datetime | None) -> Window:
    """Return the time that is compared: what is asked for, else the days that both sides have.

    Raises OptionError where there is none.
    """
    if since is not None and until is not None and since >= until:
        raise OptionError(f"--from {since} is not before --to {until}; exchange them")
    first, last = max(a.first, b.first), min(a.last, b.last)
    if first > last and (since is None or until is None):
        raise OptionError(
            f"{a.name} has posts of {_days(a)} and {b.name} of {_days(b)}: no day is in both, so "
            "there is nothing to compare"
        )
    return Window(since or _midnight(first), until or _midnight(last + timedelta(days=1)))


def days_left_out(side: Side, window: Window) -> int:
    """Return how many days between a side's first and last post lie outside the window."""
    days = (side.last - side.first).days + 1
    until = (window.until - timedelta(microseconds=1)).date()
    inside = (min(side.last, until) - max(side.first, window.since.date())).days + 1
    return days - max(0, inside)


def _days(side: Side) -> str:
    return str(side.first) if side.first == side.last else f"{side.first} to {side.last}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
