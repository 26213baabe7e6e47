"""How many requests each head may make of every thousand posts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from weir.transforms.arrays import Floats
from weir.transforms.screen.selectivity import SHARES


@dataclass(frozen=True)
class Asked:
    """What a run may ask of the judge, the audit sample included.

    Either ``per_head``, a share of the posts in (0, 1] for each head, or ``per_1000``, the requests
    for a thousand posts, all heads together, above 0.
    """

    per_head: float = 0.1
    per_1000: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.per_head <= 1:
            raise ValueError(
                f"The budget of a head is {self.per_head}; give a share above 0, at most 1."
            )
        if self.per_1000 is not None and not 0 < self.per_1000 < math.inf:
            raise ValueError(
                f"The requests for 1,000 posts are {self.per_1000}; give a number above 0."
            )

    def shares(self, curves: Sequence[Sequence[float] | None], audit_rate: float) -> Floats:
        """Return the share of the posts, in [0, 1], that each head may escalate.

        ``curves`` has each head's recall at selectivity.SHARES, None where nobody measured it.
        What the audits take is no head's to give, so that all of it may be theirs.
        """
        heads = len(curves)
        if not heads:
            return np.zeros(0)
        total = self.total(heads)
        if audit_rate >= 1:
            return np.full(heads, total / heads)
        # Of what is not escalated the sample takes its rate: s + rate (1 - s) is asked in all.
        escalated = (total - heads * audit_rate) / (1 - audit_rate)
        return divide(max(0.0, escalated), curves)

    def problem(self, heads: int, audit_rate: float) -> str | None:
        """Return why that many heads could escalate nothing; None where they can."""
        total = self.total(heads)
        if not heads or not total <= heads * audit_rate < heads:
            return None
        return (
            f"The audits ({audit_rate:g} of the posts for each of {heads} heads) take all of the "
            f"{total * 1000:g} requests for 1,000 posts; raise them, or lower --audit-rate."
        )

    def total(self, heads: int) -> float:
        """Return the requests for a post that so many heads may make together, audits included."""
        total = heads * self.per_head if self.per_1000 is None else self.per_1000 / 1000
        return min(total, float(heads))


def divide(total: float, curves: Sequence[Sequence[float] | None]) -> Floats:
    """Return shares in [0, 1] that sum to ``total``, at most one for each head.

    Heads with a curve divide theirs so that the sum of their recalls is the highest that their
    concave envelopes allow; one without gets an equal share of the whole.
    """
    heads = len(curves)
    equal = min(1.0, total / heads)
    shares: Floats = np.full(heads, equal)
    measured = [n for n, curve in enumerate(curves) if curve is not None]
    steps = sorted(
        (
            step
            for head in measured
            for step in _envelope(head, np.asarray(curves[head], np.float64))
        ),
        key=lambda step: (-step.gain, step.low, step.head),
    )
    left = equal * len(measured)
    shares[measured] = 0.0
    for step in steps:
        taken = min(step.size, left)
        shares[step.head] += taken
        left -= taken
    return shares.clip(0.0, 1.0)


@dataclass(frozen=True)
class _Step:
    head: int
    low: float  # the share that it begins at
    size: float
    gain: float  # of recall for a unit of share


def _envelope(head: int, curve: Floats) -> list[_Step]:
    """Return the straight pieces of the least concave curve above 0 and a head's recalls."""
    points = [(0.0, 0.0)]
    for share, recall in zip(SHARES, np.maximum.accumulate(curve).tolist(), strict=True):
        while len(points) > 1 and _slope(points[-2], points[-1]) <= _slope(
            points[-1], (share, recall)
        ):
            points.pop()
        points.append((share, recall))
    return [
        _Step(head, low[0], high[0] - low[0], _slope(low, high)) for low, high in pairwise(points)
    ]


def _slope(low: tuple[float, float], high: tuple[float, float]) -> float:
    return (high[1] - low[1]) / (high[0] - low[0])
