"""One policy on the same posts, asked in two ways: alone and together, or at two efforts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from weir.pipelines.evaluate.evaluation import Evaluation
from weir.transforms.judge.verdict import Verdict
from weir.transforms.records import Outcome
from weir.transforms.statistics import Share


@dataclass(frozen=True)
class Band:
    """From and to which probability a first answer is in doubt, and what that comes to."""

    low: float
    high: float
    agreement: Share  # of the posts, those decided as at the second effort alone
    asked_again: Share


@dataclass(frozen=True)
class Ways:
    """The two evaluations, by what they are called."""

    names: tuple[str, str]
    evaluations: tuple[Evaluation, Evaluation]

    @property
    def agreement(self) -> Share:
        """Return the share of the posts with one outcome in both, of those answered in both."""
        pairs = self._pairs
        return Share(sum(a.outcome == b.outcome for a, b in pairs), len(pairs))

    def band(self, agreement: float) -> Band | None:
        """Return the band that asks least again of those that reach an agreement.

        None where the engine gives no probabilities.
        """
        return narrowest_band(self._pairs, agreement)

    @property
    def _pairs(self) -> list[tuple[Verdict, Verdict]]:
        first, second = (each.judgements.answers[0] for each in self.evaluations)
        return [
            (a.said, b.said)
            for a, b in zip(first, second, strict=True)
            if isinstance(a.said, Verdict) and isinstance(b.said, Verdict)
        ]


def narrowest_band(pairs: Sequence[tuple[Verdict, Verdict]], agreement: float) -> Band | None:
    """Return the band in which the fewest first verdicts lie, where enough agree outside it.

    ``pairs`` are the verdicts of a post at the first and the second effort. What is indeterminate
    at the first is asked again in any case. None where no first verdict has a probability.
    """
    decided = [
        (first.probability, first.outcome == second.outcome)
        for first, second in pairs
        if first.probability is not None and first.outcome != Outcome.INDETERMINATE
    ]
    if not decided:
        return None
    unlike = sorted(p for p, same in decided if not same)
    lows = [0.5, *(p for p in unlike if p < 0.5)]
    highs = [0.5, *(p for p in unlike if p > 0.5)]
    found: list[Band] = []
    for low in lows:
        for high in highs:
            outside = [same for p, same in decided if not _down(low) <= p <= _up(high)]
            agreeing = Share(len(pairs) - outside.count(False), len(pairs))
            if agreeing.hits >= agreement * len(pairs):
                again = Share(len(pairs) - len(outside), len(pairs))
                found.append(Band(_down(low), _up(high), agreeing, again))
    return min(found, key=lambda band: band.asked_again.hits)


def _down(probability: float) -> float:
    """Return a probability as it is to be written, no higher than it is."""
    return math.floor(probability * 1000) / 1000


def _up(probability: float) -> float:
    return math.ceil(probability * 1000) / 1000
