"""Decide whether a new head ranks the traffic better than the one it would replace.

The test is a bet on every violation that one of the two finds and the other does not, worth its
weight. Where the new head finds no more of the traffic's violations than the old, the capital is a
supermartingale, and the chance that it ever reaches 1 / ERROR is at most ERROR (Ville, 1939),
however often it is looked at as verdicts come: Waudby-Smith and Ramdas, "Estimating means of
bounded random variables by betting" (JRSS B, 2024). That is the error of one new head against one
old one: a head that is fitted anew is another.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weir.transforms.screen.model import Floats

# The verdicts on a random sample that a comparison needs: with fewer it is a toss-up.
ENOUGH_RANDOM = 500
ENOUGH_VIOLATIONS = 10
ERROR = 0.05  # of a promotion of a head that is no better, at any look
# Stakes, as shares of the capital: it is spread over many, and the best one wins in the end.
_STAKES: Floats = np.sin(np.pi * (2 * np.arange(64) + 1) / 256) ** 2


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
    share ``budget`` of the traffic is judged, is higher, and bets on it have won enough.
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
    capital = _capital(_within(new, verdicts, budget) - _within(old, verdicts, budget), verdicts)
    if capital < 1 / ERROR:
        reason = (
            f"the difference may be chance (bets on it won {capital:.1f} times their stake; "
            f"{1 / ERROR:.0f} are needed): {told}"
        )
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


def _within(scores: Floats, verdicts: RandomVerdicts, budget: float) -> Floats:
    """Return 1 for the highest scores that make up the budget, and 0 for the others."""
    order = np.argsort(-scores, kind="stable")
    within = np.zeros(len(scores))
    within[order] = np.cumsum(verdicts.weights[order]) <= budget * verdicts.weights.sum()
    return within


def _capital(gained: Floats, verdicts: RandomVerdicts) -> float:
    """Return what bets on the new head made of a capital of 1; the order of the posts is no matter.

    ``gained`` is 1 where it alone would have a post judged, -1 where the old one alone would.
    """
    worth = gained * verdicts.violates * verdicts.weights / verdicts.weights.max()
    decided = worth[worth != 0]
    logs = np.log1p(_STAKES[:, None] * decided).sum(1)
    return float(np.exp(np.minimum(logs, 500.0)).mean())
