"""The thresholds of one language's posts: where they stand, where they may go, what they let pass.

Two things are at odds. The cost has to stay what was asked for as the stream changes; and who can
write posts must not be able to move a threshold away from his own. So a threshold follows the
stream's quantile, but slowly; what comes in a surge, many more posts above it than there should be,
moves nothing, and is escalated up to a bound and deferred beyond it, never cleared.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.thresholds.sketch import Sketch

# Until a group has so many posts a threshold is where they say, or lower where the whole stream, or
# the screen's file, says so: after, SPEED bounds it. Two hundred tell a twentieth of the stream to
# within a third of it. Fewer tell of a share only that it is theirs: of six posts that all violate
# the worst one would be judged, and five cleared.
YOUNG = 200
_GROWN = 1.1  # times the posts of the last time: a threshold for every post would be too many
SPEED = 0.5 / 3600  # logits a second: odds that change by two thirds in an hour, a day's drift
MOVE_SECONDS = 60.0
_LONGEST = 600.0  # of the time since the last look, in which a quiet stream earns no long step
WORTH = 0.02  # logits: less of a move is the sketch's own noise, and no row
BOUND = 3.0  # times the share that was asked for
WINDOW = 1000.0  # posts, in which a surge is looked for
_TELLING = 200.0  # posts of them, before anything is called a surge
_OVER = 2 / 3  # of the bound, below which a surge is over
_LEAST_CREDIT = 10.0


class Reason(StrEnum):
    """Why a threshold has a row."""

    START = "start"  # the first of its language
    FOLLOWS = "follows"  # the stream's quantile
    STANDS = "stands"  # as before: another one of its language has moved
    SURGE = "surge"  # it stays, and what is over the bound is deferred
    SURGE_OVER = "surge over"


@dataclass(frozen=True)
class Move:
    """One threshold as it stands from now on, of one head and language."""

    head: int
    reason: Reason
    cut: float  # logit, -inf where all posts are above it
    share: float  # of the posts, as asked for
    above: float  # of the latest posts, at the threshold or above
    posts: int  # of the language, seen so far


def bounds(shares: Floats) -> Floats:
    """Return the share of the posts that a head escalates at most: the rest is deferred."""
    return np.asarray(np.minimum(BOUND * shares, (1 + shares) / 2), np.float64)


class Group:
    """The thresholds of all heads for one language. Not for several threads.

    ``shares`` is (heads,), what each is asked to be open for. With ``follows`` false
    thresholds stay where the posts of the first call put them.
    """

    def __init__(self, shares: Floats, now: float, *, follows: bool = True) -> None:
        heads = len(shares)
        self.shares, self.follows = shares, follows
        self._careful = np.full(heads, np.inf)
        self.cuts = np.full(heads, -np.inf)  # as they are applied
        self._cuts = self.cuts.copy()  # as they would be, if every small step were one
        self._sketch = Sketch(heads)
        self._looked, self._settled = now, 0
        self._recent, self._recent_above = 0.0, np.zeros(heads)
        self.surging = np.zeros(heads, bool)
        self._credit = np.maximum(bounds(shares) * WINDOW, _LEAST_CREDIT)
        self._most_credit = self._credit.copy()

    @property
    def posts(self) -> int:
        """Return how many posts have been seen."""
        return self._sketch.seen

    def ask(self, shares: Floats) -> None:
        """Be open for other shares from now on: thresholds go where these say, at once."""
        self.shares = shares
        self._most_credit = np.maximum(bounds(shares) * WINDOW, _LEAST_CREDIT)
        self._settle()

    def begin(self, cuts: Floats, within: Floats) -> None:
        """Keep each threshold within so many logits of an earlier one; nan: there is none."""
        known = ~np.isnan(cuts)
        low, high = cuts[known] - within[known], cuts[known] + within[known]
        self._cuts[known] = self._cuts[known].clip(low, high)
        self.cuts[known] = self._cuts[known]

    def learn(
        self, places: Floats, fresh: Mask, now: float, careful: Floats | None = None
    ) -> list[Move]:
        """Take in (posts, heads) logits and return the thresholds that are others since.

        ``fresh`` (posts,) says which are no copy of a late one: a copy raises no threshold.
        ``careful`` (heads,) are the logits that no threshold is above while the group is young, as
        they are known by now; inf where nothing is.
        """
        if careful is not None:
            self._careful = careful
        first = not self.posts
        if not first and not self.follows:
            return []
        counted = fresh[:, None] | (places < self.cuts)
        counted[:, self.surging] = False
        self._sketch.add(places, counted)
        if first or (self.posts < YOUNG and self.posts >= _GROWN * self._settled):
            moved = self._settle()
        elif self._settled < YOUNG <= self.posts:
            moved = self._settle()
            self._recent, self._recent_above = 0.0, np.zeros(len(self.cuts))  # by lower thresholds
        elif self.posts >= YOUNG and now - self._looked >= MOVE_SECONDS:
            moved = self._step(now)
        else:
            moved = np.zeros(len(self.cuts), bool)
        if moved.any():
            self._looked = now
        watched = [] if first else self._watch(places[fresh])
        moves = [self._move(head, Reason.FOLLOWS) for head in np.flatnonzero(moved).tolist()]
        if first:
            moves = [self._move(head, Reason.START) for head in range(len(self.cuts))]
        return [*moves, *watched]

    def over(self, places: Floats, fresh: Mask) -> Mask:
        """Return which of (posts, heads) are at their threshold and beyond what it may let pass.

        The lowest scores are; copies cost the judge nothing and are not counted.
        """
        self._credit += bounds(self.shares) * len(places)
        if not self.follows:
            return np.zeros(places.shape, bool)
        asking = (places >= self.cuts) & fresh[:, None]
        if self.posts < YOUNG:  # careful thresholds decide on few posts, whatever the share
            asking &= self._careful == np.inf
        wanted = asking.sum(axis=0)
        result = np.zeros(places.shape, bool)
        for head in np.flatnonzero(wanted > self._credit):
            rows = np.flatnonzero(asking[:, head])
            ranked = rows[np.argsort(-places[rows, head], kind="stable")]
            result[ranked[math.floor(self._credit[head]) :], head] = True
        left = self._credit - np.minimum(wanted, np.floor(self._credit))
        self._credit = np.minimum(left, self._most_credit)
        return result

    def standing(self, head: int) -> Move:
        """Return a threshold as it is."""
        return self._move(head, Reason.STANDS)

    def _settle(self) -> Mask:
        """Go where the few posts say."""
        before = self.cuts
        self._settled = self.posts
        self._cuts = self._sketch.cuts(self.shares)
        if self.posts < YOUNG:
            self._cuts = np.minimum(self._cuts, self._careful)
        self.cuts = self._cuts.copy()
        return _differ(before, self.cuts)

    def _step(self, now: float) -> Mask:
        """Go towards the quantile as far as the time allows."""
        reach = SPEED * min(now - self._looked, _LONGEST)
        self._looked = now
        target = self._sketch.cuts(self.shares)
        # From a threshold that all posts reach there is no way but to the quantile.
        near = np.where(
            np.isfinite(self._cuts), target.clip(self._cuts - reach, self._cuts + reach), target
        )
        self._cuts = np.where(self.surging, self._cuts, near)
        moved = _differ(self.cuts, self._cuts)
        self.cuts = np.where(moved, self._cuts, self.cuts)
        return moved

    def _watch(self, places: Floats) -> list[Move]:
        """See whether a surge begins or ends."""
        fading = math.exp(-len(places) / WINDOW)
        self._recent = self._recent * fading + len(places)
        self._recent_above = self._recent_above * fading + (places >= self.cuts).sum(axis=0)
        if self._recent < _TELLING:
            return []
        above, most = self._recent_above / self._recent, bounds(self.shares)
        began = ~self.surging & (above > most)
        ended = self.surging & (above < _OVER * most)
        self.surging = (self.surging | began) & ~ended
        return [
            *(self._move(head, Reason.SURGE) for head in np.flatnonzero(began).tolist()),
            *(self._move(head, Reason.SURGE_OVER) for head in np.flatnonzero(ended).tolist()),
        ]

    def _move(self, head: int, reason: Reason) -> Move:
        above = self._recent_above[head] / self._recent if self._recent else math.nan
        return Move(
            head,
            reason,
            float(self.cuts[head]),
            float(self.shares[head]),
            float(above),
            self.posts,
        )


def _differ(before: Floats, after: Floats) -> npt.NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):  # two infinite ones are the same
        return np.asarray((before != after) & ~(np.abs(after - before) <= WORTH))
