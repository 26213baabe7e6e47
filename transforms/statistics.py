"""Shares, differences and tests for two sets of decisions on the same posts; pure.

Intervals are at 95 % confidence, for posts like these: they say what more of the same traffic
would show.
"""

import math
from dataclasses import dataclass

from scipy.special import bdtr, gammaincinv, ndtri

Z = float(ndtri(0.975))
# One-sided 95 % Poisson limits of 1, 2 and 3 counts. Wilson's own lower limit is too high there: of
# 0.17 expected hits one is seen in 16 % of the cases, and its interval would leave 0.17 out (Brown,
# Cai and DasGupta, "Interval estimation for a binomial proportion", 2001, who mend it so).
LOW_LIMITS = {count: float(gammaincinv(count, 0.05)) for count in (1, 2, 3)}


@dataclass(frozen=True)
class Share:
    """``hits`` of ``count``, with the score interval of Wilson (1927), mended near 0 and 1."""

    hits: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.count:
            raise ValueError(f"{self.hits} of {self.count} is no share")

    @property
    def value(self) -> float | None:
        """Return the share; None of nothing."""
        return self.hits / self.count if self.count else None

    @property
    def low(self) -> float:
        """Return the lower limit; 0 of nothing."""
        return self._limits()[0]

    @property
    def high(self) -> float:
        """Return the upper limit; 1 of nothing."""
        return self._limits()[1]

    def _limits(self) -> tuple[float, float]:
        if not self.count:
            return 0.0, 1.0
        misses, spread = self.count - self.hits, Z * Z / self.count
        share = self.hits / self.count
        middle = (share + spread / 2) / (1 + spread)
        half = math.sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
        low, high = middle - half, middle + half
        if self.hits in LOW_LIMITS:
            low = min(low, LOW_LIMITS[self.hits] / self.count)
        if misses in LOW_LIMITS:
            high = max(high, 1 - LOW_LIMITS[misses] / self.count)
        # At none and at all the limit is exact, whatever the rounding.
        return 0.0 if not self.hits else low, 1.0 if not misses else high


@dataclass(frozen=True)
class Flips:
    """Of ``pairs`` posts decided by both sides: those that only B flags, and those only A does."""

    gained: int
    lost: int
    pairs: int

    def __post_init__(self) -> None:
        if min(self.gained, self.lost) < 0 or self.gained + self.lost > self.pairs:
            raise ValueError(f"{self} has more flips than pairs")

    @property
    def agreement(self) -> Share:
        """Return the share of the posts that both decide alike."""
        return Share(self.pairs - self.gained - self.lost, self.pairs)

    @property
    def newly_flagged(self) -> Share:
        """Return the share that only B flags."""
        return Share(self.gained, self.pairs)

    @property
    def no_longer_flagged(self) -> Share:
        """Return the share that only A flags."""
        return Share(self.lost, self.pairs)

    @property
    def difference(self) -> tuple[float, float, float]:
        """Return by how much more B flags, as a share of the posts, and its interval.

        The interval is the adjusted Wald interval for paired shares of Bonett and Price (2012),
        which adds one flip in each direction. Nothing is known of no pairs.
        """
        if not self.pairs:
            return 0.0, -1.0, 1.0
        more, fewer = (self.gained + 1) / (self.pairs + 2), (self.lost + 1) / (self.pairs + 2)
        half = Z * math.sqrt((more + fewer - (more - fewer) ** 2) / (self.pairs + 2))
        value = (self.gained - self.lost) / self.pairs
        return value, max(-1.0, more - fewer - half), min(1.0, more - fewer + half)

    @property
    def p_value(self) -> float:
        """Return the p-value of McNemar's exact test that flips are as likely either way."""
        return mcnemar(self.gained, self.lost)


def mcnemar(gained: int, lost: int) -> float:
    """Return the chance that fair coins fall as unevenly as this, or more so, to either side.

    McNemar's test (1947) in its exact form: a two-sided binomial test of ``gained`` in
    ``gained + lost`` at one half.
    """
    flips = gained + lost
    return min(1.0, 2 * float(bdtr(min(gained, lost), flips, 0.5))) if flips else 1.0


@dataclass(frozen=True)
class Words:
    """How a test is told: what both sides decided, and what it means to have more of a flip."""

    pairs: str = "posts"
    only: str = "flagged only by"
    more: str = "flags more"


def mcnemar_in_words(flips: Flips, a: str, b: str, words: Words) -> str:
    """Return what the test says, for a reader who has never heard of it."""
    pairs = words.pairs
    gained, lost = flips.gained, flips.lost
    total = gained + lost
    if not flips.pairs:
        return f"Both decided none of the {pairs}, so nothing can be said."
    if not total:
        most = Share(0, flips.pairs).high
        return (
            f"None of {flips.pairs:,} {pairs} changed sides; in more traffic like this it would be "
            f"at most {most:.2%} of them (95 % confidence)."
        )
    found = f"{total:,} of {flips.pairs:,} {pairs} changed sides: {gained:,} {words.only} {b}, "
    found += f"{lost:,} {words.only} {a}. "
    if total < _FEWEST_FLIPS:
        return f"{found}So few cannot show that either {words.more} than the other."
    chance = (
        f"If each were a coin toss, a split at least as uneven would come up {_odds(flips.p_value)}"
    )
    if flips.p_value >= _LEVEL:
        return f"{found}{chance}: it is not shown that either {words.more} than the other."
    return f"{found}{chance}: {b if gained > lost else a} {words.more}."


_LEVEL = 0.05
_FEWEST_FLIPS = 6  # five coins that fall one way have a p-value of 0.0625


def _odds(p: float) -> str:
    if p >= 0.995:
        return "every time"
    if p >= 0.01:
        return f"{p:.0%} of the time"
    return f"once in {1 / p:,.0f} times" if p > 1e-9 else "less than once in a billion times"
