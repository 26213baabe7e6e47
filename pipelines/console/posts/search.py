"""The posts that a filter means, with the labels that it means of them, a page at a time.

The view would be made for every post of the time that is looked at, to show a hundred of them. So
the tables are asked first which posts may be meant, and the labels of these alone are made. Those
that violate come first, then those that the judge could not tell: their verdicts are few, and lead
to them. All others are one tier, since the newest of them are near and the worst may be anywhere.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby, repeat
from typing import Any

from weir.pipelines.bigquery.dataset import Dataset, Value
from weir.pipelines.bigquery.labels import labels_of
from weir.pipelines.console.posts.filters import WORST_FIRST, Filter
from weir.pipelines.console.visit import RefusedError

PAGE = 100  # posts
FIRST = WORST_FIRST[:2]  # the posts whose worst label is one of these come before all others
_POSTS = (400, 1_600, 4_800)  # looked at in the first round, and in those after it
_PATIENCE = 0.6  # seconds, after which no further round begins
_EXCERPT = 300  # characters of a text
_END = 1 << 63  # of what a column holds
_SOME = "run = @run AND created_at BETWEEN @first AND @last AND content_id IN UNNEST(@some)"
_POSITION = "created_at, topic, `partition`, `offset`"
_ORDER = "created_at DESC, topic, `partition`, `offset`"

Rows = list[dict[str, Any]]
Values = Mapping[str, Value | list[str]]


@dataclass(frozen=True)
class Place:
    """The post at which a page ends; ``worst`` is its label where that is one of FIRST."""

    worst: str
    created_at: datetime
    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        """Return it as it stands in an address."""
        at = self.created_at.astimezone(UTC).isoformat(timespec="microseconds")
        return ",".join([self.worst, at, self.topic, str(self.partition), str(self.offset)])


def read_place(said: str) -> Place | None:
    """Return where to go on from; RefusedError for what is none."""
    if not said:
        return None
    try:
        worst, at, topic, partition, offset = said.split(",")
        created_at = datetime.fromisoformat(at)
        place = Place(worst, created_at, topic, int(partition), int(offset))
    except ValueError:
        place = None
    known = place is not None and place.worst in ("", *FIRST) and created_at.tzinfo is not None
    if place is None or not (known and 0 <= place.offset < _END > place.partition):
        raise RefusedError("after names no place in the list; begin at its first page")
    return place


@dataclass(frozen=True)
class Found:
    """Some posts, in order, each as rows of labels, of which the first is the worst.

    ``further`` is where to go on, None where all was looked at; ``short`` where time ran out before
    the page was full.
    """

    posts: list[Rows]
    further: Place | None
    short: bool = False


def search(
    dataset: Dataset,
    wanted: Filter,
    after: Place | None,
    now: datetime,
    *,
    newest: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """Return the next PAGE posts, or fewer where that takes too long. TablesError.

    Those of FIRST come first, unless it is the ``newest`` that shall.
    """
    begun, values = clock(), with_contents(dataset, wanted)
    labels = labels_of(dataset, _SOME)
    posts: list[Rows] = []
    for tier, condition in _tiers(wanted, after, newest=newest):
        statement = _statement(labels, wanted, condition)
        rounds = iter([*_POSTS, *repeat(_POSTS[-1], 10_000)])
        for span in _spans(tier, after.created_at if after else now):
            looking = True
            while looking:
                most = next(rounds)
                asked = values | span.values() | _at(after)
                some = dataset.rows(_candidates(span, after, most), **asked)
                if some:
                    found = dataset.rows(statement, **values, **_among(some))
                    posts += [list(of_one) for _, of_one in groupby(found, key=message)]
                if len(posts) > PAGE:
                    return Found(posts[:PAGE], _place(posts[PAGE - 1][0]))
                looking = len(some) == most
                # All posts of the span were looked at, or all up to the last of them.
                after = _place(some[-1], tier.worst) if looking else _before(span)
                if span.since == tier.since and not looking:
                    break
                if clock() - begun > _PATIENCE:
                    return Found(posts, after, short=True)
        after = None
    return Found(posts, None)


def message(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what the labels of one post have in common."""
    return row["created_at"], row["topic"], row["partition"], row["offset"]


def _tiers(wanted: Filter, after: Place | None, *, newest: bool) -> Iterator[tuple[Filter, str]]:
    """Yield what is looked for one after the other, from a place on: of which posts, and which."""
    if newest or wanted.is_of_a_kind:
        yield wanted, "TRUE"
        return
    reached = after.worst if after else FIRST[0]
    for place, worst in enumerate(FIRST):
        of_tier = replace(wanted, worst=worst)
        if reached and place >= FIRST.index(reached) and of_tier.tables():
            yield of_tier, f"worst = {place}"
    yield wanted, f"worst >= {len(FIRST)}"


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


def _before(span: Filter) -> Place:
    return Place(span.worst, span.since - timedelta(microseconds=1), "", 0, 0)


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


def bytes_read(dataset: Dataset, wanted: Filter, *, newest: bool = False) -> int | None:
    """Return how many bytes a page reads at most; None where the service does not say."""
    values = dict(wanted.values())
    if wanted.id:
        values["contents"] = [wanted.id]
    named = labels_of(dataset, wanted.span)
    everything = f"SELECT * FROM {named} WHERE {wanted.on_labels()}"  # noqa: S608 - our names
    parts = [
        dataset.bytes_read(_candidates(tier, None, 1), **(values | tier.values()))
        for tier, _ in _tiers(wanted, None, newest=newest)
    ]
    parts.append(dataset.bytes_read(everything, **values))
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
    """Return the statement that asks which posts may be meant, behind a place."""
    behind = (
        "created_at < @at OR (created_at = @at AND (topic > @of_topic OR (topic = @of_topic AND "
        "(`partition` > @of_partition OR (`partition` = @of_partition "
        "AND `offset` > @of_offset)))))"
    )
    sql = f"SELECT DISTINCT {_POSITION}, content_id FROM (\n{_union(wanted, _POSITION + ', content_id')}\n)"  # noqa: S608, E501 - our names
    where = f" WHERE {behind}" if after else ""
    return f"{sql}{where} ORDER BY {_ORDER} LIMIT {most}"


def _statement(labels: str, wanted: Filter, condition: str) -> str:
    """Return the statement for the labels of some posts that the filter means, in order.

    ``condition`` is on the place of the worst of them, which comes first.
    """
    start = "GREATEST(1, STRPOS(LOWER(text), LOWER(@text)) - 60)" if wanted.text else "1"
    return f"""
SELECT * EXCEPT (text), SUBSTR(text, {start}, {_EXCERPT}) AS text, LENGTH(text) > {_EXCERPT} AS cut
FROM (
  SELECT *, MIN(place) OVER (PARTITION BY {_POSITION}) AS worst
  FROM (
    SELECT *, {_PLACE} AS place
    FROM {labels}
    WHERE {wanted.on_labels()}
      AND CONCAT(topic, '/', CAST(`partition` AS STRING), '/', CAST(`offset` AS STRING))
        IN UNNEST(@posts)
  )
)
WHERE {condition}
QUALIFY DENSE_RANK() OVER (ORDER BY {_ORDER}) <= {PAGE + 1}
ORDER BY {_ORDER}, place, COALESCE(probability, score, 0.0) DESC, policy_id
"""  # noqa: S608 - our names


_PLACE = (
    "CASE label "
    + " ".join(f"WHEN '{label}' THEN {place}" for place, label in enumerate(WORST_FIRST))
    + f" ELSE {len(WORST_FIRST)} END"
)


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


def _place(row: Mapping[str, Any], worst: str | None = None) -> Place:
    """Return the place of a post; ``worst`` where its row does not say which label is."""
    if worst is None:
        worst = FIRST[row["worst"]] if row["worst"] < len(FIRST) else ""
    return Place(worst, *message(row))
