"""Rows of the records, with every column filled that a test does not care about."""

from datetime import UTC, datetime

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def _position(offset):
    return {"topic": "posts", "partition": 0, "offset": offset, "content_id": f"p{offset}"}


def screening(run, offset, *, screened_at=NOON, screen_version="s1", stored=None, **routes):
    """One SCREENING row; the routes are by policy id, ``stored`` has more columns."""
    return {
        **_position(offset),
        "decision_id": f"{run}-screen-{screen_version}-{offset}",
        "run": run,
        "created_at": NOON,
        "screened_at": screened_at,
        "language": "en",
        "screen_version": screen_version,
        "policy_set": "set1",
        "policies": [
            {"policy_id": policy, "score": 0.5, "route": route} for policy, route in routes.items()
        ],
    } | (stored or {})


def verdict(run, offset, policy_id, outcome, *, policy_version="v1", **changes):
    """One VERDICT row."""
    return {
        **_position(offset),
        "decision_id": f"{run}-{policy_id}-{policy_version}-{offset}",
        "run": run,
        "mode": "enforce",
        "created_at": NOON,
        "judged_at": NOON,
        "language": "en",
        "text": "a post",
        "attributes": "{}",
        "policy_id": policy_id,
        "policy_version": policy_version,
        "screen_version": "s1",
        "route": "escalate",
        "score": 0.5,
        "inclusion_probability": 1.0,
        "verdict": outcome,
        "probability": 0.9,
        "categories": None,
        "rule_ids": ["R1"],
        "rationale": "because",
        "engine": "exemplar",
        "model": "exemplar",
        "effort": "low",
        "cached": False,
    } | changes


def deferral(run, offset, policy_id, *, deferred_at=NOON, **changes):
    """One DEFERRAL row."""
    return {
        **_position(offset),
        "decision_id": f"{run}-defer-{policy_id}-{offset}",
        "run": run,
        "created_at": NOON,
        "deferred_at": deferred_at,
        "language": "en",
        "policy_id": policy_id,
        "policy_version": "v1",
        "screen_version": "s1",
        "route": "escalate",
        "score": 0.5,
        "inclusion_probability": 1.0,
    } | changes


def human_label(run, offset, policy_id, outcome, *, reviewed_at=NOON, **changes):
    """One HUMAN_LABEL row."""
    return {
        **_position(offset),
        "review_id": f"{run}-review-{policy_id}-{offset}",
        "run": run,
        "created_at": NOON,
        "policy_id": policy_id,
        "policy_version": "v1",
        "human_verdict": outcome,
        "reviewer": "ann",
        "reviewed_at": reviewed_at,
    } | changes


def dead_letter(run, offset, stage, reason, *, policy_id=None, died_at=NOON):
    """One DEAD_LETTER row."""
    return {
        **_position(offset),
        "decision_id": f"{run}-dead-{stage}-{policy_id}-{offset}",
        "run": run,
        "stage": stage,
        "reason": reason,
        "error": "It cannot be read.",
        "policy_id": policy_id,
        "value": b"{",
        "attempts": 1,
        "died_at": died_at,
    }
