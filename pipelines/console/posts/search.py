"""The labels that a filter means, the newest first, some at a time.

The view would be made for every post of the time that is looked at, to show a hundred rows. So the
tables are asked first which posts may be meant, and the labels of these alone are made.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Any

from weir.pipelines.bigquery.dataset import Dataset, Value
from weir.pipelines.bigquery.labels import labels_of
from weir.pipelines.console.posts.filters import Filter
from weir.pipelines.console.visit import RefusedError

ROWS = 100  # of a page
_POSTS = (400, 1_600, 4_800)  # looked at in the first round, and in those after it
_PATIENCE = 0.6  # seconds, after which no further round begins
_EXCERPT = 300  # characters of a text
_END = 1 << 63  # of what a column holds
_POSITION = "created_at, topic, `partition`, `offset`"
_ORDER = "created_at DESC, topic, `partition`, `offset`"

Rows = list[dict[str, Any]]
Values = Mapping[str, Value | list[str]]


@dataclass(frozen=True)
class Place:
    """Where a page ends: a post, and the last of its policies; None where none of it was left."""

    created_at: datetime
    topic: str
    partition: int
    offset: int
    policy: str | None = None

    def __str__(self) -> str:
        """Return it as it stands in an address."""
        at = self.created_at.astimezone(UTC).isoformat(timespec="microseconds")
        return ",".join([at, self.topic, str(self.partition), str(self.offset), self.policy or ""])


def read_place(said: str) -> Place | None:
    """Return where to go on from; RefusedError for what is none."""
    if not said:
        return None
    try:
        at, topic, partition, offset, policy = said.split(",", 4)
        created_at = datetime.fromisoformat(at)
        place = Place(created_at, topic, int(partition), int(offset), policy or None)
    except ValueError:
        place = None
    if place is None or created_at.tzinfo is None or not 0 <= place.offset < _END > place.partition:
        raise RefusedError("after names no place in the list; begin at its first page")
    return place


@dataclass(frozen=True)
class Found:
    """Some rows of labels, in order; ``further`` is where to go on, None where all was looked at.

    ``short`` where time ran out before the page was full.
    """

    rows: Rows
    further: Place | None
    short: bool = False


def search(
    dataset: Dataset,
    wanted: Filter,
    after: Place | None,
    now: datetime,
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """Return the next ROWS labels, or fewer where that takes too long. TablesError."""
    begun, rounds = clock(), iter([*_POSTS, *repeat(_POSTS[-1], 10_000)])
    values = with_contents(dataset, wanted)
    statement = _statement(dataset, wanted)
    rows: Rows = []
    for span in _spans(wanted, after.created_at if after else now):
        looking = True
        while looking:
            most = next(rounds)
            asked = values | span.values() | _at(after)
            posts = dataset.rows(_candidates(span, after, most), **asked)
            if posts:
                rows += dataset.rows(statement, **values, **_among(posts), **_done(after))
            if len(rows) > ROWS:
                return Found(rows[:ROWS], _place(rows[ROWS - 1], policy=True))
            looking = len(posts) == most
            # All posts of the span were looked at, or all up to the last of them.
            after = _place(posts[-1]) if looking else _before(span.since)
            if span.since == wanted.since and not looking:
                return Found(rows, None)
            if clock() - begun > _PATIENCE:
                return Found(rows, after, short=True)
    return Found(rows, None)


def _spans(wanted: Filter, newest: datetime) -> Iterator[Filter]:
    """Yield the filter for ever earlier days, so that a page reads no more of them than it needs.

    Of what is rare, all at once.
    """
    since, until = newest.replace(hour=0, minute=0, second=0, microsecond=0), wanted.until
    if wanted.until is not None and newest >= wanted.until:
        since = _midnight_before(wanted.until)
    days = 1
    while not wanted.is_rare and since > wanted.since:
        yield replace(wanted, since=since, until=until)
        since, until, days = since - timedelta(days=days), since, 2 * days
    yield replace(wanted, until=until)


def _midnight_before(at: datetime) -> datetime:
    return (at - timedelta(microseconds=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def _before(since: datetime) -> Place:
    return Place(since - timedelta(microseconds=1), "", 0, 0)


def count(dataset: Dataset, wanted: Filter) -> Rows:
    """Return how many labels are meant, by label. TablesError."""
    where = wanted.span
    if wanted.is_narrow:
        where += f" AND content_id IN ({_union(wanted, 'content_id')})"
    sql = (
        "SELECT label, COUNT(*) AS rows_of_it, COUNT(DISTINCT CONCAT(topic, '/', "  # noqa: S608 - ours
        "CAST(`partition` AS STRING), '/', CAST(`offset` AS STRING))) AS posts "
        f"FROM {labels_of(dataset, where)} WHERE {wanted.on_labels()} GROUP BY label "
        "ORDER BY rows_of_it DESC, label"
    )
    return dataset.rows(sql, **with_contents(dataset, wanted))


def bytes_read(dataset: Dataset, wanted: Filter) -> int | None:
    """Return how many bytes a page reads at most; None where the service does not say."""
    values = dict(wanted.values())
    if wanted.id:
        values["contents"] = [wanted.id]
    named = labels_of(dataset, wanted.span)
    everything = f"SELECT * FROM {named} WHERE {wanted.on_labels()}"  # noqa: S608 - our names
    parts = [
        dataset.bytes_read(_candidates(wanted, None, 1), **values),
        dataset.bytes_read(everything, **values),
    ]
    return sum(part for part in parts if part) or None


def with_contents(dataset: Dataset, wanted: Filter) -> dict[str, Value | list[str]]:
    """Return the parameters of a filter; of an id, the posts that it is an id of."""
    values = wanted.values()
    if not wanted.id:
        return values
    asked = "\nUNION ALL\n".join(
        f"SELECT content_id FROM `{{dataset}}.{table}` WHERE {wanted.span} AND {key} = @id"  # noqa: S608 - our names
        for table, key in _IDS.items()
    )
    span: dict[str, Value] = {"run": wanted.run, "since": wanted.since, "id": wanted.id}
    found = dataset.rows(asked, **(span | ({"until": wanted.until} if wanted.until else {})))
    return values | {"contents": sorted({wanted.id, *(row["content_id"] for row in found)})}


_IDS = {
    "screenings": "decision_id",
    "verdicts": "decision_id",
    "deferrals": "decision_id",
    "human_labels": "review_id",
}


def _union(wanted: Filter, columns: str) -> str:
    return "\nUNION ALL\n".join(
        f"SELECT {columns} FROM `{{dataset}}.{table}` WHERE {met}"  # noqa: S608 - our names
        for table, met in wanted.tables().items()
    )


def _candidates(wanted: Filter, after: Place | None, most: int) -> str:
    """Return the statement that asks which posts may be meant, from a place on."""
    # With the post of the place: more of its policies may follow, unless none was left of it.
    reached = ">" if after is not None and after.policy is None else ">="
    from_there = (
        "created_at < @at OR (created_at = @at AND (topic > @of_topic OR (topic = @of_topic AND "
        "(`partition` > @of_partition OR (`partition` = @of_partition "
        f"AND `offset` {reached} @of_offset)))))"
    )
    sql = f"SELECT DISTINCT {_POSITION}, content_id FROM (\n{_union(wanted, _POSITION + ', content_id')}\n)"  # noqa: S608, E501 - our names
    where = f" WHERE {from_there}" if after else ""
    return f"{sql}{where} ORDER BY {_ORDER} LIMIT {most}"


def _statement(dataset: Dataset, wanted: Filter) -> str:
    """Return the statement for the labels of some posts that the filter means, in order."""
    some = "run = @run AND created_at BETWEEN @first AND @last AND content_id IN UNNEST(@some)"
    start = "GREATEST(1, STRPOS(LOWER(text), LOWER(@text)) - 60)" if wanted.text else "1"
    return (
        f"SELECT * EXCEPT (text), SUBSTR(text, {start}, {_EXCERPT}) AS text, "  # noqa: S608 - ours
        f"LENGTH(text) > {_EXCERPT} AS cut FROM {labels_of(dataset, some)} "
        f"WHERE {wanted.on_labels()} AND CONCAT(topic, '/', CAST(`partition` AS STRING), '/', "
        f"CAST(`offset` AS STRING)) IN UNNEST(@posts) AND NOT ({_DONE}) "
        f"ORDER BY {_ORDER}, policy_id LIMIT {ROWS + 1}"
    )


# Of the post at which a page ended, the policies that stood on it.
_DONE = (
    "created_at = @done_at AND topic = @done_topic AND `partition` = @done_partition "
    "AND `offset` = @done_offset AND policy_id <= @done_policy"
)


def _done(after: Place | None) -> dict[str, Value]:
    place = after or Place(datetime.fromtimestamp(0, UTC), "", 0, 0)
    return {
        "done_at": place.created_at,
        "done_topic": place.topic,
        "done_partition": place.partition,
        "done_offset": place.offset,
        "done_policy": place.policy or "",
    }


def _among(posts: Rows) -> dict[str, Value | list[str]]:
    times = [post["created_at"] for post in posts]
    return {
        "first": min(times),
        "last": max(times),
        "some": sorted({post["content_id"] for post in posts}),
        "posts": [f"{post['topic']}/{post['partition']}/{post['offset']}" for post in posts],
    }


def _at(after: Place | None) -> dict[str, Value]:
    if after is None:
        return {}
    return {
        "at": after.created_at,
        "of_topic": after.topic,
        "of_partition": after.partition,
        "of_offset": after.offset,
    }


def _place(row: Mapping[str, Any], *, policy: bool = False) -> Place:
    place = Place(row["created_at"], row["topic"], row["partition"], row["offset"])
    return replace(place, policy=row["policy_id"]) if policy else place
