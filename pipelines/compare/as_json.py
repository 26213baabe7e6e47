"""A comparison as JSON."""

from dataclasses import asdict
from typing import Any

from weir.pipelines.compare.cells import Cost, Group
from weir.pipelines.compare.rows import Compared, Decided, Flip
from weir.pipelines.compare.sides import Side, Window, days_left_out
from weir.pipelines.compare.wording import judgement_in_words
from weir.transforms.statistics import Share


def describe(found: Compared) -> dict[str, Any]:
    """Return all of a comparison; the texts of flipped posts are in it."""
    counted = found.counted
    only_a, only_b = counted.policies_of_one_side
    cost_a, cost_b = counted.costs
    return {
        "a": _side(found.a, found.window, only_a, cost_a),
        "b": _side(found.b, found.window, only_b, cost_b),
        "from": found.window.since.isoformat(),
        "to": found.window.until.isoformat(),
        "posts": asdict(found.posts),
        "policy_changes": [asdict(change) for change in found.changes],
        "total": _group(counted.total),
        "words": judgement_in_words(found),
        "transitions": [
            {"a": a, "b": b, "pairs": pairs} for (a, b), pairs in counted.transitions.items()
        ],
        "by": {each.by: [_group(group) for group in each.groups] for each in counted.breakdowns},
        "flips": [_flip(flip) for flip in found.flips],
    }


def _side(side: Side, window: Window, policies: list[str], cost: Cost) -> dict[str, Any]:
    return {
        "name": side.name,
        "run": side.run,
        "policy_version": side.version,
        "first_day": side.first.isoformat(),
        "last_day": side.last.isoformat(),
        "days_left_out": days_left_out(side, window),
        "policies_of_this_side_only": policies,
        "cost": asdict(cost),
    }


def _group(group: Group) -> dict[str, Any]:
    flips = group.flips
    value, low, high = flips.difference
    return {
        "name": group.name,
        "pairs": flips.pairs,
        "unsure": group.unsure,
        "agreement": _share(flips.agreement),
        "newly_flagged": _share(flips.newly_flagged),
        "no_longer_flagged": _share(flips.no_longer_flagged),
        "difference": {"value": value, "low": low, "high": high},
        "p_value": flips.p_value,
    }


def _share(share: Share) -> dict[str, Any]:
    return {
        "posts": share.hits,
        "value": share.value,
        "low": share.low,
        "high": share.high,
    }


def _flip(flip: Flip) -> dict[str, Any]:
    return {
        "topic": flip.topic,
        "partition": flip.partition,
        "offset": flip.offset,
        "content_id": flip.content_id,
        "created_at": flip.created_at.isoformat(),
        "policy": flip.policy_id,
        "text": flip.text,
        "score": flip.score,
        "a": _decided(flip.a),
        "b": _decided(flip.b),
    }


def _decided(decided: Decided) -> dict[str, Any]:
    return asdict(decided) | {"rule_ids": list(decided.rule_ids)}
