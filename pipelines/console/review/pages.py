"""The pages of Review: queues, one post at a time with its policy, and how far people agree."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from weir.pipelines.console.people import Role
from weir.pipelines.console.posts import filters
from weir.pipelines.console.reference import Reference
from weir.pipelines.console.review import agreement_pages
from weir.pipelines.console.review.complaints import complaints_about, for_visitor
from weir.pipelines.console.review.deciding import decide, skip, undo
from weir.pipelines.console.review.queues import (
    ASKED,
    AT_ONCE,
    EVER,
    QUEUES,
    Asked,
    Batch,
    count_waiting,
    next_batch,
)
from weir.pipelines.console.review.standing import look_up, policy_texts
from weir.pipelines.console.review.turn import Turn
from weir.pipelines.console.runs.named import require_run
from weir.pipelines.console.visit import Answer, Page, RefusedError, Shown, Visit
from weir.pipelines.reviews.complaints import outcome_of
from weir.pipelines.reviews.reviews import DECISIONS

_MOST_CONTEXT = 40  # fields of a message


def show(visit: Visit) -> Answer:
    """Return the queues, or one of them where the address names it."""
    require_run(visit, visit.run)
    if "queue" not in visit.query:
        queues = [Asked.of(visit, queue.name) for queue in QUEUES]
        spans = {
            f"{days} days": (visit.now.date() - timedelta(days=days - 1)).isoformat()
            for days in sorted({visit.setup.days, 7, 30})
        }
        values = {"queues": queues, "asked": queues[0], "spans": spans | {"any day": EVER}}
        return Shown("review/review.html.j2", values)
    turn = Turn.of_address(visit)
    on = {name: visit.query.get(name) for name in ("after", "blur")}
    next_at = turn.asked.to("/review/next", **on)
    return Shown("review/queue.html.j2", {"asked": turn.asked, "turn": turn, "next_at": next_at})


def waiting(visit: Visit) -> Answer:
    """Return how many wait in a queue."""
    asked = Asked.of(visit)
    counted = count_waiting(visit, asked)
    return Shown("review/waiting.html.j2", {"asked": asked, "counted": counted})


def begin(visit: Visit) -> Answer:
    """Return the first post of a queue behind a place in it."""
    asked = Asked.of(visit)
    after = visit.query.get("after", "")
    batch = next_batch(visit, asked, after)
    if not batch.references:
        return Shown("review/end.html.j2", {"asked": asked, "begun": bool(after)})
    first, *others = batch.references
    return _post(visit, first, Turn.of_address(visit, Batch(tuple(others), batch.after)))


def post(visit: Visit) -> Answer:
    """Return one post to decide on."""
    return _post(visit, Reference.parse(visit.query.get("post", "")), Turn.of_address(visit))


def post_again(visit: Visit) -> Answer:
    """Return the post whose decision was refused, with the note to it."""
    return _post(visit, Reference.parse(visit.form.get("post", "")), Turn.of_form(visit))


def _post(visit: Visit, reference: Reference, turn: Turn) -> Shown:
    asked = turn.asked
    shared = {"asked": asked, "turn": turn, "reference": reference}
    complaints = complaints_about(visit, reference) if asked.of_complaints else []
    try:
        standing = look_up(visit, reference)
    except RefusedError as error:
        if not complaints or error.status != HTTPStatus.NOT_FOUND:
            raise
        # Complaints outlive what they are about: the others behind it have to be reached.
        return Shown("review/gone.html.j2", shared | {"complaints": complaints})
    mine = standing.of(visit.person.name)
    version = standing.made["policy_version"]
    shown, in_force = policy_texts(visit, reference.policy_id, version, asked.begin)
    return Shown(
        "review/post.html.j2",
        shared
        | {
            "standing": standing,
            "mine": mine,
            "others": standing.of_others(visit.person.name),
            "hidden": asked.blind and mine is None,
            "context": _context(standing.context),
            "policy": shown,
            "in_force": in_force,
            "complaints": complaints,
            "comes_to": _comes_to(for_visitor(visit, complaints)),
            "settled": complaints and not for_visitor(visit, complaints),
            "at_once": AT_ONCE,
        },
    )


def _comes_to(complaints: list[dict[str, Any]]) -> dict[str, str]:
    """Return what each verdict makes of complaints, as a button says it."""
    decisions = sorted({each["decision"] for each in complaints})
    return {
        verdict: " and ".join({outcome_of(each, verdict): None for each in decisions})
        for verdict in DECISIONS
    }


def decided(visit: Visit) -> Answer:
    """Return what the machine said of a post on which the visitor has decided."""
    asked, reference = Asked.of(visit), Reference.parse(visit.query.get("post", ""))
    standing = look_up(visit, reference)
    values: Mapping[str, Any] = {
        "asked": asked,
        "reference": reference,
        "standing": standing,
        "mine": standing.of(visit.person.name),
        "others": standing.of_others(visit.person.name),
    }
    return Shown("review/decided.html.j2", values)


def _context(said: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in list(said.items())[:_MOST_CONTEXT]]


PAGES = (
    Page("/review", show, names=(*ASKED, *filters.NAMES, "after", "blur", "last")),
    Page("/review/waiting", waiting),
    Page("/review/next", begin, Role.REVIEWER),
    Page("/review/post", post, Role.REVIEWER),
    Page("/review/decided", decided, Role.REVIEWER),
    Page("/review/decide", decide, Role.REVIEWER, changes=True, form=post_again),
    Page("/review/skip", skip, Role.REVIEWER, changes=True),
    Page("/review/undo", undo, Role.REVIEWER, changes=True),
    *agreement_pages.PAGES,
)
