"""What was decided of the posts of the last hour and the last day, asked of the view decisions."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from weir.pipelines.console.visit import Visit, address


@dataclass(frozen=True)
class Window:
    """A stretch of time up to now; ``since`` is a whole minute, so that an address can say it."""

    name: str
    since: datetime


@dataclass(frozen=True)
class Labels:
    """The posts of a window by what was decided, of a policy or, for at least one, of all.

    ``posts`` is None where a run records no cleared ones; ``cleared`` too.
    """

    posts: int | None
    escalated: int  # sent to the judge, also as the screen has no head
    violating: int
    safe: int
    indeterminate: int
    undecided: int


@dataclass(frozen=True)
class Row:
    """A policy, or None for all of them, and what was decided in each window."""

    policy_id: str | None
    mode: str
    windows: tuple[Labels, ...]


def windows(now: datetime) -> tuple[Window, Window]:
    """Return the last hour and the last day."""
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    return (
        Window("hour", minute - timedelta(hours=1)),
        Window("day", minute - timedelta(days=1)),
    )


def labels(visit: Visit) -> tuple[Row, ...]:
    """Return what was decided, of all policies first; without posts there is no row. TablesError.

    Policies in shadow have rows of their own, and count in no other.
    """
    hour, day = windows(visit.now)
    rows = visit.rows(_LABELS, run=visit.run, hour=hour.since, day=day.since)
    return tuple(
        Row(
            row["policy_id"],
            row["mode"],
            tuple(_labels(row, window.name) for window in (hour, day)),
        )
        for row in rows
    )


def _labels(row: dict[str, Any], window: str) -> Labels:
    known = row[f"{window}_known"]
    return Labels(
        round(row[f"{window}_posts"]) if known is None or known > 0 else None,
        *(row[f"{window}_{name}"] for name in _COUNTED),
    )


def behind(visit: Visit, window: Window, **asked: str | None) -> str:
    """Return where the posts behind a number are."""
    since = f"{window.since:%Y-%m-%dT%H:%M}"
    return address("/posts", run=visit.run, **asked, since=since)


_COUNTED = ("escalated", "violating", "safe", "indeterminate", "undecided")


def _columns(window: str, of: str) -> str:
    """Return the sums of one window: ``of`` is how often a row counts where it is one of those."""
    counted = (f"SUM(IF(newer, {each}, 0)) AS {{window}}_{each}" for each in _COUNTED)
    named = ", ".join(
        (
            "SUM(IF(newer, weight, 0.0)) AS {window}_posts",
            "MIN(IF(newer, record_cleared, NULL)) AS {window}_known",
            *counted,
        )
    )
    return named.format(window=window).replace("newer", of)


# A post counts once for all policies: as escalated or violating if it was for any of them.
_PAIRS = """
WITH pairs AS (
  SELECT
    policy_id, mode, created_at, topic, `partition`, `offset`, weight, record_cleared,
    created_at >= @hour AS in_hour,
    IF(route IN ('escalate', 'forced'), 1, 0) AS escalated,
    IF(label = 'violates', 1, 0) AS violating,
    IF(label = 'safe', 1, 0) AS safe,
    IF(label = 'indeterminate', 1, 0) AS indeterminate,
    IF(label = 'undecided', 1, 0) AS undecided
  FROM `{dataset}.decisions`
  WHERE run = @run AND DATE(created_at) >= DATE(@day) AND created_at >= @day
),
posts AS (
  SELECT
    created_at, topic, `partition`, `offset`, in_hour,
    MAX(weight) AS weight,
    MIN(record_cleared) AS record_cleared,
    MAX(escalated) AS escalated,
    MAX(violating) AS violating,
    MAX(safe) AS safe,
    MAX(indeterminate) AS indeterminate,
    MAX(undecided) AS undecided
  FROM pairs
  WHERE mode != 'shadow'
  GROUP BY created_at, topic, `partition`, `offset`, in_hour
)
"""
_SUMS = f"{_columns('hour', 'in_hour')}, {_columns('day', 'TRUE')}"
_LABELS = f"""{_PAIRS}
SELECT * FROM (
  SELECT CAST(NULL AS STRING) AS policy_id, 'all' AS mode, {_SUMS} FROM posts HAVING COUNT(*) > 0
  UNION ALL
  SELECT policy_id, mode, {_SUMS} FROM pairs GROUP BY policy_id, mode
)
ORDER BY policy_id IS NOT NULL, mode = 'shadow', day_violating DESC, policy_id
"""  # noqa: S608 - our names
