"""Decide whether a new head ranks the traffic better than the one it would replace."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weir.transforms.screen.model import Floats

# The verdicts on a random sample that a comparison needs: with fewer it is a toss-up.
ENOUGH_RANDOM = 500
ENOUGH_VIOLATIONS = 10
_DRAWS = 400
_CONFIDENCE = 0.8  # of the resampled comparisons that the new head has to win


@dataclass(frozen=True, eq=False)
class RandomVerdicts:
    """Verdicts whose posts stand for the whole traffic, each as often as ``weights`` says.

    ``weights`` is 1 / inclusion probability: right for estimating, wrong for training.
    ``sampled`` marks those that the random sample took.
    """

    violates: npt.NDArray[np.bool_]
    weights: Floats
    sampled: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Decision:
    """Whether to put the new head in the old one's place, and why; recalls are at the budget."""

    promoted: bool
    reason: str
    old_recall: float | None = None
    new_recall: float | None = None


def promote(old: Floats, new: Floats, verdicts: RandomVerdicts, budget: float = 0.1) -> Decision:
    """Compare two heads by their scores of the same judged posts, in the same order.

    The new head must not have learned from them. It is promoted where its estimated recall, when a
    share ``budget`` of the traffic is judged, is higher, and so in most resamplings too.
    """
    sampled, violations = int(verdicts.sampled.sum()), int(verdicts.violates.sum())
    if sampled < ENOUGH_RANDOM:
        return Decision(
            False,
            f"{sampled} random verdicts are too few to compare by; {ENOUGH_RANDOM} are needed",
        )
    if violations < ENOUGH_VIOLATIONS:
        return Decision(
            False,
            f"only {violations} of the verdicts found a violation; {ENOUGH_VIOLATIONS} are needed "
            "to compare by",
        )
    before = recall_within(old, verdicts.violates, verdicts.weights, budget)
    after = recall_within(new, verdicts.violates, verdicts.weights, budget)
    told = f"recall {after:.2f} for {before:.2f} where {budget:.0%} of the traffic is judged"
    if after <= before:
        return Decision(
            False, f"it finds no more than what it would replace: {told}", before, after
        )
    won = _share_won(old, new, verdicts, budget)
    if won < _CONFIDENCE:
        reason = f"the difference may be chance ({won:.0%} of resamplings won): {told}"
        return Decision(False, reason, before, after)
    return Decision(True, told, before, after)


def recall_within(
    scores: Floats, violates: npt.NDArray[np.bool_], weights: Floats, budget: float
) -> float:
    """Return the weighted share of violations among the highest scores that make up the budget."""
    order = np.argsort(-scores, kind="stable")
    share = np.concatenate([[0.0], np.cumsum(weights[order])]) / weights.sum()
    found = np.concatenate([[0.0], np.cumsum((weights * violates)[order])])
    return float(np.interp(budget, share, found / max(found[-1], 1e-12)))


def _share_won(old: Floats, new: Floats, verdicts: RandomVerdicts, budget: float) -> float:
    """Return in which share of resamplings of the posts the new head finds more; ties are half."""
    random = np.random.default_rng(0)
    won = 0.0
    for _ in range(_DRAWS):
        rows = random.integers(0, len(old), len(old))
        violates, weights = verdicts.violates[rows], verdicts.weights[rows]
        difference = recall_within(new[rows], violates, weights, budget) - recall_within(
            old[rows], violates, weights, budget
        )
        won += (difference > 0) + (difference == 0) / 2
    return won / _DRAWS
