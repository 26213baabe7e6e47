"""Complaints about a decision, which a reviewer settles by what they say of the post."""

from http import HTTPStatus
from typing import Any

from weir.pipelines.console.posts.complaining import settle
from weir.pipelines.console.reference import Reference
from weir.pipelines.console.visit import RefusedError, Visit
from weir.pipelines.reviews.complaints import Outcome, outcome_of, outcomes

Rows = list[dict[str, Any]]


def complaints_about(visit: Visit, reference: Reference) -> Rows:
    """Return the complaints about a decision, the earliest first. TablesError."""
    found = outcomes(visit.setup.bigquery, run=visit.run, decision_id=reference.decision_id)
    return [each for each in found if each["policy_id"] == reference.policy_id]


def for_visitor(visit: Visit, complaints: Rows) -> Rows:
    """Return those that wait, or that the visitor has decided and may decide otherwise."""
    who = visit.person.name
    return [each for each in complaints if each["state"] == "open" or each["reviewer"] == who]


def settle_by(visit: Visit, reference: Reference, verdict: str, note: str) -> str:
    """Settle complaints about a decision by a verdict on the post, and say what they came to.

    Sent twice, each is decided once. RefusedError where somebody else has decided them meanwhile;
    ComplaintError, TablesError.
    """
    complaints = complaints_about(visit, reference)
    own = for_visitor(visit, complaints)
    if not own:
        raise RefusedError(_decided_by_others(complaints), HTTPStatus.CONFLICT)
    came_to: dict[Outcome, None] = {}
    for each in own:
        outcome = outcome_of(each["decision"], verdict)
        settle(visit, each["complaint_id"], outcome, note)
        came_to[outcome] = None
    subject = "the complaint is" if len(own) == 1 else f"the {len(own)} complaints are"
    return f"{subject} {' and '.join(came_to)}"


def _decided_by_others(complaints: Rows) -> str:
    if not complaints:
        return "Nobody has complained about this decision; skip it"
    last = complaints[-1]
    who = last["reviewer"] or "a program"
    return (
        f"{who} has decided this complaint meanwhile, as {last['state']}, and nothing of yours was "
        "stored: skip it, or open the post's page"
    )
