"""What a reviewer does with a post: decide, skip, undo. Nothing of it is kept in this process."""

from datetime import datetime, timedelta

from weir.pipelines.console.actions import id_of, record
from weir.pipelines.console.one_at_a_time import OneAtATime
from weir.pipelines.console.reference import Reference
from weir.pipelines.console.review.complaints import settle_by
from weir.pipelines.console.review.queues import Asked
from weir.pipelines.console.review.standing import Standing, look_up, policy_texts
from weir.pipelines.console.review.turn import Turn
from weir.pipelines.console.visit import Answer, Moved, RefusedError, Visit
from weir.pipelines.reviews.reviews import (
    DECISIONS,
    LONGEST,
    UNDONE,
    Review,
    review_id,
    store_reviews,
)

_UNDONE_AT = """
SELECT MAX(reviewed_at) AS at
FROM `{dataset}.human_labels`
WHERE created_at = @at AND review_id = @review
"""
_ONE = OneAtATime()


def decide(visit: Visit) -> Answer:
    """Store what the visitor decided, once however often it is sent, and go on to the next post."""
    turn, reference = Turn.of_form(visit), Reference.parse(visit.form.get("post", ""))
    asked, verdict = turn.asked, visit.form.get("verdict", "")
    if verdict not in DECISIONS:
        raise RefusedError("Decide with one of the buttons: violates or safe")
    note = visit.form.get("note", "").strip()
    if len(note) > LONGEST["note"]:
        raise RefusedError(f"The note is longer than {LONGEST['note']:,} characters; shorten it")
    with _ONE.alone(visit.run, str(reference)):  # two people may settle one complaint
        standing = look_up(visit, reference)
        if asked.of_complaints:
            earlier, done = None, settle_by(visit, reference, verdict, note)
        else:
            earlier = _stored_at(visit, standing, verdict, note)
            at = earlier or _store(visit, reference, verdict, note)
            _record(visit, "review-decide", reference, verdict, at, asked)
            done = "it was stored already" if earlier else "stored"
    said = f"{verdict.capitalize()}: {done}."
    more = _more_to_say(visit, asked, standing, again=earlier is not None)
    return Moved(turn.on(reference), " ".join([said, *more]))


def _stored_at(visit: Visit, standing: Standing, verdict: str, note: str) -> datetime | None:
    """Return when the visitor's same decision was stored, where this form is sent again."""
    before = standing.of(visit.person.name)
    if before is None:
        return None
    same = (
        before["human_verdict"] == verdict
        and note in ("", before["note"] or "")
        and before["policy_version"] == _version(visit, standing)
    )
    at: datetime = before["reviewed_at"]
    return at if same else None


def _version(visit: Visit, standing: Standing) -> str | None:
    """Return the version that is decided by: that of the decision, else the one that was shown."""
    return standing.made["policy_version"] or visit.form.get("version") or None


def _store(
    visit: Visit, reference: Reference, verdict: str, note: str, at: datetime | None = None
) -> datetime:
    """Store a row, and return its time. RefusedError, TablesError."""
    at = at or visit.now
    review = Review(
        line=1,
        decision_id=reference.decision_id,
        policy_id=reference.policy_id,
        created_at=reference.created_at,
        human_verdict=verdict,
        reviewer=visit.person.name,
        note=note or None,
        policy_version=visit.form.get("version") or None,
    )
    if store_reviews(visit.setup.bigquery, visit.run, [review], at).bad:
        raise RefusedError("The decision is gone from the tables meanwhile, so there is no review")
    return at


def _record(
    visit: Visit, what: str, reference: Reference, verdict: str, at: datetime, asked: Asked
) -> None:
    """Record a row that was stored at a time, once however often that is asked for."""
    identity = f"{what} {visit.run} {reference} {visit.person.name} {at.isoformat()}"
    detail = {
        "policy": reference.policy_id,
        "decision": verdict,
        "queue": asked.queue.name,
        "day": reference.created_at.date().isoformat(),
    }
    action_id = id_of(identity)
    record(visit, what, reference.decision_id, detail=detail, done_at=at, action_id=action_id)


def _more_to_say(visit: Visit, asked: Asked, standing: Standing, *, again: bool) -> list[str]:
    """Return what there is to say of a decision that was stored, beside that."""
    parts = []
    if standing.gone:
        parts.append(f"{standing.gone} Yours counts for figures, and nothing is acted upon.")
    if standing.judged_since:
        parts.append(
            f"The post was judged by version {standing.version_now} meanwhile: yours stands under "
            f"{standing.made['policy_version']}, which you read, and the post waits anew."
        )
    else:
        parts += _changed_policy(visit, asked, standing)
    others = standing.of_others(visit.person.name)
    if others and not again:
        parts.append(f"{others[0]['reviewer']} has decided too: yours is a second decision.")
    return parts


def _changed_policy(visit: Visit, asked: Asked, standing: Standing) -> list[str]:
    shown, in_force = visit.form.get("version"), visit.form.get("in_force")
    if not shown or not in_force:
        return []
    _, now = policy_texts(visit, standing.reference.policy_id, shown, asked.begin)
    if now is None or now.version == in_force:
        return []
    return [
        f"The policy changed while you decided: {now.version} is in force now, and yours is stored "
        f"under {shown}, which you read."
    ]


def skip(visit: Visit) -> Answer:
    """Go on to the next post of the queue; the one that was skipped comes when it begins anew."""
    return Moved(Turn.of_form(visit).on(last=None))


def undo(visit: Visit) -> Answer:
    """Take back what the visitor said of a post, and show it again. TablesError, RefusedError."""
    turn, reference = Turn.of_form(visit), Reference.parse(visit.form.get("post", ""))
    if turn.asked.of_complaints:
        said = "The complaint stays as it was decided, until you decide anew: that counts instead."
        return Moved(turn.back_to(reference), said)
    with _ONE.alone(visit.run, str(reference)):
        before = look_up(visit, reference).of(visit.person.name)
        if before is not None:
            # It must come after what it takes back, whichever clock that was stored by.
            at = max(visit.now, before["reviewed_at"] + timedelta(microseconds=1))
            undone: datetime | None = _store(visit, reference, UNDONE, "", at)
        else:
            undone = _undone_at(visit, reference)
        if undone is not None:
            _record(visit, "review-undo", reference, UNDONE, undone, turn.asked)
    said = "Undone: it does not count." if undone else "There was nothing to undo."
    return Moved(turn.back_to(reference), said)


def _undone_at(visit: Visit, reference: Reference) -> datetime | None:
    """Return when the visitor took back what they said of it, where the same was sent before."""
    (row,) = visit.rows(
        _UNDONE_AT,
        at=reference.created_at,
        review=review_id(
            visit.run, reference.decision_id, reference.policy_id, visit.person.name, UNDONE
        ),
    )
    at: datetime | None = row["at"]
    return at
