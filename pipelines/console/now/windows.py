"""What was decided of the posts of the last hour and the last day, asked of the view decisions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

from weir.pipelines.bigquery.labels import WITHIN
from weir.pipelines.console.gathering import SoFar, Span, gather_rows, midnight
from weir.pipelines.console.visit import Visit, address

_LAST = datetime(2100, 1, 1, tzinfo=UTC)  # no post is later


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


@dataclass(frozen=True)
class Lately:
    """What was decided, of all policies first; without posts there is no row.

    Policies in shadow have rows of their own, and count in no other.
    """

    windows: tuple[Window, Window]
    rows: tuple[Row, ...]
    so_far: SoFar[Span, list[dict[str, Any]]]


def labels(visit: Visit) -> Lately:
    """Return what was decided, the hour first and then the rest of the day. TablesError."""
    spans = partial(_spans, visit.now)
    so_far = gather_rows(visit, "labels", visit.run, spans, _LABELS, WITHIN)
    # Somebody else may have asked a while before.
    asked_at = so_far.pieces[0].begin + timedelta(hours=1) if so_far.pieces else visit.now
    hour, day = windows(asked_at)
    by_row: dict[tuple[str | None, str], list[list[dict[str, Any]]]] = {}
    for span, found in zip(so_far.pieces or (), so_far.found, strict=False):
        for row in found:
            of_hour, of_day = by_row.setdefault((row["policy_id"], row["mode"]), [[], []])
            of_day.append(row)
            if span.begin >= hour.since:
                of_hour.append(row)
    rows = [Row(*key, tuple(map(_added_up, found))) for key, found in by_row.items()]
    return Lately((hour, day), tuple(sorted(rows, key=_place)), so_far)


def _spans(now: datetime) -> list[Span]:
    """Return the last hour, and what is before it of each day that it is in."""
    hour, day = windows(now)
    begin = midnight(now.astimezone(UTC).date())
    earlier = [day.since, *([begin] if begin < hour.since else []), hour.since]
    before = [Span(*each) for each in pairwise(earlier)]
    return [Span(hour.since, _LAST), *reversed(before)]


def _added_up(rows: Iterable[dict[str, Any]]) -> Labels:
    found = list(rows)
    known = all(row["known"] for row in found)
    return Labels(
        round(sum(row["posts"] for row in found)) if known else None,
        *(sum(row[name] for row in found) for name in _COUNTED),
    )


def _place(row: Row) -> tuple[Any, ...]:
    return row.policy_id is not None, row.mode == "shadow", -row.windows[1].violating, row.policy_id


def behind(visit: Visit, window: Window, **asked: str | None) -> str:
    """Return where the posts behind a number are."""
    since = f"{window.since:%Y-%m-%dT%H:%M}"
    return address("/posts", run=visit.run, **asked, since=since)


_COUNTED = ("escalated", "violating", "safe", "indeterminate", "undecided")
_SUMS = ", ".join(
    (
        "SUM(weight) AS posts",
        "MIN(record_cleared) > 0 AS known",
        *(f"SUM({each}) AS {each}" for each in _COUNTED),
    )
)
# A post counts once for all policies: as escalated or violating if it was for any of them.
_LABELS = f"""
WITH pairs AS (
  SELECT
    policy_id, mode, created_at, topic, `partition`, `offset`, weight, record_cleared,
    IF(route IN ('escalate', 'forced'), 1, 0) AS escalated,
    IF(label = 'violates', 1, 0) AS violating,
    IF(label = 'safe', 1, 0) AS safe,
    IF(label = 'indeterminate', 1, 0) AS indeterminate,
    IF(label = 'undecided', 1, 0) AS undecided
  FROM `{{dataset}}.decisions`
  WHERE {WITHIN}
),
posts AS (
  SELECT
    created_at, topic, `partition`, `offset`,
    MAX(weight) AS weight,
    MIN(record_cleared) AS record_cleared,
    MAX(escalated) AS escalated,
    MAX(violating) AS violating,
    MAX(safe) AS safe,
    MAX(indeterminate) AS indeterminate,
    MAX(undecided) AS undecided
  FROM pairs
  WHERE mode != 'shadow'
  GROUP BY created_at, topic, `partition`, `offset`
)
SELECT CAST(NULL AS STRING) AS policy_id, 'all' AS mode, {_SUMS} FROM posts HAVING COUNT(*) > 0
UNION ALL
SELECT policy_id, mode, {_SUMS} FROM pairs GROUP BY policy_id, mode
"""  # noqa: S608 - our names
