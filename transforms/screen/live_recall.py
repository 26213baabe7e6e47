"""What the screen misses, from the random sample of cleared posts that is judged all the same.

All that escalates is judged; of what is cleared, each post with a known probability. So the
violations that were caught are counted, and those that were missed are estimated, each audited one
standing for 1 / probability of them (Horvitz and Thompson, 1952). Posts that the judge is asked
about under several policies at once are a stratum of their own: all of what was cleared of them is
judged beside the rest, so what was missed there is counted too, and the audit is a sample of the
other cleared posts alone.

Three things are said of it here, at 95 % confidence:

- **missed**: how many violations of these very posts were cleared, with an interval;
- **recall**: the share that the screen catches of the violations in traffic like this, with an
  interval; it is what a certificate promises. While the audit takes a tenth or less of the posts
  the interval covers the share of these very posts as well; above, it is wider than that needs;
- **drift**: whether a certified recall is refuted, by an exact test of its own.

Not every post that should be judged has a verdict: some are indeterminate, some wait, some died.
The estimates take those to be like the others of their route that have one, day by day (missing
at random), and ``lowest`` and ``highest`` say how far that can be wrong: the recall if everything
unanswered had gone against the screen, or for it. An audit that the judge's budget took out of the
sample (route ``deferred``) is no part of it, nor is a post of a policy without a head (``forced``).

The view ``live_recall`` has the same formulas in SQL.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import betainc

from weir.transforms.statistics import LOW_LIMITS, Z

DRIFT_LEVEL = 0.025  # of false alarms, for each policy and look
FALL = 0.10  # the loss of recall, in points of 1, that an audit should be able to see ...
POWER = 0.90  # ... in so many of the cases
_PLANNED = 0.92  # as the number of caught violations varies, too
_STEP, _IN_A_ROW = 1.02, 10


@dataclass(frozen=True)
class Sample:
    """What is known of one policy over some posts; samples of separate posts can be added up.

    ``answered`` is judged to violate or to be safe. A weight is 1 / inclusion probability.
    """

    escalated: int = 0  # posts at the threshold or above
    escalated_answered: int = 0
    caught: int = 0  # of them, violating
    cleared: int = 0  # posts below the threshold, audits and deferred audits included
    audits: int = 0  # of them, in the random sample
    audits_answered: int = 0
    missed_seen: int = 0  # of them, violating
    audit_weight: float = 0.0  # sum over the answered audits
    audit_squares: float = 0.0  # and of the squared weights
    missed_weight: float = 0.0  # the same over the violating ones
    missed_squares: float = 0.0
    beside: int = 0  # of the cleared, judged beside other policies; none of them is an audit
    beside_answered: int = 0
    beside_missed: int = 0  # of them, violating
    # Sum of 1 / the run's audit rate over the cleared; 0 where an older version wrote their rows.
    cleared_weight: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.missed_seen <= self.audits_answered <= self.audits <= self.cleared:
            raise ValueError(f"{self} has more of a part than of the whole")
        if not 0 <= self.beside_missed <= self.beside_answered <= self.beside <= self.cleared:
            raise ValueError(f"{self} has more of a part than of the whole")
        if not 0 <= self.caught <= self.escalated_answered <= self.escalated:
            raise ValueError(f"{self} has more of a part than of the whole")

    def __add__(self, other: "Sample") -> "Sample":
        return Sample(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @classmethod
    def total(cls, samples: Iterable["Sample"]) -> "Sample":
        """Return the sum of samples of separate posts."""
        return sum(samples, cls())

    @property
    def unanswered(self) -> int:
        """Return how many posts should have a verdict, and have none, or an indeterminate one."""
        asked = self.escalated + self.audits + self.beside
        return asked - self.escalated_answered - self.audits_answered - self.beside_answered

    @property
    def missed_beside(self) -> float:
        """Return how many violations were cleared of what is judged beside other policies."""
        return self.beside_missed * _answering(self.beside, self.beside_answered)


@dataclass(frozen=True)
class Estimate:
    """A share or a number with its 95 % interval; ``value`` is None where nothing is known."""

    value: float | None
    low: float
    high: float


@dataclass(frozen=True)
class LiveRecall:
    """What a sample says of the screen; see the module."""

    missed: Estimate
    recall: Estimate
    lowest: float | None
    highest: float | None


def estimate(sample: Sample) -> LiveRecall:
    """Return recall and missed violations with their intervals."""
    if not sample.audits_answered:
        return LiveRecall(Estimate(None, 0.0, math.inf), Estimate(None, 0.0, 1.0), None, None)
    unit, seen = _unit(sample), _effective(sample)
    answering = sample.audits / sample.audits_answered
    missed, counted = sample.missed_weight * answering, sample.missed_beside
    low, high = limits(seen, 1 - 1 / unit)
    number = Estimate(
        missed + counted,
        max(low * unit * answering, float(sample.missed_seen)) + counted,
        max(high * unit * answering, float(sample.missed_seen)) + counted,
    )
    return LiveRecall(number, _recall(sample), *_bounds(sample))


def limits(seen: float, spread: float) -> tuple[float, float]:
    """Return the 95 % interval of the mean of a count, of which ``seen`` was counted.

    ``spread`` is the count's variance over its mean: 1 for a Poisson count; 1 - p for the part of a
    fixed number that a sample with probability p sees; 1 + m / n for one count m beside another n
    of which only the ratio is asked for. It is the score interval, the roots x of
    (seen - x)^2 = z^2 * spread * x, with exact lower limits for 1 to 3.
    """
    middle = seen + spread * Z * Z / 2
    half = Z * math.sqrt(spread * seen + (spread * Z / 2) ** 2)
    low = middle - half
    if exact := LOW_LIMITS.get(math.floor(seen + 0.5)):
        low = min(low, seen - math.sqrt(spread) * (seen - exact))
    return max(0.0, low), middle + half


def _unit(sample: Sample) -> float:
    """Return for how many posts one audited post stands, on average, as variance has it.

    With one probability it is its inverse. With several, the ratio of the squared weights to the
    weights (Fay and Feuer, 1997): of all the audits, since the few violating ones say little of it,
    unless theirs is larger, as when a storm of violations had its audits cut by the budget. The
    run's own rate bounds it from below: what a screen in shadow would send is audited far more
    often, and may be all that was audited yet.
    """
    unit = sample.audit_squares / sample.audit_weight
    if sample.cleared:
        unit = max(unit, sample.cleared_weight / sample.cleared)
    if sample.missed_seen:
        unit = max(unit, sample.missed_squares / sample.missed_weight)
    return max(1.0, unit)


def _effective(sample: Sample) -> float:
    """Return the number of violating audits of one weight that would say as much."""
    return sample.missed_weight / _unit(sample)


def _strata(sample: Sample) -> list[tuple[float, float]]:
    """Return of each stratum the missed that are seen, and for how many of the caught each stands.

    The audit's first; of what is judged beside other policies only where there is any.
    """
    escalated = _answering(sample.escalated, sample.escalated_answered)
    answering = _answering(sample.audits, sample.audits_answered)
    strata = [(_effective(sample), _unit(sample) * answering / escalated)]
    if sample.beside_answered:
        answering = _answering(sample.beside, sample.beside_answered)
        strata.append((float(sample.beside_missed), answering / escalated))
    return strata


def _recall(sample: Sample) -> Estimate:
    """Return the recall from counts: of the caught, and of the missed in either stratum.

    Without the second stratum it is the ratio of two counts: given their sum, one of them is
    binomial, so the number of violations need not be known. With it the two numbers of missed are
    added, and their distances from their limits in squares (Zou and Donner, 2008); the spread of
    either has its part of what is not known of the caught.
    """
    caught = float(sample.caught)
    # Without one caught no finite ratio is too high; half of one stands in for the other limit.
    known = max(caught, 0.5)
    strata = _strata(sample)
    missed = sum(count * scale for count, scale in strata)
    below = above = 0.0
    for count, scale in strata:
        few, many = limits(count, 1 + missed / scale / known)
        below, above = (
            math.hypot(below, (count - few) * scale),
            math.hypot(above, (many - count) * scale),
        )
    value = _share(caught, missed) if caught or missed else None
    return Estimate(value, _share(caught, missed + above), _share(known, max(0.0, missed - below)))


def _answering(posts: int, answered: int) -> float:
    """Return for how many posts an answered one stands, where the rest is like it."""
    return posts / answered if answered else 1.0


def _share(caught: float, missed: float) -> float:
    return caught / (caught + missed) if caught else 0.0


def _bounds(sample: Sample) -> tuple[float | None, float | None]:
    """Return the recall if all that is unanswered had gone against the screen, and for it."""
    mean = sample.audit_weight / sample.audits_answered
    hidden = (sample.audits - sample.audits_answered) * mean
    hidden += sample.beside - sample.beside_answered
    waiting = sample.escalated - sample.escalated_answered
    missed = sample.missed_weight + sample.beside_missed
    if not sample.caught + waiting + missed + hidden:
        return None, None
    return (
        _share(sample.caught, missed + hidden),
        _share(sample.caught + waiting, missed),
    )


@dataclass(frozen=True)
class Drift:
    """Whether a certified recall still fits.

    ``p_value`` is the chance of as many missed violations among the audited if the recall is what
    was certified. ``more_audits`` is how many more it takes until a fall by FALL is seen in POWER
    of the cases, 0 where this sample was large enough; None where there is no violation to tell by.
    """

    certified: float
    p_value: float
    more_audits: int | None

    @property
    def found(self) -> bool:
        """Return whether the certificate is refuted."""
        return self.p_value <= DRIFT_LEVEL


def drift(sample: Sample, certified: float) -> Drift:
    """Return whether the recall has fallen below a certified one, in (0, 1).

    The test is exact (binomial, one-sided) where all weights are equal and everything is answered;
    false alarms stay under DRIFT_LEVEL, for one policy and one look at it. What it takes to see a
    fall is a number of violations, caught or not, times the audit rate: from .99 to .89 about 50,
    from .95 to .85 about 100 (10,000 violations at a rate of 1 %, 1,000 at 10 %), from .9 to .8
    about 140 and from .8 to .7 about 180.
    """
    if not 0 < certified < 1:
        raise ValueError(f"a certified recall is {certified}; it must lie between 0 and 1")
    if not sample.audits_answered:
        return Drift(certified, 1.0, None)
    strata = _strata(sample)
    missed = sum(count * scale for count, scale in strata)
    chance = 1 / _scale_of_all(strata)
    seen = missed * chance
    p_value = float(_at_least(seen, seen + sample.caught, _missed_share(certified, chance)))
    return Drift(certified, p_value, _more_audits(sample, certified, missed))


def _scale_of_all(strata: Sequence[tuple[float, float]]) -> float:
    """Return for how many of the missed one of them stands, that is seen, as variance has it.

    Of the stratum that is sampled one more is reckoned with than was seen: few say little.
    """
    (seen, unit), *counted = strata
    known = sum(count * scale for count, scale in counted)
    if not known:
        return unit
    squares = sum(count * scale * scale for count, scale in counted)
    return (squares + (seen + 1) * unit * unit) / (known + (seen + 1) * unit)


def _missed_share(recall: float, chance: float) -> float:
    """Return how many of the violations that are seen were missed ones."""
    missed = (1 - recall) * chance
    return missed / (missed + recall)


def _at_least(count: npt.ArrayLike, size: npt.ArrayLike, share: float) -> npt.NDArray[np.float64]:
    """Return the probability of ``count`` or more of ``size``: binomial, also between integers."""
    count, size = np.asarray(count, float), np.asarray(size, float)
    tail = betainc(np.maximum(count, 1e-9), np.maximum(size - count + 1, 1e-9), share)
    return np.where(count <= 0, 1.0, np.where(count > size, 0.0, tail))


def _more_audits(sample: Sample, certified: float, missed: float) -> int | None:
    violations = sample.caught + missed
    if not violations:
        return None
    (_, scale), *_ = _strata(sample)
    needed = violations_needed(round(certified, 4), float(f"{1 / scale:.3g}"))
    return max(0, math.ceil(sample.audits_answered * (needed / violations - 1)))


@lru_cache(maxsize=256)
def violations_needed(certified: float, chance: float) -> int:
    """Return how many violations the posts must hold to see a fall by FALL in POWER of the cases.

    Caught ones and missed ones together; ``chance`` is the audit's inclusion probability.
    """
    fallen = max(certified - FALL, certified / 2)
    before, after = _missed_share(certified, chance), _missed_share(fallen, chance)
    each = fallen + (1 - fallen) * chance  # of which one is seen
    violations, enough = 10.0, 0
    # Counts are whole, so power rises in a zigzag; from the last number on it stays high enough.
    while enough < _IN_A_ROW:
        enough = enough + 1 if _power(violations * each, before, after) >= _PLANNED else 0
        violations *= _STEP
    return math.ceil(violations / _STEP**_IN_A_ROW)


def _power(size: float, before: float, after: float) -> float:
    counts = np.arange(1, math.ceil(size) + 1)
    critical = np.flatnonzero(_at_least(counts, math.ceil(size), before) <= DRIFT_LEVEL)
    if not len(critical):
        return 0.0
    return float(_at_least(counts[critical[0]], math.ceil(size), after))
