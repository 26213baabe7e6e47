"""Complaints about decisions: until when they are taken, and what became of them.

Regulation (EU) 2022/2065 has them taken for six months after a decision, and decided by more than
automated means (Article 20, paragraphs 1 and 6). What a complaint says is not stored.
"""

import calendar
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.bigquery.rows import insert_into
from weir.pipelines.errors import OptionError
from weir.pipelines.reviews.reviews import DECISIONS, Review, store_reviews
from weir.transforms.write.bigquery.sink import BigQuerySettings

OPEN_MONTHS = 6

_DECIDED = """
SELECT run, decision_id, policy_id, created_at, label,
  IF(machine_label = 'violates' OR reviewed_at IS NULL, decided_at, reviewed_at) AS made_at
FROM `{dataset}.decisions`
WHERE run = @run AND decision_id = @decision AND @policy IN ('', policy_id)
  AND (NOT @of_day OR DATE(created_at) = @day)
"""
_OUTCOMES = """
SELECT complaint_id, run, created_at, decision_id, policy_id, decision, state, received_at,
  open_until, late, decided_at, decided_by, reviewer
FROM `{dataset}.complaint_outcomes`
WHERE @complaint IN ('', complaint_id) AND @decision IN ('', decision_id) AND @run IN ('', run)
  AND @state IN ('', state)
ORDER BY received_at, complaint_id
"""
_ANY_DAY = date(1970, 1, 1)


class ComplaintError(OptionError):
    """A complaint that cannot be taken or decided; the message says why."""


class Outcome(StrEnum):
    """What a complaint came to."""

    UPHELD = "upheld"  # the decision stands
    OVERTURNED = "overturned"


@dataclass(frozen=True)
class Asked:
    """The decision that somebody complains about; ``policy_id`` where it is of several."""

    run: str
    decision_id: str
    policy_id: str | None = None
    day: date | None = None  # of the post


def open_until(made_at: datetime) -> datetime:
    """Return until when complaints about a decision are taken: the same day six months later.

    The last of that month where it has no such day.
    """
    years, month = divmod(made_at.month - 1 + OPEN_MONTHS, 12)
    year, month = made_at.year + years, month + 1
    day = min(made_at.day, calendar.monthrange(year, month)[1])
    return made_at.replace(year=year, month=month, day=day)


def outcome_of(decision: str, verdict: str) -> Outcome:
    """Return what a complaint about a decision comes to, by what a person says of the post.

    A decision that is none of the two restricted nothing: cleared, or not decided.
    """
    was = decision if decision in DECISIONS else "safe"
    return Outcome.UPHELD if verdict == was else Outcome.OVERTURNED


def receive(
    settings: BigQuerySettings, asked: Asked, reference: str, now: datetime, *, late: bool = False
) -> str:
    """Store a complaint once, and return its id. ComplaintError, TablesError.

    ``reference`` tells complaints about one decision apart. One that comes after the six months is
    refused, unless ``late``.
    """
    decided = _decision(settings, asked)
    until = open_until(decided["made_at"])
    if now > until and not late:
        raise ComplaintError(
            f"complaints about that decision were taken until {until:%Y-%m-%d}; add --late to "
            "record it all the same"
        )
    named = [asked.run, asked.decision_id, decided["policy_id"], reference]
    complaint_id = hashlib.sha256("\x00".join(named).encode()).hexdigest()[:32]
    if not outcomes(settings, complaint_id=complaint_id):
        _insert(
            settings,
            {
                "complaint_id": complaint_id,
                "run": decided["run"],
                "decision_id": decided["decision_id"],
                "policy_id": decided["policy_id"],
                "created_at": decided["created_at"],
                "decision": decided["label"],
                "open_until": until,
                "state": "open",
                "changed_at": now,
            },
        )
    return complaint_id


def decide(
    settings: BigQuerySettings,
    complaint_id: str,
    outcome: Outcome,
    reviewer: str | None,
    now: datetime,
    note: str = "",
) -> dict[str, Any]:
    """Store what a complaint came to, and return it as it was. ComplaintError, TablesError.

    Where a person decided, the views take the person's word on the post from then on, with their
    note. The same again changes nothing; another outcome later counts instead.
    """
    found = outcomes(settings, complaint_id=complaint_id)
    if not found:
        raise ComplaintError(
            f"there is no complaint {complaint_id!r} in {settings.full_name}; weir complaint list "
            "has those that there are"
        )
    (complaint,) = found
    decided_by = "person" if reviewer else "automated"
    if (complaint["state"], complaint["reviewer"]) == (outcome.value, reviewer):
        return complaint
    if reviewer:
        _review(settings, complaint, outcome, reviewer, now, note)
    kept = ("complaint_id", "run", "decision_id", "policy_id", "created_at", "decision")
    row: dict[str, Any] = {name: complaint[name] for name in (*kept, "open_until")}
    _insert(
        settings,
        row
        | {
            "state": outcome.value,
            "changed_at": now,
            "decided_by": decided_by,
            "reviewer": reviewer,
        },
    )
    return complaint


def outcomes(
    settings: BigQuerySettings,
    *,
    complaint_id: str = "",
    decision_id: str = "",
    run: str = "",
    state: str = "",
) -> list[dict[str, Any]]:
    """Return complaints as they stand, the earliest first; an empty text is any. TablesError."""
    with open_dataset(settings) as dataset:
        return dataset.rows(
            _OUTCOMES, complaint=complaint_id, decision=decision_id, run=run, state=state
        )


def _decision(settings: BigQuerySettings, asked: Asked) -> dict[str, Any]:
    with open_dataset(settings) as dataset:
        rows = dataset.rows(
            _DECIDED,
            run=asked.run,
            decision=asked.decision_id,
            policy=asked.policy_id or "",
            of_day=asked.day is not None,
            day=asked.day or _ANY_DAY,
        )
    if not rows:
        raise ComplaintError(
            f"the run {asked.run!r} has no such decision in force in {settings.full_name}: flagged "
            "messages and the view labels have the ids"
        )
    if len(rows) > 1:
        known = ", ".join(sorted(row["policy_id"] for row in rows))
        raise ComplaintError(f"that decision is on several policies; give --policy: {known}")
    return rows[0]


def _insert(settings: BigQuerySettings, row: Mapping[str, Any]) -> None:
    with open_dataset(settings) as dataset:
        insert_into(dataset, "complaints", row)


def _review(
    settings: BigQuerySettings,
    complaint: Mapping[str, Any],
    outcome: Outcome,
    reviewer: str,
    now: datetime,
    note: str,
) -> None:
    named = f"complaint {complaint['complaint_id']}"
    verdicts = {outcome_of(complaint["decision"], verdict): verdict for verdict in DECISIONS}
    review = Review(
        line=1,
        decision_id=complaint["decision_id"],
        policy_id=complaint["policy_id"],
        created_at=complaint["created_at"].astimezone(UTC),
        human_verdict=verdicts[outcome],
        reviewer=reviewer,
        note=f"{named}: {note}" if note else named,
    )
    done = store_reviews(settings, complaint["run"], [review], now)
    if done.bad:
        raise ComplaintError(f"the decision is gone from the tables: {done.bad[0].why}")
