"""The restrictions of some days, as the dataset has them, without anything that a post says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from weir.pipelines.bigquery.dataset import open_dataset
from weir.transforms.write.bigquery.sink import BigQuerySettings

# A restriction begins when the judge finds the violation, or with the person who was the first to.
# What stands as safe by now (a review, a complaint that was upheld) restricts nothing.
_DECISIONS = """
WITH found AS (
  SELECT
    decision_id, policy_id, policy_version, created_at, language, detected_language, rule_ids,
    route, machine_label = 'violates' AS by_machine, human_verdict = 'violates' AS by_person,
    IF(machine_label = 'violates', decided_at, reviewed_at) AS applied_at
  FROM `{dataset}.decisions`
  WHERE run = @run AND mode = 'enforce' AND label = 'violates' AND created_at < @end
)
SELECT * FROM found
WHERE applied_at >= @first AND applied_at < @end
ORDER BY applied_at, policy_id, decision_id
"""


@dataclass(frozen=True)
class Days:
    """Whole days of UTC, the first and the last among them."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        """Return when the first day begins."""
        return datetime.combine(self.first, time(), UTC)

    @property
    def end(self) -> datetime:
        """Return when the last day is over."""
        return datetime.combine(self.last + timedelta(days=1), time(), UTC)


@dataclass(frozen=True)
class Decision:
    """A post that a policy restricts; ``drawn`` says that chance chose it to be judged."""

    decision_id: str
    policy_id: str
    policy_version: str | None
    created_at: datetime
    applied_at: datetime
    language: str | None
    rule_ids: Sequence[str]
    by_machine: bool
    by_person: bool
    drawn: bool


def decisions(settings: BigQuerySettings, run: str, days: Days) -> list[Decision]:
    """Return what began to be restricted in these days, the earliest first; TablesError."""
    with open_dataset(settings) as dataset:
        rows = dataset.rows(_DECISIONS, run=run, first=days.start, end=days.end)
    return [_decision(row) for row in rows]


def _decision(row: dict[str, Any]) -> Decision:
    return Decision(
        decision_id=row["decision_id"],
        policy_id=row["policy_id"],
        policy_version=row["policy_version"],
        created_at=row["created_at"],
        applied_at=row["applied_at"],
        language=row["language"] or row["detected_language"],
        rule_ids=tuple(row["rule_ids"] or ()),
        by_machine=bool(row["by_machine"]),
        by_person=bool(row["by_person"]),
        drawn=row["route"] == "audit",
    )
