"""Dead letters as the tables have them: their causes, and the letters of a cause."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any

from weir.pipelines.chosen_letters import Chosen
from weir.pipelines.console.days import Place, Span
from weir.pipelines.console.visit import RefusedError, Visit
from weir.pipelines.dead_letter_advice import Advice, advice_on

PAGE = 100  # letters
MOST_SENT = 10_000  # letters that are sent at once
NO_POLICY = "-"  # stands in an address for letters that belong to none
_MOST_CAUSES = 5_000

_CAUSES = """
SELECT run, day, stage, reason, policy_id, letters, most_attempts, example, first_at, last_at
FROM `{dataset}.dead_letter_causes`
WHERE day BETWEEN @since AND @until
  AND @run IN ('', run) AND @stage IN ('', stage) AND @reason IN ('', reason)
  AND (@policy = '' OR COALESCE(policy_id, '-') = @policy)
ORDER BY letters DESC, day, run, stage, reason, policy_id
LIMIT @most
"""
_COLUMNS = """
    decision_id, run, stage, reason, error, content_id, policy_id, topic, `partition`, `offset`,
    timestamp, attempts, died_at, author_id, BYTE_LENGTH(value) AS bytes
"""
_COPIES = f"""
WITH first_copies AS (
  SELECT {_COLUMNS}
  FROM `{{dataset}}.dead_letters`
  WHERE DATE(died_at) BETWEEN @since AND @until
    AND @run IN ('', run) AND @stage IN ('', stage) AND @reason IN ('', reason)
    AND (@policy = '' OR COALESCE(policy_id, '-') = @policy)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY run, DATE(died_at), decision_id ORDER BY died_at) = 1
)
"""  # noqa: S608 - our own words
_LETTERS = f"""{_COPIES}
SELECT * FROM first_copies
WHERE @after_id = '' OR died_at < @after OR (died_at = @after AND decision_id > @after_id)
ORDER BY died_at DESC, decision_id
LIMIT @most
"""  # noqa: S608 - our own words
_IDS = f"""{_COPIES}
SELECT decision_id, MIN(died_at) AS died_at FROM first_copies
WHERE died_at <= @before
GROUP BY decision_id ORDER BY died_at, decision_id LIMIT @most
"""  # noqa: S608 - our own words
_ONE = f"""
SELECT {_COLUMNS}
FROM `{{dataset}}.dead_letters`
WHERE DATE(died_at) = @day AND decision_id = @decision_id
ORDER BY died_at LIMIT 1
"""  # noqa: S608 - our own words
_OF_IDS = """
SELECT decision_id, MIN(died_at) AS died_at FROM `{dataset}.dead_letters`
WHERE DATE(died_at) BETWEEN @since AND @until AND decision_id IN UNNEST(@ids)
GROUP BY decision_id
"""


@dataclass(frozen=True)
class Filter(Span):
    """Which letters; days are those on which they died."""

    run: str = ""
    stage: str = ""
    reason: str = ""
    policy: str = ""


@dataclass(frozen=True)
class Cause:
    """Letters that died for one reason; ``days`` are the rows of the view, by day."""

    run: str
    stage: str
    reason: str
    policy_id: str | None
    letters: int
    most_attempts: int
    example: str
    first_at: datetime
    last_at: datetime

    @property
    def advice(self) -> Advice:
        """Return what to do about it."""
        return advice_on(self.reason, self.stage)

    def within(self, shown: Filter) -> Filter:
        """Return the filter of these letters alone."""
        return replace(
            shown,
            run=self.run,
            stage=self.stage,
            reason=self.reason,
            policy=self.policy_id or NO_POLICY,
        )


@dataclass(frozen=True)
class Causes:
    """The causes of a time, most letters first, and how many died on each day."""

    causes: tuple[Cause, ...]
    days: Mapping[date, int]
    complete: bool  # whether all rows of the view were read

    @property
    def letters(self) -> int:
        """Return how many letters there are."""
        return sum(each.letters for each in self.causes)

    def by(self, name: str) -> dict[str, int]:
        """Return how many letters there are by run, stage, reason or policy, most first."""
        found: dict[str, int] = {}
        for each in self.causes:
            key = getattr(each, name) or NO_POLICY
            found[key] = found.get(key, 0) + each.letters
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def causes_of(visit: Visit, shown: Filter) -> Causes:
    """Return why messages died, as the view dead_letter_causes says. TablesError."""
    rows = visit.rows(_CAUSES, **shown.values, most=_MOST_CAUSES)
    days: dict[date, int] = {}
    groups: dict[tuple[str, str, str, str | None], list[dict[str, Any]]] = {}
    for row in rows:
        days[row["day"]] = days.get(row["day"], 0) + row["letters"]
        key = (row["run"], row["stage"], row["reason"], row["policy_id"])
        groups.setdefault(key, []).append(row)
    causes = [_cause(key, of_cause) for key, of_cause in groups.items()]
    causes.sort(key=lambda c: (-c.letters, c.run, c.stage, c.reason, c.policy_id or ""))
    return Causes(tuple(causes), dict(sorted(days.items())), len(rows) < _MOST_CAUSES)


def _cause(key: tuple[str, str, str, str | None], rows: list[dict[str, Any]]) -> Cause:
    return Cause(
        *key,
        letters=sum(row["letters"] for row in rows),
        most_attempts=max(row["most_attempts"] for row in rows),
        example=min(row["example"] for row in rows),
        first_at=min(row["first_at"] for row in rows),
        last_at=max(row["last_at"] for row in rows),
    )


def letters_of(visit: Visit, shown: Filter, after: Place | None) -> list[dict[str, Any]]:
    """Return a page of letters, the latest first, behind a place among them. TablesError."""
    after = after or Place(datetime(1, 1, 1, tzinfo=UTC), "")
    return visit.rows(_LETTERS, **shown.values, after=after.at, after_id=after.id, most=PAGE + 1)


def letter_of(visit: Visit, decision_id: str, day: date) -> dict[str, Any]:
    """Return one letter; RefusedError where there is none, TablesError."""
    rows = visit.rows(_ONE, decision_id=decision_id, day=day)
    if not rows:
        raise RefusedError(
            f"On {day} no letter of this id died; see the list of all, or another day",
            HTTPStatus.NOT_FOUND,
        )
    return rows[0]


def chosen_by_filter(visit: Visit, shown: Filter, before: datetime) -> Chosen:
    """Return all letters of a filter that died before a time, so that the set stays as it was.

    RefusedError where there are none, or more than are sent at once; TablesError.
    """
    rows = visit.rows(_IDS, **shown.values, before=before, most=MOST_SENT + 1)
    if len(rows) > MOST_SENT:
        raise RefusedError(
            f"These are more than {MOST_SENT:,} letters: choose fewer days, or send all of them "
            "by weir redrive"
        )
    return _chosen(rows)


def chosen_by_id(visit: Visit, shown: Filter, ids: Iterable[str]) -> Chosen:
    """Return letters by their ids; RefusedError where none of them is there, TablesError."""
    asked = sorted(set(ids))
    if not asked:
        raise RefusedError("No letter is chosen: tick some, or take all of the cause")
    values = {"since": shown.since, "until": shown.until}
    return _chosen(visit.rows(_OF_IDS, **values, ids=asked[:MOST_SENT]))


def _chosen(rows: list[dict[str, Any]]) -> Chosen:
    if not rows:
        raise RefusedError("None of these letters is there; choose others", HTTPStatus.NOT_FOUND)
    ids = frozenset(row["decision_id"] for row in rows)
    return Chosen(ids, min(row["died_at"] for row in rows))
