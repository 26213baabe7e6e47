"""Complaints from the page of a post, as ``weir complaint`` records and decides them."""

from datetime import datetime

from weir.pipelines.console.actions import id_of, record
from weir.pipelines.console.posts.post_pages import day_of, post_address
from weir.pipelines.console.visit import Moved, RefusedError, Visit
from weir.pipelines.reviews.complaints import Asked, Outcome, decide, receive

_LONGEST = 1_024  # characters of a reference


def complain(visit: Visit) -> Moved:
    """Record a complaint, once however often it is sent. RefusedError, ComplaintError."""
    reference = visit.form.get("reference", "").strip()
    if len(reference) > _LONGEST:
        raise RefusedError(f"The number of the complaint is longer than {_LONGEST:,} characters")
    asked = Asked(
        visit.run, visit.form.get("decision", ""), visit.form.get("policy") or None, day_of(visit)
    )
    late = "late" in visit.form
    complaint = receive(visit.setup.bigquery, asked, reference, visit.now, late=late)
    _record(visit, "complaint-open", complaint)
    return Moved(_at(visit), f"The complaint is recorded as {complaint}.")


def decide_one(visit: Visit) -> Moved:
    """Record what a complaint came to, decided by the visitor. RefusedError, ComplaintError."""
    said = visit.form.get("outcome", "")
    if said not in tuple(Outcome):
        raise RefusedError("Decide with one of the buttons: upheld or overturned")
    complaint = visit.form.get("complaint", "")
    settle(visit, complaint, Outcome(said))
    return Moved(_at(visit), f"The complaint is {said}.")


def settle(visit: Visit, complaint: str, outcome: Outcome, note: str = "") -> None:
    """Store what a complaint came to, decided by the visitor. ComplaintError, TablesError."""
    who = visit.person.name
    before = decide(visit.setup.bigquery, complaint, outcome, who, visit.now, note)
    again = (before["state"], before["reviewer"]) == (outcome, who)
    # Somebody may come back to a word of theirs: that is another one, told apart by its time.
    _record(visit, f"complaint-{outcome}", complaint, before["decided_at"] if again else visit.now)


def _record(visit: Visit, what: str, complaint: str, at: datetime | None = None) -> None:
    said = f"{visit.person.name} {what} {complaint} {at.isoformat() if at else ''}"
    identity = id_of(said)
    record(visit, what, complaint, done_at=at, action_id=identity)


def _at(visit: Visit) -> str:
    day = day_of(visit)
    if day is None:
        raise RefusedError("The address names no day; open the page of the post again")
    return post_address(visit.path["decision_id"], day, visit.run)
