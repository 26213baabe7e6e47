"""What BigQuery knows of two sides: cells of like pairs, and the flipped posts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from weir.pipelines.bigquery.dataset import Dataset, open_dataset
from weir.pipelines.compare.cells import Cell, Cost, Counted
from weir.pipelines.compare.pairs import CELLS, FLIPS, POSTS, Pairs, pairs_of
from weir.pipelines.compare.policy_changes import Change, changes_between, versions_of
from weir.pipelines.compare.sides import Side, Window, find_side, window_of
from weir.pipelines.errors import OptionError
from weir.transforms.write.bigquery.sink import BigQuerySettings

MOST_FLIPS = 1_000_000


@dataclass(frozen=True)
class Decided:
    """What one side decided of a post, and why."""

    decision_id: str
    label: str
    probability: float | None
    rule_ids: tuple[str, ...]
    rationale: str | None
    reason: str | None


@dataclass(frozen=True)
class Flip:
    """A post that one side flags and the other lets pass."""

    topic: str
    partition: int
    offset: int
    content_id: str
    created_at: datetime
    policy_id: str
    text: str | None  # where neither side stored it
    score: float | None
    a: Decided
    b: Decided


@dataclass(frozen=True)
class Posts:
    """How many posts both sides have in the window, and one of them only."""

    both: int
    only_a: int
    only_b: int


@dataclass(frozen=True)
class Compared:
    """Two sides over the same time."""

    a: Side
    b: Side
    window: Window
    posts: Posts
    counted: Counted
    flips: tuple[Flip, ...]  # the most confident disagreements first, as many as were asked for
    changes: tuple[Change, ...] = ()  # of the policies that both decided by


def compare_sides(
    settings: BigQuerySettings,
    name_a: str,
    name_b: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    policy_id: str | None = None,
    most: int = MOST_FLIPS,
    max_bytes: int | None = None,
) -> Compared:
    """Return what two sides decided of the posts of a time; OptionError, TablesError.

    The time is that of the days that both have, where ``since`` and ``until`` say nothing else.
    A question that would be billed for more than ``max_bytes`` is refused.
    """
    if name_a == name_b:
        raise OptionError(f"Both sides are {name_a!r}; name two runs or policy versions")
    with open_dataset(settings, max_bytes) as dataset:
        a, b = find_side(dataset, name_a), find_side(dataset, name_b)
        window = window_of(a, b, since, until)
        query = _Query(dataset, pairs_of(a, b, policy_id), window)
        counted = Counted(tuple(_cell(row) for row in query.rows(CELLS)))
        if not counted.compared:
            raise OptionError(
                f"{a.name} and {b.name} have no post and policy in common from "
                f"{window.since:%Y-%m-%d %H:%M} to {window.until:%Y-%m-%d %H:%M} UTC; give others, "
                "or another --from, --to or --policy"
            )
        posts = _posts(query.rows(POSTS))
        flips = tuple(_flip(row) for row in query.rows(FLIPS, most=most))
        versions = [
            versions_of(dataset, side, window.since, window.until, policy_id) for side in (a, b)
        ]
    return Compared(a, b, window, posts, counted, flips, changes_between(*versions))


class _Query:
    """Asks for rows over the pairs of two sides."""

    def __init__(self, dataset: Dataset, pairs: Pairs, window: Window) -> None:
        self._dataset, self._pairs, self._window = dataset, pairs, window

    def rows(self, sql: str, **more: int) -> list[dict[str, Any]]:
        return self._dataset.rows(
            self._pairs.sql + sql,
            since=self._window.since,
            until=self._window.until,
            one_policy=self._pairs.one_policy,
            **self._pairs.values,
            **more,
        )


def _cell(row: dict[str, Any]) -> Cell:
    return Cell(
        row["policy_id"],
        row["label_a"],
        row["label_b"],
        row["category"],
        row["language_band"],
        row["length_band"],
        row["score_band"],
        row["posts"],
        _cost(row, "a"),
        _cost(row, "b"),
    )


def _cost(row: dict[str, Any], x: str) -> Cost:
    return Cost(
        row[f"requests_{x}"] or 0,
        row[f"cached_{x}"] or 0,
        row[f"tokens_in_{x}"],
        row[f"tokens_out_{x}"],
    )


def _posts(rows: list[dict[str, Any]]) -> Posts:
    found = {(row["in_a"], row["in_b"]): row["posts"] for row in rows}
    return Posts(found.get((1, 1), 0), found.get((1, 0), 0), found.get((0, 1), 0))


def _flip(row: dict[str, Any]) -> Flip:
    return Flip(
        row["topic"],
        row["partition"],
        row["offset"],
        row["content_id"],
        row["created_at"],
        row["policy_id"],
        row["text"],
        row["score"],
        _decided(row, "a"),
        _decided(row, "b"),
    )


def _decided(row: dict[str, Any], x: str) -> Decided:
    return Decided(
        row[f"decision_id_{x}"],
        row[f"label_{x}"],
        row[f"probability_{x}"],
        tuple(row[f"rule_ids_{x}"] or ()),
        row[f"rationale_{x}"],
        row[f"reason_{x}"],
    )
