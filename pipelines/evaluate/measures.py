"""Precision, recall, F1 and calibration of a judge on labelled posts, with 95 % intervals; pure.

Only a post that is judged to violate counts as flagged: indeterminate ones are neither flagged
nor safe, so they lower recall where they should have been flagged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from weir.transforms.arrays import Floats
from weir.transforms.records import Outcome
from weir.transforms.statistics import Flips, Share

BINS = 10  # of equal width, as Guo et al. (2017) have them
_RESAMPLES = 2_000
_SEED = 20_240_501


@dataclass(frozen=True)
class Decision:
    """A post's right answer, and what was decided; ``probability`` is of a violation."""

    violates: bool
    outcome: Outcome
    probability: float | None = None

    @property
    def flagged(self) -> bool:
        """Return whether it was judged to violate."""
        return self.outcome == Outcome.VIOLATES

    @property
    def right(self) -> bool:
        """Return whether the decision is the right answer; an indeterminate one never is."""
        return self.outcome == (Outcome.VIOLATES if self.violates else Outcome.SAFE)


@dataclass(frozen=True)
class Interval:
    """A figure that is no share, with its interval; ``value`` is None where there is none."""

    value: float | None
    low: float
    high: float


@dataclass(frozen=True)
class Bin:
    """The posts whose probability lies in [low, high)."""

    low: float
    high: float
    posts: int
    mean_probability: float
    share_violating: float


@dataclass(frozen=True)
class Calibration:
    """Whether posts with a probability of 0.8 violate in 8 of 10 cases.

    ``brier`` is the mean squared error of the probability (Brier, 1950), ``ece`` the expected
    calibration error over ten bins. The latter is above 0 for any finite number of posts, so
    ``ece_by_chance`` says what it would stay below, in 95 % of the cases, were the probabilities
    exact.
    """

    posts: int
    brier: Interval
    ece: Interval
    ece_by_chance: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Confusion:
    """How many posts of each kind were decided how."""

    caught: int
    missed: int
    violating_indeterminate: int
    wrongly_flagged: int
    rightly_safe: int
    safe_indeterminate: int


@dataclass(frozen=True)
class Measures:
    """All that is measured of one round of decisions."""

    confusion: Confusion
    precision: Share  # of the flagged posts, those that violate
    recall: Share  # of the violating posts, those flagged
    f1: Interval
    indeterminate: Share
    calibration: Calibration | None  # None where the engine gives no probability


def measure(decisions: Sequence[Decision]) -> Measures:
    """Return the figures of the decisions."""
    table = confusion(decisions)
    flagged = table.caught + table.wrongly_flagged
    violating = table.caught + table.missed + table.violating_indeterminate
    undecided = table.violating_indeterminate + table.safe_indeterminate
    return Measures(
        confusion=table,
        precision=Share(table.caught, flagged),
        recall=Share(table.caught, violating),
        f1=f1(decisions),
        indeterminate=Share(undecided, len(decisions)),
        calibration=calibration(decisions),
    )


def confusion(decisions: Sequence[Decision]) -> Confusion:
    """Return how many posts of each kind were decided how."""

    def count(violates: bool, outcome: Outcome) -> int:
        return sum(d.violates is violates and d.outcome == outcome for d in decisions)

    return Confusion(
        caught=count(True, Outcome.VIOLATES),
        missed=count(True, Outcome.SAFE),
        violating_indeterminate=count(True, Outcome.INDETERMINATE),
        wrongly_flagged=count(False, Outcome.VIOLATES),
        rightly_safe=count(False, Outcome.SAFE),
        safe_indeterminate=count(False, Outcome.INDETERMINATE),
    )


def f1(decisions: Sequence[Decision]) -> Interval:
    """Return F1, the harmonic mean of precision and recall, with its interval.

    F1 = 2 J / (1 + J), where J is the share of the caught posts in all that violate or are
    flagged. Given how many those are, the caught ones are binomial, so the interval is that of the
    share J, carried over. It has a width where F1 is 1, as a bootstrap and the delta method do not:
    of 40 posts and a true F1 of 0.95 it covers that in 96 % of simulations, the latter in 87 %.
    """
    parts = [_parts(decision) for decision in decisions]
    share = Share(sum(caught for caught, _ in parts), sum(either for _, either in parts))
    return Interval(
        None if share.value is None else _f1_of(share.value), _f1_of(share.low), _f1_of(share.high)
    )


def f1_over_posts(posts: Sequence[Sequence[Decision]]) -> Interval:
    """Return F1 of all decisions together, whichever policy each is of.

    The interval is the percentile bootstrap over posts: what is decided of one post under several
    policies is no independent evidence.
    """
    if not posts:
        return Interval(None, 0.0, 1.0)
    counts = np.array([np.sum([_parts(d) for d in of_post], axis=0) for of_post in posts])

    def pooled(chosen: Floats) -> float:
        caught, either = chosen.sum(axis=0)
        return _f1_of(caught / max(1, either))

    found = _bootstrapped(counts.astype(np.float64), pooled)
    return found if counts[:, 1].any() else replace(found, value=None, low=0.0, high=1.0)


def any_violation(of_post: Sequence[Decision]) -> Decision:
    """Return one decision of a post under several policies: violating where one of them is."""
    outcomes = {each.outcome for each in of_post}
    order = (Outcome.VIOLATES, Outcome.INDETERMINATE, Outcome.SAFE)
    outcome = next(each for each in order if each in outcomes)
    return Decision(any(each.violates for each in of_post), outcome)


def f1_difference(before: Sequence[Decision], after: Sequence[Decision]) -> Interval:
    """Return by how much F1 grows from one judge to another on the same posts.

    The interval is the percentile bootstrap over posts (Efron and Tibshirani, 1993). Of no posts
    nothing is known.
    """
    if not before:
        return Interval(None, -1.0, 1.0)
    counts = np.array([(*_parts(a), *_parts(b)) for a, b in zip(before, after, strict=True)])

    def difference(chosen: Floats) -> float:
        caught_a, all_a, caught_b, all_b = chosen.sum(axis=0)
        return _f1_of(caught_b / max(1, all_b)) - _f1_of(caught_a / max(1, all_a))

    return _bootstrapped(counts.astype(np.float64), difference)


def _parts(decision: Decision) -> tuple[bool, bool]:
    """Return whether it counts for each side of the fraction that F1 is made from."""
    return decision.violates and decision.flagged, decision.violates or decision.flagged


def right_ones(before: Sequence[Decision], after: Sequence[Decision]) -> Flips:
    """Return the posts that only one of two judges decides rightly."""
    pairs = list(zip(before, after, strict=True))
    return Flips(
        gained=sum(b.right and not a.right for a, b in pairs),
        lost=sum(a.right and not b.right for a, b in pairs),
        pairs=len(pairs),
    )


def calibration(decisions: Sequence[Decision]) -> Calibration | None:
    """Return how well probabilities fit, over the posts that have one; None where none has."""
    known = np.array(
        [[d.probability, d.violates] for d in decisions if d.probability is not None], np.float64
    ).reshape(-1, 2)
    if not len(known):
        return None
    rng = np.random.default_rng(_SEED)
    by_chance = [
        _ece(np.column_stack([known[:, 0], rng.random(len(known)) < known[:, 0]]))
        for _ in range(_RESAMPLES)
    ]
    return Calibration(
        posts=len(known),
        brier=_bootstrapped(known, _brier),
        ece=_bootstrapped(known, _ece),
        ece_by_chance=float(np.quantile(by_chance, 0.95)),
        bins=tuple(_bins(known)),
    )


def _f1_of(share: float) -> float:
    return 2 * share / (1 + share)


def _brier(known: Floats) -> float:
    return float(np.mean((known[:, 0] - known[:, 1]) ** 2))


def _bin_of(known: Floats) -> npt.NDArray[np.intp]:
    return np.minimum((known[:, 0] * BINS).astype(np.intp), BINS - 1)


def _ece(known: Floats) -> float:
    """Return the mean distance of a bin's mean probability from its share of violations."""
    gaps = np.bincount(_bin_of(known), known[:, 0] - known[:, 1], BINS)
    return float(np.abs(gaps).sum() / len(known))


def _bins(known: Floats) -> list[Bin]:
    bins = _bin_of(known)
    return [
        Bin(
            number / BINS,
            (number + 1) / BINS,
            len(part),
            float(part[:, 0].mean()),
            float(part[:, 1].mean()),
        )
        for number in range(BINS)
        if len(part := known[bins == number])
    ]


def _bootstrapped(rows: Floats, figure: Callable[[Floats], float]) -> Interval:
    """Return a figure of rows with its percentile interval over resamples of them."""
    rng = np.random.default_rng(_SEED)
    count = len(rows)
    drawn = [figure(rows[rng.integers(0, count, count)]) for _ in range(_RESAMPLES)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(figure(rows), float(low), float(high))
