"""Decisions of Coop's moderators as rows: reviews, and what complaints came to; each once."""

from datetime import UTC, datetime
from typing import Any

from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.coop.callbacks import Action, AppealDecision, CallbackError
from weir.pipelines.reviews.complaints import Asked, Outcome, decide, receive
from weir.pipelines.reviews.reviews import Review, store_reviews
from weir.transforms.write.bigquery.sink import BigQuerySettings

_DECISION = """
SELECT run, policy_id, created_at
FROM `{dataset}.verdicts`
WHERE decision_id = @decision
ORDER BY judged_at
LIMIT 1
"""
_REVIEWED = """
SELECT COUNT(*) AS n
FROM `{dataset}.human_labels`
WHERE run = @run AND created_at = @at AND policy_id = @policy AND reviewer = @reviewer
  AND human_verdict = @verdict AND note = @note
"""
_MODERATOR = "coop"  # an appeal's callback does not say who decided it


def store_action(settings: BigQuerySettings, action: Action) -> str:
    """Store a moderator's decision once; CallbackError, TablesError.

    One that a rule of Coop's took is no person's, and is left out.
    """
    if action.reviewer is None:
        return "left out: a rule decided, and no person"
    row = _decided(settings, action.decision_id)
    note = f"coop, decision {action.decision_id}"
    with open_dataset(settings) as dataset:
        # Coop sends again what it heard no answer of, maybe after somebody changed his mind.
        known = dataset.rows(
            _REVIEWED,
            run=row["run"],
            at=row["created_at"],
            policy=row["policy_id"],
            reviewer=action.reviewer,
            verdict=action.human_verdict,
            note=note,
        )
    if known[0]["n"]:
        return "known already"
    review = Review(
        line=1,
        decision_id=action.decision_id,
        policy_id=row["policy_id"],
        created_at=row["created_at"],
        human_verdict=action.human_verdict,
        reviewer=action.reviewer,
        note=note,
    )
    if store_reviews(settings, row["run"], [review], datetime.now(UTC)).bad:
        raise CallbackError("the item is no decision that is stored")
    return "stored"


def store_appeal(settings: BigQuerySettings, appeal: AppealDecision) -> str:
    """Store what an appeal came to, with the appeal where it is new; CallbackError, TablesError."""
    row = _decided(settings, appeal.decision_id)
    asked = Asked(row["run"], appeal.decision_id, row["policy_id"])
    now = datetime.now(UTC)
    complaint_id = receive(settings, asked, appeal.appeal_id, now, late=True)
    outcome = Outcome.OVERTURNED if appeal.granted else Outcome.UPHELD
    before = decide(settings, complaint_id, outcome, _MODERATOR, now)
    return "known already" if before["state"] == outcome.value else "stored"


def _decided(settings: BigQuerySettings, decision_id: str) -> dict[str, Any]:
    with open_dataset(settings) as dataset:
        rows = dataset.rows(_DECISION, decision=decision_id)
    if not rows:
        raise CallbackError("the item is no decision that is stored")
    return rows[0]
