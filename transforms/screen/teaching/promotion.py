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

A refit takes over the bets of those before it: each post may be bet on by another screen, as long
as that one is chosen before. So what is shown is that what the verdicts make of the screen finds
more, and learning costs no evidence. 1 / (k (k + 1)) of the capital is kept for the k-th screen of
all that were ever compared, and is bet from it on: where those before it found less, it has its
own. These shares are 1 in all, so the probability that a screen is ever promoted where none has
found more is ERROR at most.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

import numpy as np
from scipy.special import logsumexp

from weir.transforms.arrays import Floats
from weir.transforms.screen.live_certificate import missed_at_most

ERROR = 0.05  # of a promotion of a screen that finds no more, at any look, of all that are tried
# By the arcsine law: dense at 1, which is best where nothing is lost, and at 0, where much is.
_STAKES: Floats = np.sin(np.pi * (2 * np.arange(64) + 1) / 256) ** 2


@dataclass(frozen=True)
class Differences:
    """What the judge found where two screens differ; those of policies and days can be added up.

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


def decide(found: Sequence[Differences], attempt: int = 0) -> Decision:
    """Return what becomes of a screen in shadow from what is found of it.

    ``found`` is also of those before it that were compared with what decides now, the first first;
    ``attempt`` is its number among all that ever were. It is 0 for the screen that decided before,
    alone, which may come back: that is no new chance to be wrong.
    """
    *_, own = found
    e_value, needed = math.exp(min(_capital(found, attempt), 500.0)), 1 / ERROR
    told = (
        f"it would find about {own.gained_estimate:.0f} violations that are cleared now "
        f"({sum(count for _, count in own.gained)} seen in {own.audits} audits) and lose "
        f"{own.lost}; bets on what was learned won {e_value:.3g} times their stake, and "
        f"{needed:.0f} are needed"
    )
    if own.lost > _most(own):
        return Decision(Step.WITHDRAW, e_value, f"it finds less: {told}")
    if e_value >= needed and evidence(own) >= 0:
        return Decision(Step.PROMOTE, e_value, told)
    return Decision(Step.WAIT, e_value, told)


def _capital(found: Sequence[Differences], attempt: int) -> float:
    """Return the logarithm of what bets on all of these screens made of a stake of 1."""
    since = list(accumulate(reversed(found)))  # the last, the last two, ...
    shares = [1 / (k * (k + 1)) if k else 1.0 for k in range(attempt, attempt - len(found), -1)]
    return float(logsumexp([evidence(each) for each in since], b=shares))


def evidence(found: Differences) -> float:
    """Return the logarithm of what a stake of 1 has become: large where more is gained than lost.

    What waits for the judge counts as lost.
    """
    logs = (found.lost + found.waiting) * np.log1p(-_STAKES)
    for probability, count in found.gained:
        logs = logs + count * np.log1p(_STAKES / probability)
    return float(logsumexp(logs) - math.log(len(_STAKES)))


def _most(found: Differences) -> float:
    """Return how many violations are gained at most, with confidence 1 - ERROR.

    Infinity where nothing was audited.
    """
    if not found.gained:
        return math.inf
    probabilities, counts = zip(*found.gained, strict=True)
    return float(missed_at_most(np.array(counts, float), probabilities, 1 - ERROR))


def total(parts: Iterable[tuple[str, Differences]]) -> dict[str, Differences]:
    """Return the sum for each screen, by its version."""
    found: dict[str, Differences] = {}
    for version, each in parts:
        found[version] = found.get(version, Differences()) + each
    return found
