"""The statements of some days as files, each the body of one request; nothing is sent."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weir.pipelines.csv_cells import write_cells
from weir.pipelines.errors import OptionError
from weir.pipelines.transparency.decisions import Decision
from weir.pipelines.transparency.statement import missing, statement
from weir.pipelines.transparency.validator import MOST_STATEMENTS, faults
from weir.policies.grounds import Grounds
from weir.policies.policy import Policy, PolicySet

_BATCH = "statements-*.json"
_NAMES, _HELD = "puids.csv", "held-back.csv"


@dataclass(frozen=True)
class Stated:
    """A decision and its statement."""

    decision: Decision
    statement: dict[str, Any]


@dataclass(frozen=True)
class HeldBack:
    """A decision that cannot be stated, and why: nothing in it is of the post."""

    decision: Decision
    why: str


def state(
    decisions: Iterable[Decision], policies: PolicySet, usual: Grounds, key: str
) -> tuple[list[Stated], list[HeldBack]]:
    """Return the statements of decisions, and those that have to wait, in their order.

    ``usual`` are the grounds where a policy names none; ``key`` is the one of identifiers.
    """
    known = {policy.policy_id: policy for policy in policies.policies}
    stated: list[Stated] = []
    held: list[HeldBack] = []
    for decision in decisions:
        found = _one(decision, known.get(decision.policy_id), usual, key)
        if isinstance(found, str):
            held.append(HeldBack(decision, found))
        else:
            stated.append(Stated(decision, found))
    return stated, held


def _one(
    decision: Decision, policy: Policy | None, usual: Grounds, key: str
) -> dict[str, Any] | str:
    if policy is None:
        return "the policy is not in the folder of --policies, or retired"
    grounds = policy.grounds.otherwise(usual)
    if lacking := missing(grounds):
        return f"the policy names no {', '.join(lacking)}"
    written = statement(decision, policy, grounds, key)
    if found := faults(written):
        return "; ".join(f"{fault.attribute} {fault.why}" for fault in found)
    return written


def write_export(folder: Path, stated: Sequence[Stated], held: Sequence[HeldBack]) -> int:
    """Write batches, which identifier is which decision, and what is held back; return the batches.

    OptionError where the folder holds an export: its files would be taken for this one's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.glob(_BATCH)):
        raise OptionError(f"{folder} has an export already; name another folder by --out")
    starts = range(0, len(stated), MOST_STATEMENTS)
    for number, start in enumerate(starts, 1):
        batch = stated[start : start + MOST_STATEMENTS]
        body = {"statements": [each.statement for each in batch]}
        path = folder / _BATCH.replace("*", f"{number:05}")
        path.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", "utf-8")
    write_cells(
        folder / _NAMES,
        ["puid", "decision_id", "policy_id"],
        (
            {
                "puid": each.statement["puid"],
                "decision_id": each.decision.decision_id,
                "policy_id": each.decision.policy_id,
            }
            for each in stated
        ),
    )
    write_cells(
        folder / _HELD,
        ["decision_id", "policy_id", "created_at", "why"],
        (
            {
                "decision_id": each.decision.decision_id,
                "policy_id": each.decision.policy_id,
                "created_at": each.decision.created_at.isoformat(),
                "why": each.why,
            }
            for each in held
        ),
    )
    return len(starts)


def reasons(held: Iterable[HeldBack]) -> list[tuple[str, str, int]]:
    """Return for each policy and reason how many decisions are held back, the most first."""
    counted = Counter((each.decision.policy_id, each.why) for each in held)
    return [(policy_id, why, count) for (policy_id, why), count in counted.most_common()]
