"""What the windows of a long post say together: one that violates decides, then one in doubt."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from weir.policies.policy import Policy
from weir.transforms.judge.engine import Completion
from weir.transforms.judge.verdict import Verdict, parse
from weir.transforms.records import Outcome

TOKENS = ("tokens_in", "tokens_cached", "tokens_policy", "tokens_out", "tokens_reasoning")


@dataclass(frozen=True)
class Read:
    """What was said of a post so far; ``completion`` decides, and has what all of them took."""

    completion: Completion
    verdict: Verdict
    latency_ms: float
    requests: float = 1.0  # less than 1 where one request asked about several policies


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
    if tokens_cut and before is None:
        answer = replace(answer, tokens_cut=tokens_cut + (answer.tokens_cut or 0))
    said = Read(answer, parse(answer, policy), latency_ms)
    if before is None:
        return said
    both = with_costs(before if _decides(before.verdict, said.verdict) else said, before, said)
    cut = _sum((before, said), "tokens_cut")
    return replace(both, completion=replace(both.completion, tokens_cut=cut))


def with_costs(decisive: Read, *all_of_them: Read) -> Read:
    """Return what decides, with the tokens, the time and the requests of all of them."""
    costs: dict[str, Any] = {name: _sum(all_of_them, name) for name in TOKENS}
    return Read(
        replace(decisive.completion, **costs),
        decisive.verdict,
        sum(each.latency_ms for each in all_of_them),
        sum(each.requests for each in all_of_them),
    )


def _decides(before: Verdict, now: Verdict) -> bool:
    """Return whether what was said before, which is no violation, stands beside what is said now.

    A window in doubt does; of two safe ones the one that is more likely to violate.
    """
    if now.outcome == Outcome.VIOLATES:
        return False
    if before.outcome == Outcome.INDETERMINATE or now.outcome == Outcome.INDETERMINATE:
        return before.outcome == Outcome.INDETERMINATE
    return (before.probability or 0.0) > (now.probability or 0.0)


def _sum(read: Sequence[Read], name: str) -> int | None:
    known = [count for each in read if (count := getattr(each.completion, name)) is not None]
    return sum(known) if known else None
