"""Rows of one post that are asked about at once, and what the one answer says of each."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from weir.policies.group import Group
from weir.policies.policy import Contract, Policy
from weir.transforms.judge.engine import Completion, Finish
from weir.transforms.judge.json_values import written_values
from weir.transforms.judge.long_posts import TOKENS
from weir.transforms.judge.near_copies import Sketch, Source
from weir.transforms.judge.rows import Row
from weir.transforms.judge.verdict import unfenced
from weir.transforms.records import POST_KEY


@dataclass(frozen=True)
class Escalated:
    """A row of an ESCALATION batch, the policy in force for it, and the group it is asked in."""

    row: Row
    policy: Policy
    group: Group | None = None
    near: Sketch | None = None  # None where near-copies have no say
    checks: Source | None = None  # whose verdict it would have taken


def of_one_post(escalated: Sequence[Escalated]) -> list[tuple[Escalated, ...]]:
    """Return the rows in the order given, those of one post of one run and one group together.

    A row whose group holds it alone, or that has none, stands for itself.
    """
    together: dict[object, list[Escalated]] = {}
    for each in escalated:
        key = id(each) if each.group is None else (*_position(each.row), each.group.version)
        together.setdefault(key, []).append(each)
    return [tuple(rows) for rows in together.values()]


def _position(row: Row) -> tuple[object, ...]:
    return tuple(row.batch[name][row.number].as_py() for name in POST_KEY)


def said_of_each(answer: Completion, group: Group) -> Mapping[str, Completion] | None:
    """Return each member's own answer, by its id; None where the whole cannot be read.

    What is missing, or there twice, is no answer in any contract. Keys that are no member's id are
    passed over: a post may have talked the model into them.
    """
    if answer.finish_reason == Finish.CONTENT_FILTER:  # asked alone it would meet the same
        return {member.policy_id: answer for member in group.members}
    if answer.finish_reason != Finish.STOP:
        return None
    written = written_values(unfenced((answer.final or "").strip()))
    if written is None:
        return None
    values: dict[str, list[str]] = {}
    for each in written:
        values.setdefault(each.key, []).append(each.text)
    probabilities = answer.probabilities or {}
    return {
        member.policy_id: replace(
            answer,
            final=_final(values.get(member.policy_id, ()), member.contract),
            probability=probabilities.get(member.policy_id),
            probabilities=None,
        )
        for member in group.members
    }


def shares(answer: Completion, count: int) -> Iterable[Completion]:
    """Yield the answer as ``count`` rows have it: whole tokens, which add up to what it took."""
    for number in range(count):
        costs: dict[str, Any] = {
            name: _share(getattr(answer, name), number, count) for name in TOKENS
        }
        yield replace(answer, **costs)


def _share(tokens: int | None, number: int, count: int) -> int | None:
    return None if tokens is None else tokens // count + (number < tokens % count)


def _final(values: Sequence[str], contract: Contract) -> str | None:
    if not values:
        return None
    if len(values) == 1 and contract is not Contract.JSON:
        # Nothing but a text is taken apart: what is nested deep could end the process.
        return json.loads(values[0]) if values[0].startswith('"') else values[0]
    return "\n".join(values)
