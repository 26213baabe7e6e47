"""The way of one post through a run, as the tables have it."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from typing import Any

from weir.pipelines.bigquery.dataset import Value
from weir.pipelines.bigquery.labels import labels_of
from weir.pipelines.console.visit import RefusedError, Visit

Row = dict[str, Any]
Rows = list[Row]
AROUND = timedelta(days=31)  # of the day of a post: where other decisions on it are looked for
_KEYS = {
    "verdicts": "decision_id",
    "screenings": "decision_id",
    "deferrals": "decision_id",
    "human_labels": "review_id",
}
_MESSAGE = (
    "run = @run AND created_at = @at AND topic = @topic AND `partition` = @partition "
    "AND `offset` = @offset"
)
_SCREENED = f"""
SELECT * FROM `{{dataset}}.screenings` WHERE {_MESSAGE}
QUALIFY ROW_NUMBER() OVER (PARTITION BY decision_id ORDER BY screened_at) = 1
ORDER BY screened_at DESC, decision_id
"""  # noqa: S608 - our names
# Tokens and requests as judge_cost reckons them.
_JUDGED = f"""
SELECT *,
  tokens_in - COALESCE(tokens_cached, 0) + tokens_out AS tokens_computed,
  COALESCE(requests, IF(cached, 0.0, 1.0)) AS requests_taken
FROM `{{dataset}}.distinct_verdicts` WHERE {_MESSAGE}
ORDER BY policy_id, judged_at DESC, decision_id
"""  # noqa: S608 - our names
_DEFERRED = f"""
SELECT policy_id, MIN(deferred_at) AS deferred_at FROM `{{dataset}}.deferrals` WHERE {_MESSAGE}
GROUP BY policy_id
"""  # noqa: S608 - our names
_REVIEWED = f"""
SELECT DISTINCT review_id, policy_id, policy_version, human_verdict, reviewer, reviewed_at, note
FROM `{{dataset}}.human_labels` WHERE {_MESSAGE} ORDER BY reviewed_at DESC, review_id
"""  # noqa: S608 - our names
_COMPLAINTS = """
SELECT * FROM `{dataset}.complaint_outcomes` WHERE run = @run AND created_at = @at
  AND decision_id IN UNNEST(@decisions) ORDER BY received_at, complaint_id
"""
_POLICIES = """
SELECT policy_version, MIN(title) AS title, MIN(text) AS text, MIN(rules) AS rules
FROM `{dataset}.policies` WHERE policy_version IN UNNEST(@versions) GROUP BY policy_version
"""
_CARDS = """
SELECT screen_version, MIN(card) AS card FROM `{dataset}.screens`
WHERE screen_version IN UNNEST(@versions) GROUP BY screen_version
"""
_THRESHOLDS = """
SELECT policy_id, MIN(threshold) AS threshold FROM `{dataset}.thresholds`
WHERE threshold_version = @version AND decided_at >= @begin AND decided_at < @end
GROUP BY policy_id
"""
_SECOND_SCREEN = f"""
SELECT screen_version, policies FROM `{{dataset}}.shadow_screenings` WHERE {_MESSAGE}
QUALIFY ROW_NUMBER() OVER (PARTITION BY screen_version ORDER BY screened_at) = 1
ORDER BY screen_version
"""  # noqa: S608 - our names
_CHANGES = """
SELECT DISTINCT change, changed_at, topic, `partition`, `offset` FROM `{dataset}.post_changes`
WHERE run = @run AND topic = @topic AND content_id = @content AND changed_at >= @begin
ORDER BY changed_at
"""
_DEAD = """
SELECT DISTINCT decision_id, stage, reason, policy_id, died_at FROM `{dataset}.dead_letters`
WHERE run = @run AND topic = @topic AND `partition` = @partition AND `offset` = @offset
  AND died_at >= @begin ORDER BY died_at
"""


@dataclass(frozen=True)
class Position:
    """A message as a run read it."""

    run: str
    created_at: datetime
    topic: str
    partition: int
    offset: int
    content_id: str

    @property
    def day(self) -> date:
        """Return the day of the post, which is that of its partitions."""
        return self.created_at.astimezone(UTC).date()

    def values(self) -> dict[str, Value | list[str]]:
        """Return the parameters that name it."""
        return {
            "run": self.run,
            "at": self.created_at,
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
        }


@dataclass(frozen=True)
class Way:
    """What is known of a post; the rows are those of the tables, the newest first."""

    position: Position
    labels: Rows
    screened: Rows
    judged: Rows
    deferred: Rows
    reviewed: Rows
    complaints: Rows
    policies: Mapping[str, Row]  # by version, with ``rules`` by id
    thresholds: Mapping[str, float]  # by policy, of the latest screening

    @property
    def text(self) -> str | None:
        """Return the column ``text`` of a verdict on it; None where nothing judged."""
        return next((row["text"] for row in self.judged), None)

    def of(self, table: Rows, policy_id: str) -> Rows:
        """Return the rows of one policy."""
        return [row for row in table if row["policy_id"] == policy_id]

    def score(self, policy_id: str) -> Row | None:
        """Return what the latest screening has of a policy: score and route."""
        scores = [each for row in self.screened[:1] for each in row["policies"]]
        return next((each for each in scores if each["policy_id"] == policy_id), None)


def find(visit: Visit, decision_id: str, day: date | None) -> Position:
    """Return the post that a decision is on. RefusedError where there is none, TablesError."""
    asked: dict[str, Value | list[str]] = {"id": decision_id}
    where = ""
    if day is not None:
        begin = datetime.combine(day, time(), UTC)
        asked |= {"begin": begin, "end": begin + timedelta(days=1)}
        where += " AND created_at >= @begin AND created_at < @end"
    if named := visit.query.get("run", "").strip():
        asked["run"] = named
        where += " AND run = @run"
    sql = "\nUNION ALL\n".join(
        "SELECT run, created_at, topic, `partition`, `offset`, content_id "  # noqa: S608 - our names
        f"FROM `{{dataset}}.{table}` WHERE {key} = @id{where}"
        for table, key in _KEYS.items()
    )
    once = f"SELECT DISTINCT * FROM ({sql}) ORDER BY created_at, run LIMIT 1"  # noqa: S608 - ours
    rows = visit.rows(once, **asked)
    if not rows:
        when = f" on {day}" if day else ""
        raise RefusedError(
            f"No decision{when} has this id. It may be on another day, or of another run, or gone "
            "with its retention: search for it on Posts, where Id takes it",
            HTTPStatus.NOT_FOUND,
        )
    return Position(**rows[0])


def way_of(visit: Visit, position: Position) -> Way:
    """Return what became of a post in its run. TablesError."""
    asked = position.values()
    with ThreadPoolExecutor(5) as at_once:
        labels = at_once.submit(_labels, visit, f"{_MESSAGE}", asked)
        screened, judged, deferred, reviewed = (
            at_once.submit(visit.rows, sql, **asked)
            for sql in (_SCREENED, _JUDGED, _DEFERRED, _REVIEWED)
        )
        tables = [each.result() for each in (labels, screened, judged, deferred, reviewed)]
    decisions = {row["decision_id"] for table in tables[:3] for row in table}
    versions = {row["policy_version"] for table in tables[::2] for row in table}
    with ThreadPoolExecutor(3) as at_once:
        complaints = at_once.submit(
            visit.rows,
            _COMPLAINTS,
            run=position.run,
            at=position.created_at,
            decisions=sorted(decisions),
        )
        policies = at_once.submit(
            visit.rows, _POLICIES, versions=sorted(each for each in versions if each)
        )
        thresholds = at_once.submit(_thresholds, visit, tables[1])
        known = {row["policy_version"]: _with_rules(row) for row in policies.result()}
        return Way(
            position,
            labels=tables[0],
            screened=tables[1],
            judged=tables[2],
            deferred=tables[3],
            reviewed=tables[4],
            complaints=complaints.result(),
            policies=known,
            thresholds=thresholds.result(),
        )


def others(visit: Visit, position: Position) -> dict[str, Any]:
    """Return what else is known of the post: other decisions on it, changes, dead letters."""
    begin = datetime.combine(position.day, time(), UTC)
    asked: dict[str, Value | list[str]] = {"content": position.content_id, "begin": begin - AROUND}
    near = "content_id = @content AND created_at >= @begin AND created_at < @end"
    rows = _labels(visit, near, asked | {"end": begin + AROUND})
    own = position.values()
    of_message = {name: own[name] for name in ("run", "topic", "partition", "offset")}
    of_post: dict[str, Value | list[str]] = {name: own[name] for name in ("run", "topic")}
    of_post |= {"content": position.content_id, "begin": begin}
    return {
        "others": [row for row in rows if not _is_of(row, position)],
        "changes": visit.rows(_CHANGES, **of_post),
        "letters": visit.rows(_DEAD, begin=begin - timedelta(days=1), **of_message),
        "second_screen": [
            each | {"screen_version": row["screen_version"]}
            for row in visit.rows(_SECOND_SCREEN, **own)
            for each in row["policies"]
        ],
        "days": AROUND.days,
    }


def _labels(visit: Visit, where: str, asked: Mapping[str, Value | list[str]]) -> Rows:
    with visit.dataset() as dataset:
        columns = f"SELECT * FROM {labels_of(dataset, where)}"  # noqa: S608 - our names
        return dataset.rows(f"{columns} ORDER BY created_at, run, `offset`, policy_id", **asked)


def _is_of(row: Row, position: Position) -> bool:
    return all(row[name] == getattr(position, name) for name in Position.__dataclass_fields__)


def _with_rules(row: Row) -> Row:
    try:
        rules = json.loads(row["rules"] or "{}")
    except ValueError:
        rules = {}
    return row | {"rules": rules if isinstance(rules, dict) else {}}


def _thresholds(visit: Visit, screened: Rows) -> dict[str, float]:
    """Return the thresholds that the latest screening went by, as far as they were recorded."""
    if not screened:
        return {}
    latest = screened[0]
    if latest["threshold_version"]:
        at = latest["screened_at"]
        rows = visit.rows(
            _THRESHOLDS,
            version=latest["threshold_version"],
            begin=at - AROUND,
            end=at + timedelta(days=1),
        )
        return {row["policy_id"]: row["threshold"] for row in rows}
    cards = visit.rows(_CARDS, versions=[latest["screen_version"]])
    return card_thresholds(cards[0]["card"] if cards else None, latest["stages"])


def card_thresholds(card: str | None, stages: int | None) -> dict[str, float]:
    """Return the thresholds on the card of a screen, of its first stage or of both, by policy."""
    stage = "both_stages" if stages == 2 else "first_stage"
    try:
        heads = json.loads(card or "{}").get("heads", [])
        return {
            head["policy_id"]: float(head[stage]["threshold"]) for head in heads if head.get(stage)
        }
    except (ValueError, AttributeError, KeyError, TypeError):
        return {}
