"""How the scores of each head are distributed over the latest posts of a stream, in little memory.

A histogram of the scores' logits, 64 bins to a unit: what share of the posts lies at a threshold or
above is known to within half a bin, however the scores are spread, and two histograms add up to
that of both streams. What is older counts less: the whole never weighs more than ``MEMORY`` posts.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import expit

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

EDGE = 16.0  # beyond it, 1e-7 from 0 and 1, scores are alike
BINS = 2048
MEMORY = 20_000.0  # posts; a twentieth is known to within a thirtieth of it then
_PER_UNIT = BINS / (2 * EDGE)
_NEAREST = float(expit(-EDGE))


def logits(scores: Floats) -> Floats:
    """Return log-odds of scores in [0, 1], within EDGE."""
    clipped = np.clip(scores, _NEAREST, 1 - _NEAREST)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float64)


class Sketch:
    """The distributions of ``heads`` heads over one stream of posts. Not for several threads."""

    def __init__(self, heads: int) -> None:
        self.counts = np.zeros((heads, BINS))
        self.seen = 0  # posts, forgotten ones included

    def add(self, scores: Floats, counted: Mask | None = None) -> None:
        """Add (posts, heads) scores; of them only those that are ``counted``, of the same shape."""
        posts, heads = scores.shape
        place = ((logits(scores) + EDGE) * _PER_UNIT).astype(np.intp).clip(0, BINS - 1)
        place += np.arange(heads) * BINS
        added = place.ravel() if counted is None else place[counted]
        self.counts += np.bincount(added, minlength=heads * BINS).reshape(heads, BINS)
        self.seen += posts
        self._forget()

    def merge(self, other: "Sketch") -> None:
        """Add the posts that another sketch of the same heads has seen."""
        self.counts += other.counts
        self.seen += other.seen
        self._forget()

    def cuts(self, shares: Floats) -> Floats:
        """Return, for each head, the logit that its share of the posts reaches.

        At least one post does: the first one of a stream escalates. -inf where all do.
        """
        total = self.counts.sum(axis=1)
        allowed = np.maximum(np.ceil(shares * total - 1e-9), 1.0)
        result = np.full(len(total), -np.inf)
        for head in np.flatnonzero((allowed < total) & (shares < 1)):
            result[head] = self._cut(int(head), float(allowed[head]))
        return result

    def above(self, cuts: Floats) -> Floats:
        """Return, for each head, which share of its posts is at a logit or above; 0 of nothing."""
        place = (np.clip(cuts, -EDGE, EDGE) + EDGE) * _PER_UNIT
        whole = np.minimum(place.astype(np.intp), BINS - 1)
        heads = np.arange(len(self.counts))
        beyond = np.cumsum(self.counts[:, ::-1], axis=1)[:, ::-1]
        here = self.counts[heads, whole]
        mass = beyond[heads, whole] - here * (place - whole)
        return np.asarray(mass / np.maximum(beyond[:, 0], 1e-12), np.float64)

    def _cut(self, head: int, allowed: float) -> float:
        """Return the logit with ``allowed`` posts above it, as if each bin were even inside."""
        beyond = np.cumsum(self.counts[head, ::-1])
        turn = int(np.searchsorted(beyond, allowed))  # the first bin from above that is too much
        over = beyond[turn] - allowed
        low = BINS - 1 - turn
        return float((low + over / self.counts[head, low]) / _PER_UNIT - EDGE)

    def _forget(self) -> None:
        most = float(self.counts.sum(axis=1).max(initial=0.0))
        if most > MEMORY:
            self.counts *= MEMORY / most
