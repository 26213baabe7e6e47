"""Days that are over, folded: their labels made once, so that a question reads what it asks for.

A day is read from ``folded_labels`` only as long as its tables are as they were when it was folded;
else the view reads the tables, so that it says the same either way.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum

from weir.infra.bigquery.ddl import fold_shape, fold_statement, statement
from weir.pipelines.bigquery.dataset import Dataset, open_dataset
from weir.pipelines.bigquery.rows import insert_into
from weir.transforms.write.bigquery.sink import BigQuerySettings

# What decisions are made of: each has the day of the post in created_at.
_BASE = ("screenings", "verdicts", "deferrals", "human_labels")
_SECONDS = 3600.0  # a day of a large stream


@dataclass(frozen=True)
class Day:
    """What is known of a day: see the columns of the table folds."""

    seen: str
    held: str | None
    in_use: bool


class Step(Enum):
    """What becomes of a day."""

    USE = "folded before, and as they were"
    FOLD = "folded now"
    WAIT = "made at each question until the day is quiet: it has changed"
    EMPTY = "gone"


@dataclass(frozen=True)
class Folded:
    """A day that was looked at: its rows in the tables, and what became of it."""

    day: date
    rows: int
    step: Step


def next_step(rows: int, seen: str, last: Day | None, *, at_once: bool = False) -> Step:
    """Return what becomes of a day of which so much is seen now.

    One that changes is folded when it has not changed between two looks, or ``at_once``: rows of
    a replay, or of a judge that lags, come for hours.
    """
    if rows == 0:
        return Step.EMPTY
    if last is not None and last.held == seen:
        return Step.USE
    if at_once or last is None or last.seen == seen:
        return Step.FOLD
    return Step.WAIT


def fold_days(
    settings: BigQuerySettings, days: Collection[date], *, at_once: bool = False
) -> list[Folded]:
    """Look at days that are over, fold what is to be folded, and have the views read that.

    Returns what became of each day that has rows, or had. TablesError. Cut short at any point, the
    views are right, and the next call goes on.
    """
    with open_dataset(settings) as dataset:
        known = _known(dataset)
        counted = _counts(dataset, days)
        looks = []
        for day in sorted(counted.keys() | (known.keys() & set(days))):
            counts = counted.get(day, {})
            seen, rows = _seen(counts), sum(counts.values())
            step = next_step(rows, seen, known.get(day), at_once=at_once)
            looks.append((Folded(day, rows, step), seen))
        made_anew = [look.day for look, _ in looks if look.step in (Step.FOLD, Step.EMPTY)]
        # First the views leave what is not as it was, and only then is it made anew.
        before = _in_use(known)
        for look, seen in looks:
            if look.step is not Step.USE:
                _remember(dataset, known, look.day, Day(seen, None, in_use=False))
        if _in_use(known) != before:
            _point_views(dataset, known)
        for day in made_anew:
            dataset.change(fold_statement(dataset.name, day), seconds=_SECONDS)
        for look, seen in looks:
            if look.step in (Step.FOLD, Step.USE):
                _remember(dataset, known, look.day, Day(seen, seen, in_use=True))
        _point_views(dataset, known)
        return [look for look, _ in looks]


def open_days(settings: BigQuerySettings, days: Collection[date] | None = None) -> None:
    """Have the views read the tables of these days, or of all, since rows of theirs are to come.

    What is folded stays, and is in use again where the next look finds the tables unchanged.
    """
    with open_dataset(settings) as dataset:
        known = _known(dataset)
        chosen = [day for day in _in_use(known) if days is None or day in set(days)]
        if not chosen:
            return
        for day in chosen:
            _remember(dataset, known, day, Day(known[day].seen, known[day].held, in_use=False))
        _point_views(dataset, known)


def days_in_use(dataset: Dataset) -> list[date]:
    """Return the days that the views of this version may read folded."""
    return _in_use(_known(dataset))


def over(today: date, back: int) -> list[date]:
    """Return so many days before today, in their order."""
    return [today - timedelta(days=ago) for ago in range(back, 0, -1)]


def _known(dataset: Dataset) -> dict[date, Day]:
    return {
        row["day"]: Day(row["seen"], row["held"], row["in_use"]) for row in dataset.rows(_LATEST)
    }


def _in_use(known: Mapping[date, Day]) -> list[date]:
    shape = fold_shape()
    return [
        day
        for day, each in sorted(known.items())
        if each.in_use and each.held and json.loads(each.held)["shape"] == shape
    ]


def _remember(dataset: Dataset, known: dict[date, Day], day: date, now: Day) -> None:
    """Store what is known of a day, where that is new."""
    if known.get(day) == now:
        return
    known[day] = now
    row = asdict(now) | {"day": day, "looked_at": datetime.now(UTC)}
    insert_into(dataset, "folds", row)


def _point_views(dataset: Dataset, known: Mapping[date, Day]) -> None:
    dataset.rows(statement("decisions", dataset.name, _in_use(known)))


def _counts(dataset: Dataset, days: Collection[date]) -> dict[date, dict[str, int]]:
    """Return the rows of each day by table; a day without any is missing."""
    counted: dict[date, dict[str, int]] = {}
    if not days:
        return counted
    end = max(days) + timedelta(days=1)
    for row in dataset.rows(_COUNTS, first=_midnight(min(days)), end=_midnight(end)):
        if row["day"] in set(days):
            counted.setdefault(row["day"], {})[row["base"]] = int(row["n"])
    return counted


def _seen(counts: Mapping[str, int]) -> str:
    return json.dumps({"shape": fold_shape()} | dict(counts), sort_keys=True)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


_LATEST = """
SELECT day, seen, held, in_use FROM `{dataset}.folds` WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY day ORDER BY looked_at DESC, in_use) = 1
"""
_COUNTS = "\nUNION ALL\n".join(
    f"SELECT DATE(created_at) AS day, '{base}' AS base, COUNT(*) AS n FROM `{{dataset}}.{base}` "  # noqa: S608 - our names
    "WHERE created_at >= @first AND created_at < @end GROUP BY day"
    for base in _BASE
)
