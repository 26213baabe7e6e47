"""Decide whether a screen in shadow finds more of what the judge calls violating than the one live.

Both are open for the same share of the stream, so what counts is where they differ. Of what the
live one sends and the other would clear everything is judged, so each violation lost is worth -1.
Of what it clears and the other would send an audit judges each post with a known probability, so
each violation gained that is seen is worth 1 / probability (Horvitz and Thompson, 1952). The test
is a bet on every post: a capital becomes 1 + stake * worth times what it was. Where the one in
shadow finds no more, the worth of the next post is 0 at most on average, the capital is a
supermartingale, and the chance that it ever reaches 1 / error is at most that error, however often
it is looked at as verdicts come (Ville, 1939): Waudby-Smith and Ramdas, "Estimating means of
bounded random variables by betting" (JRSS B, 2024). Stakes lie in (0, 1), and the capital is spread
over many of them.

Each refit is another screen and another chance to be wrong. The k-th has to win k (k + 1) / ERROR
times its stake, so that all of them together are wrong with a probability of ERROR at most.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.special import logsumexp

from weir.transforms.arrays import Floats
from weir.transforms.screen.live_certificate import missed_at_most

ERROR = 0.05  # of a promotion of a screen that finds no more, at any look, of all that are tried
# By the arcsine law: dense at 1, which is best where nothing is lost, and at 0, where much is.
_STAKES: Floats = np.sin(np.pi * (2 * np.arange(64) + 1) / 256) ** 2


@dataclass(frozen=True)
class Differences:
    """What the judge found where two screens differ on one policy; those of days can be added up.

    ``gained`` has (inclusion probability, violating audits) of what the one in shadow alone would
    send, ``lost`` counts the violations that the live one alone sends. ``audits`` is how many of
    the former were judged, ``waiting`` how many of the latter were not.
    """

    gained: tuple[tuple[float, int], ...] = ()
    lost: int = 0
    audits: int = 0
    waiting: int = 0

    def __post_init__(self) -> None:
        if not all(0 < probability <= 1 and count >= 0 for probability, count in self.gained):
            raise ValueError(f"{self} has an impossible audit")

    def __add__(self, other: "Differences") -> "Differences":
        return Differences(
            self.gained + other.gained,
            self.lost + other.lost,
            self.audits + other.audits,
            self.waiting + other.waiting,
        )

    @property
    def gained_estimate(self) -> float:
        """Return how many violations are gained, each audited one for 1 / probability."""
        return sum(count / probability for probability, count in self.gained)


class Step(StrEnum):
    """What becomes of a screen in shadow."""

    PROMOTE = "promote"  # it decides from now on, and what decided before is in shadow
    WITHDRAW = "withdraw"  # it finds less
    WAIT = "wait"


@dataclass(frozen=True)
class Decision:
    """A step, what bets on the screen in shadow won of a stake of 1, and why in plain words."""

    step: Step
    e_value: float
    reason: str


def decide(found: Mapping[str, Differences], attempt: int = 0) -> Decision:
    """Return what becomes of a screen in shadow from what is found by policy.

    ``attempt`` is the number of the refit; 0 for the screen that decided before, which may come
    back: that is no new chance to be wrong.
    """
    whole = sum(found.values(), Differences())
    e_value, against = math.exp(min(evidence(whole), 500.0)), _certainly_lost(found)
    needed = max(1, attempt * (attempt + 1)) / ERROR
    told = (
        f"it would find about {whole.gained_estimate:.0f} violations that are cleared now "
        f"({sum(count for _, count in whole.gained)} seen in {whole.audits} audits) and lose "
        f"{whole.lost}; bets on it won {e_value:.3g} times their stake, and {needed:.0f} are needed"
    )
    if against:
        return Decision(Step.WITHDRAW, e_value, f"it finds less of {', '.join(against)}: {told}")
    if e_value >= needed:
        return Decision(Step.PROMOTE, e_value, told)
    return Decision(Step.WAIT, e_value, told)


def evidence(found: Differences) -> float:
    """Return the logarithm of what a stake of 1 has become: large where more is gained than lost.

    What waits for the judge counts as lost.
    """
    logs = (found.lost + found.waiting) * np.log1p(-_STAKES)
    for probability, count in found.gained:
        logs = logs + count * np.log1p(_STAKES / probability)
    return float(logsumexp(logs) - math.log(len(_STAKES)))


def _certainly_lost(found: Mapping[str, Differences]) -> list[str]:
    """Return the policies of which more is lost than can be gained, with confidence 1 - ERROR."""
    return sorted(policy_id for policy_id, each in found.items() if each.lost > _most(each))


def _most(found: Differences) -> float:
    """Return how many violations are gained at most; infinity where nothing was audited."""
    if not found.gained:
        return math.inf
    probabilities, counts = zip(*found.gained, strict=True)
    return float(missed_at_most(np.array(counts, float), probabilities, 1 - ERROR))


def total(days: Iterable[tuple[str, Differences]]) -> dict[str, Differences]:
    """Return the sum for each policy."""
    found: dict[str, Differences] = {}
    for policy_id, each in days:
        found[policy_id] = found.get(policy_id, Differences()) + each
    return found
