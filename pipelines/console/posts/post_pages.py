"""The page of one post, and the parts of it that may be slow."""

from datetime import date
from typing import Any

from weir.pipelines.console.days import read_day
from weir.pipelines.console.people import Role
from weir.pipelines.console.posts.flagged import copies
from weir.pipelines.console.posts.text import said_of
from weir.pipelines.console.posts.way import Position, Way, find, others, way_of
from weir.pipelines.console.reference import Reference
from weir.pipelines.console.visit import Moved, Shown, Visit, address
from weir.pipelines.reviews.complaints import open_until
from weir.transforms.records import Outcome, Route

ROUTES = {
    Route.CLEAR: "its score is below the threshold, so it was not judged",
    Route.ESCALATE: "its score reaches the threshold, so it was judged",
    Route.AUDIT: "below the threshold, and judged because the random audit drew it",
    Route.FORCED: "the screen has no head for this policy, so everything is judged",
    Route.LESSON: "below the threshold, and judged to teach a screen",
    Route.BESIDE: "below the threshold, and judged because other policies were asked about it",
    Route.EMPTY: "there is nothing to read in it",
    Route.DEFERRED: "an audit that the judge's budget left for later",
}


def show(visit: Visit) -> Shown | Moved:
    """Return the whole way of a post. RefusedError where nothing decided has this id."""
    day, position = asked_for(visit)
    if day is None or not visit.query.get("run"):
        return Moved(_at(visit, position))
    way = way_of(visit, position)
    policies = sorted({row["policy_id"] for row in (*way.labels, *way.judged)})
    return Shown(
        "posts/post.html.j2",
        {
            "position": position,
            "way": way,
            "words": said_of(way.text),
            "policies": [_policy(way, each) for each in policies],
            "routes": ROUTES,
            "others_at": _at(visit, position, "/others"),
            "flagged_at": _at(visit, position, "/flagged"),
            "complain_at": _at(visit, position, "/complain"),
            "decide_at": _at(visit, position, "/complaint"),
            "again_at": _at(visit, position, "/again"),
            "decision_id": visit.path["decision_id"],
            "now": visit.now,
            "reviewer": visit.person.may(Role.REVIEWER),
            "writer": visit.person.may(Role.WRITER),
        },
    )


def show_others(visit: Visit) -> Shown:
    """Return what else is known of the post."""
    _, position = asked_for(visit)
    return Shown("posts/others.html.j2", {"position": position} | others(visit, position))


def show_flagged(visit: Visit) -> Shown:
    """Return the copies of the post on the flagged topic, or why none were looked for."""
    _, position = asked_for(visit)
    topic, why, found = visit.setup.flagged_topic, "", None
    judged = [
        row
        for row in way_of(visit, position).judged
        if row["verdict"] == Outcome.VIOLATES and row["mode"] == "enforce"
    ]
    if not judged:
        why = "Nothing of it went there: no verdict that is acted on violates a policy."
    elif visit.setup.kafka is None:
        why = "Nobody looked: the console was given no brokers (weir console --brokers)."
    else:
        since = min(row["judged_at"] for row in judged)
        found = copies(visit.setup.kafka, topic, {row["decision_id"] for row in judged}, since)
    return Shown("posts/flagged.html.j2", {"topic": topic, "why": why, "found": found})


def day_of(visit: Visit) -> date | None:
    """Return the day that an address names; RefusedError where it is none."""
    return read_day("day", visit.query.get("day", ""))


def asked_for(visit: Visit) -> tuple[date | None, Position]:
    """Return the day that an address names, and the post. RefusedError, TablesError."""
    day = day_of(visit)
    return day, find(visit, visit.path["decision_id"], day)


def _at(visit: Visit, position: Position, part: str = "") -> str:
    return post_address(visit.path["decision_id"], position.day, position.run, part)


def post_address(decision_id: str, day: date, run: str, part: str = "") -> str:
    """Return the address of the page of a post, or of a part of it."""
    return address(f"/posts/{decision_id}{part}", day=day.isoformat(), run=run)


def _policy(way: Way, policy_id: str) -> dict[str, Any]:
    """Return all that is known of a post and one policy."""
    label = next(iter(way.of(way.labels, policy_id)), None)
    score = way.score(policy_id)
    judged = way.of(way.judged, policy_id)
    decided = next((row["decision_id"] for row in judged), None)
    decided = decided or next((row["decision_id"] for row in way.screened), None)
    until = None
    if label and label["decision_id"]:
        made = label["decided_at"]
        if label["machine_label"] != Outcome.VIOLATES and label["reviewed_at"]:
            made = label["reviewed_at"]
        until = open_until(made) if made else None
    return {
        "policy_id": policy_id,
        "label": label,
        "score": score,
        "threshold": way.thresholds.get(policy_id),
        "route": (judged[0] if judged else score or {}).get("route"),
        "judged": judged,
        "deferred": next(iter(way.of(way.deferred, policy_id)), None),
        "reviewed": way.of(way.reviewed, policy_id),
        "complaints": way.of(way.complaints, policy_id),
        "review": decided and str(Reference(decided, policy_id, way.position.created_at)),
        "open_until": until,
    }
