"""The pages of Review: queues, one post at a time with its policy, and how far people agree."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from weir.pipelines.console.known_runs import require_run
from weir.pipelines.console.people import Role
from weir.pipelines.console.reference import Reference, joined, parse_all
from weir.pipelines.console.review import agreement_pages
from weir.pipelines.console.review.deciding import decide, skip, undo
from weir.pipelines.console.review.queues import (
    AT_ONCE,
    EVER,
    QUEUES,
    Asked,
    Batch,
    count_waiting,
    next_batch,
)
from weir.pipelines.console.review.standing import look_up, policy_texts
from weir.pipelines.console.visit import Answer, Page, Shown, Visit

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
    asked = Asked.of(visit)
    on = {name: visit.query.get(name) for name in ("after", "blur")}
    values = {"asked": asked, "next_at": asked.to("/review/next", **on), "last": _last(visit)}
    return Shown("review/queue.html.j2", values)


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
        return Shown("review/end.html.j2", {"asked": asked, "begun": bool(after), "last": None})
    first, rest = batch.references[0], Batch(batch.references[1:], batch.after)
    return _post(visit, asked, first, rest, last=None)


def post(visit: Visit) -> Answer:
    """Return one post to decide on."""
    asked = Asked.of(visit)
    rest = Batch(parse_all(visit.query.get("then", "")), visit.query.get("after", ""))
    return _post(visit, asked, Reference.parse(visit.query.get("post", "")), rest, _last(visit))


def _post(
    visit: Visit, asked: Asked, reference: Reference, rest: Batch, last: Reference | None
) -> Shown:
    standing = look_up(visit, reference)
    mine = standing.of(visit.person.name)
    version = standing.made["policy_version"]
    shown, in_force = policy_texts(visit, reference.policy_id, version, asked.begin)
    return Shown(
        "review/post.html.j2",
        {
            "asked": asked,
            "reference": reference,
            "standing": standing,
            "mine": mine,
            "others": standing.of_others(visit.person.name),
            "hidden": asked.blind and mine is None,
            "context": _context(standing.context),
            "policy": shown,
            "in_force": in_force,
            "rest": rest,
            "then": joined(rest.references),
            "last": last,
            "blurred": visit.query.get("blur") != "0",
            "at_once": AT_ONCE,
        },
    )


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


def _last(visit: Visit) -> Reference | None:
    return Reference.parse(visit.query["last"]) if visit.query.get("last") else None


def _context(said: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in list(said.items())[:_MOST_CONTEXT]]


PAGES = (
    Page("/review", show),
    Page("/review/waiting", waiting),
    Page("/review/next", begin, Role.REVIEWER),
    Page("/review/post", post, Role.REVIEWER),
    Page("/review/decided", decided, Role.REVIEWER),
    Page("/review/decide", decide, Role.REVIEWER, changes=True),
    Page("/review/skip", skip, Role.REVIEWER, changes=True),
    Page("/review/undo", undo, Role.REVIEWER, changes=True),
    *agreement_pages.PAGES,
)
