"""What is certain of the recall of posts gone by, relative to the judge, however often it is asked.

"Of what the judge calls violating, at least this share was escalated, with this confidence": of
the posts of a period themselves, of whatever kind, in whatever order. All that escalates is judged,
so the caught are counted. Of the cleared an audit takes each with a known probability, by a coin of
its own, and these coins are all that chance has to do with it: neither the posts nor the thresholds
need stay as they are, and the probabilities may differ by post as long as what sets them does not
know the coins to come.

For any rate > 0 a cleared post that violates multiplies a capital by exp(rate), and by
exp(rate - charge) where the audit takes it; charge = -log(1 - (1 - exp(-rate)) / probability) makes
the mean of that 1. So the capital is a martingale, and the chance that it ever reaches
1 / (1 - confidence) is at most 1 - confidence (Ville, 1939). What the capital is for some number of
missed violations depends on the audited ones alone: the bound is the highest number for which it is
still below that, at every look at once. Such bets are those of Waudby-Smith and Ramdas, "Estimating
means of bounded random variables by betting" (JRSS B, 2024); the capital is spread over many rates,
which is the mixture of Robbins (1970).

What is judged beside other policies is judged whatever the coins say: it is counted, and added.

What it takes for granted: an id that comes again has the coin it had before, so posts under one id
are one draw; and where a budget takes audits out of the sample, the chance that is left to the
others is what it turned out to be, which knows a little of the coins. The confidence is that of one
policy and one first day, however often and until whenever it is asked; a window that moves on every
day is a new question every day.

An interval of ``live_recall`` is for one look, and narrower: with no audited violation at a rate of
1 % at most 300 were missed by it, and at most 418 by this one; with a hundred 11,800 and 13,465.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from weir.transforms.arrays import Floats

CONFIDENCE = 0.95
_RATES = 64
# As shares of the highest rate, spread by the arcsine law: dense at its top, which is the best rate
# where nothing was missed, and at its bottom, where many were.
_SHARES: Floats = np.sin(np.pi * (2 * np.arange(_RATES) + 1) / (4 * _RATES)) ** 2
_ALL = 1 - 1e-9  # a probability of 1 has no highest rate
_STEPS = 12


@dataclass(frozen=True)
class Judged:
    """What the judge said of one policy over some posts; those of separate posts can be added up.

    ``audits`` has (inclusion probability, answered audits, of them violating) for each probability
    at which posts were cleared, also where none was audited; 0 is that of what nobody audits. What
    waits or died is ``unanswered``; an indeterminate verdict is an answer, and calls nothing
    violating. ``beside`` are the cleared posts judged beside other policies that violate, or have
    no answer yet.
    """

    caught: int = 0  # escalated posts that violate
    audits: tuple[tuple[float, int, int], ...] = ()
    unanswered: int = 0  # audits
    beside: int = 0

    def __post_init__(self) -> None:
        for probability, audits, violating in self.audits:
            known = 0 < probability <= 1 or probability == audits == 0
            if not (known and 0 <= violating <= audits):
                raise ValueError(f"{self} has an impossible audit")

    def __add__(self, other: "Judged") -> "Judged":
        return Judged(
            self.caught + other.caught,
            self.audits + other.audits,
            self.unanswered + other.unanswered,
            self.beside + other.beside,
        )


@dataclass(frozen=True)
class LiveCertificate:
    """At least ``recall`` of the violations were escalated, at most ``missed`` were not."""

    recall: float
    missed: int
    confidence: float


def certify(judged: Judged, confidence: float = CONFIDENCE) -> LiveCertificate | None:
    """Return what is certain of the recall.

    None where no audit at random was answered, or some posts were cleared without any chance of
    one. An unanswered audit counts as a violation of the smallest probability: the bound holds
    whatever it turns out to be.
    """
    if not judged.audits:
        return None
    probabilities, answered, violating = (
        np.array(each, float) for each in zip(*judged.audits, strict=True)
    )
    if not answered.any() or not probabilities.all():
        return None
    violating[np.argmin(probabilities)] += judged.unanswered
    missed = math.floor(missed_at_most(violating, probabilities, confidence)) + judged.beside
    return LiveCertificate(judged.caught / max(1, judged.caught + missed), missed, confidence)


def missed_at_most(
    violating: npt.ArrayLike, probabilities: npt.ArrayLike, confidence: float = CONFIDENCE
) -> Floats:
    """Return (...) upper bounds on how many cleared posts violate.

    ``violating`` (..., classes) counts the audited posts that do by their inclusion probability,
    ``probabilities`` (classes,), in (0, 1]. The smallest of these must be as small as that of any
    cleared post. The bounds along a stream hold at once with this confidence.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence is {confidence}; it must lie between 0 and 1")
    counts, chances = np.asarray(violating, float), np.asarray(probabilities, float)
    rates = -np.log1p(-min(chances.min(), _ALL)) * _SHARES
    charges = -np.log1p(np.expm1(-rates) / np.minimum(chances, _ALL)[:, None])
    charged = counts @ charges  # (..., rates)
    limit = -math.log1p(-confidence)
    # The logarithm of the capital is convex in the number, so Newton's steps come down to the bound
    # from above. They begin where the capital at one rate alone is the limit.
    number = ((charged + limit + math.log(_RATES)) / rates).min(-1)
    for _ in range(_STEPS):
        logs = number[..., None] * rates - charged
        capital = logsumexp(logs, axis=-1)
        slope = np.exp(logs - capital[..., None]) @ rates
        number = number - (capital - math.log(_RATES) - limit) / slope
    return np.asarray(np.maximum(number, counts.sum(-1)))
