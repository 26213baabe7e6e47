"""How the scores of each head are distributed over the latest posts of a stream, in little memory.

A histogram of the scores' logits, 64 bins to a unit: what share of the posts lies at a threshold or
above is known to within a bin, however the scores are spread. What is older counts
less: the whole never weighs more than ``MEMORY`` posts.

Many posts may have the very same score, such as all that a head knows nothing of. A lot decides
among the posts of a bin that is too many whole: ``places`` puts each where its lot says in it.
"""

import numpy as np
from scipy.special import expit

from weir.transforms.arrays import Floats, Mask

EDGE = 16.0  # beyond it, 1e-7 from 0 and 1, scores are alike
BINS = 2048
MEMORY = 20_000.0  # posts; a twentieth is known to within a thirtieth of it then
_GENEROUS = 1.05  # times the posts that were allowed: so much of a bin passes whole
_FEW = 3  # and these
_PER_UNIT = BINS / (2 * EDGE)
_NEAREST = float(expit(-EDGE))


def logits(scores: Floats) -> Floats:
    """Return log-odds of scores in [0, 1], within EDGE."""
    clipped = np.clip(scores, _NEAREST, 1 - _NEAREST)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float64)


def places(scores: Floats, lots: Floats) -> Floats:
    """Return (posts, heads) logits of scores in [0, 1], where their posts' lots put them in bins.

    ``lots`` is (posts,), in [0, 1), and the same for equal posts.
    """
    bins = np.floor((logits(scores) + EDGE) * _PER_UNIT).clip(0, BINS - 1)
    return np.asarray((bins + lots[:, None]) / _PER_UNIT - EDGE, np.float64)


def logit(score: float) -> float:
    """Return the log-odds of one score in [0, 1], within EDGE."""
    return float(logits(np.array([score]))[0])


class Sketch:
    """The distributions of ``heads`` heads over one stream of posts. Not for several threads."""

    def __init__(self, heads: int) -> None:
        self.counts = np.zeros((heads, BINS))
        self.seen = 0  # posts, forgotten ones included

    def add(self, found: Floats, counted: Mask | None = None) -> None:
        """Add (posts, heads) logits; of them only those that are ``counted``, of the same shape."""
        posts, heads = found.shape
        place = ((found + EDGE) * _PER_UNIT).astype(np.intp).clip(0, BINS - 1)
        place += np.arange(heads) * BINS
        added = place.ravel() if counted is None else place[counted]
        self.counts += np.bincount(added, minlength=heads * BINS).reshape(heads, BINS)
        self.seen += posts
        self._forget()

    def cuts(self, shares: Floats) -> Floats:
        """Return, for each head, the highest logit that its share of the posts reaches.

        Rather a few too many than one too few, and one at least: the first post of a stream
        escalates. -inf where all do.
        """
        total = self.counts.sum(axis=1)
        allowed = np.maximum(np.ceil(shares * total - 1e-9), 1.0)
        result = np.full(len(total), -np.inf)
        for head in np.flatnonzero((allowed < total) & (shares < 1)):
            result[head] = self._cut(int(head), float(allowed[head]))
        return result

    def _cut(self, head: int, allowed: float) -> float:
        """Return the lower edge of the highest bin that ``allowed`` posts reach.

        Where the bin is too many whole it is cut where the lots let the right number pass.
        """
        beyond = np.cumsum(self.counts[head, ::-1])
        turn = int(np.searchsorted(beyond, allowed))
        low = float(BINS - 1 - turn)
        if beyond[turn] > _GENEROUS * allowed + _FEW:
            low += float((beyond[turn] - allowed) / self.counts[head, BINS - 1 - turn])
        return low / _PER_UNIT - EDGE

    def _forget(self) -> None:
        most = float(self.counts.sum(axis=1).max(initial=0.0))
        if most > MEMORY:
            self.counts *= MEMORY / most
