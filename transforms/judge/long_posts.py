"""What the windows of a long post say together: one that violates decides, then one in doubt."""

from dataclasses import dataclass, replace
from typing import Any

from weir.policies.policy import Policy
from weir.transforms.judge.engine import Completion
from weir.transforms.judge.verdict import Verdict, parse
from weir.transforms.records import Outcome

_COSTS = (
    "tokens_in",
    "tokens_cached",
    "tokens_policy",
    "tokens_out",
    "tokens_reasoning",
    "tokens_cut",
)


@dataclass(frozen=True)
class Read:
    """What was said of a post so far; ``completion`` decides, and has what all of them took."""

    completion: Completion
    verdict: Verdict
    latency_ms: float


def read(
    answer: Completion,
    policy: Policy,
    latency_ms: float,
    before: Read | None = None,
    tokens_cut: int = 0,
) -> Read:
    """Return what an answer about a window adds to what was said of those ``before``.

    ``tokens_cut`` are those of the post that are in no window, so that it cannot be safe.
    """
    if before is None:
        if tokens_cut:
            answer = replace(answer, tokens_cut=tokens_cut + (answer.tokens_cut or 0))
        return Read(answer, parse(answer, policy), latency_ms)
    verdict, decisive = parse(answer, policy), answer
    in_doubt = before.verdict.outcome == Outcome.INDETERMINATE
    if in_doubt and verdict.outcome != Outcome.VIOLATES:
        verdict, decisive = before.verdict, before.completion
    costs: dict[str, Any] = {name: _sum(before.completion, answer, name) for name in _COSTS}
    return Read(replace(decisive, **costs), verdict, before.latency_ms + latency_ms)


def _sum(one: Completion, other: Completion, name: str) -> int | None:
    known = [count for each in (one, other) if (count := getattr(each, name)) is not None]
    return sum(known) if known else None
