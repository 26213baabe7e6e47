"""How fast a server takes requests: found out by being refused, and kept just below.

Pure: whoever sends says what happened when, in seconds of any clock that does not go back.
"""

import math
import random
from collections import deque
from collections.abc import Callable

from weir.transforms.judge.endpoint.settings import Backoff

# Limits are counted over a minute at most, as far as providers say: what was sent before that tells
# nothing of what is left.
_MEMORY_S = 60.0
_WINDOWS_S = (10.0, _MEMORY_S)
# How much faster with each answer, and after how many of them twice as much: the first keeps a
# limit without many refusals, the second finds one that was raised.
_FASTER, _DOUBLED_AFTER, _MOST_DOUBLINGS = 0.0005, 16, 6
# Answers that a pace is taken to have had at first: the less is known, the faster it is changed.
_KNOWN, _MEASURED, _GUESSED = -48, 8, 96
# A pace that was refused was too fast by this share, and by twice as much, up to a bound, each time
# that it was refused soon, after so many answers, or that a second slot was not enough to wait for.
_SLOWER, _MOST_SLOWER = 0.03, 0.5
_SOON, _SLOTS_TO_DOUBT = 16, 2
_FAR_OFF = 1.5  # so many times too fast: then what the server took is asked, not the pace
# Where the moment at which the server took requests again is known to this share of the time since
# the last such moment, a limit can be computed from it.
_CLEAR = 0.05
_REFUSALS_TO_DOUBT = 2  # in a row, after which Retry-After alone is not relied on
# What is waited at a pace that is known: a slot more than is due, and twice that with each refusal
# in a row, for some servers count what they refuse.
_SLOT = 1.1
_HELD_ON, _MOST_HELD_S = 0.25, 120.0  # after the longest window: this share of what was waited
_AGE_S = 0.1  # at least, of a refusal: the network's part of it varies


class Pace:
    """Sends freely until it is refused, then as fast as the server took requests in a whole cycle.

    A refusal holds all back, for as long as the server says or a backoff does. The first request
    after it that is not refused ends a cycle: all that was taken since the last such request, by
    the time between the two, is what the limit allows. From there it gets faster little by
    little, until the next refusal, which says within a few percent how fast is too fast: so it
    stays just below that, and tries more seldom. What is refused may count against the limit as
    well. ``tests.benchmarks.rate_limits`` says how well it keeps one.
    """

    def __init__(self, backoff: Backoff, draw: Callable[[], float] = random.random) -> None:
        self._backoff = backoff
        self._draw = draw  # in [0, 1): jitter
        self._next = -math.inf  # when the next request may be sent
        self._gap = 0.0  # between two of them
        self._taken: deque[float] = deque()  # when each was sent that was not refused, this cycle
        self._answers = _MEASURED  # in this cycle, and those it is taken to have begun with
        self._begun_with = _MEASURED
        self._slower = _SLOWER
        self._refusals = 0  # in a row; above 0 all is held back
        self._refused_at = self._held_since = -math.inf
        self._guessed = False  # how long to hold back, because the server did not say
        self._age = _AGE_S  # of the last refusal: how long it took to come
        self._trial: float | None = None  # the last request sent while holding back

    @property
    def gap(self) -> float:
        """Return the seconds between two requests; 0 where there is no limit."""
        return self._gap

    def free_at(self, now: float) -> float:
        """Return the time at which the next request may be sent."""
        if self._trial is not None and now >= self._next:
            self.record_taken(self._trial, now)  # a refusal would have come by now
        return self._next

    def record_sent(self, now: float) -> None:
        """Say that a request is sent."""
        if self._refusals:
            self._trial = now
            self._next = now + 3 * self._age
        else:
            while self._taken and self._taken[0] < now - _MEMORY_S:
                self._taken.popleft()
            self._next = now + self._gap
        self._taken.append(now)

    def record_refusal(self, sent: float, now: float, retry_after: float | None = None) -> None:
        """Say that what was sent then is refused now; ``retry_after`` seconds, if it says so."""
        if sent in self._taken:
            self._taken.remove(sent)
        if sent <= self._refused_at:  # one of those that were under way
            self._next = max(self._next, now + (retry_after or 0.0))
            return
        self._age = max(_AGE_S, now - sent)
        self._refused_at, self._trial = now, None
        if not self._refusals:
            self._held_since = now
        wait = self._guess(now)
        self._guessed = retry_after is None
        self._refusals += 1
        if retry_after is not None:
            known = self._gap > 0 or self._refusals > _REFUSALS_TO_DOUBT
            wait = max(retry_after, wait if known else 0.0) * (1 + 0.05 * self._draw())
        self._next = now + wait

    def record_taken(self, sent: float, now: float) -> None:
        """Say that what was sent then was not refused."""
        if not self._refusals:
            self._get_faster()
        elif sent > self._refused_at:
            self._end_cycle(sent, now)

    def _guess(self, now: float) -> float:
        """Return how long to wait, where the server does not say, in seconds.

        By the pace, where one is known. Else as long again as was waited, but to the end of a usual
        window where that is sooner, and after the longest for a share of it.
        """
        if self._gap:
            whole = self._gap * _SLOT * 2.0 ** min(self._refusals, 30)
            return min(whole, _MOST_HELD_S) * (1 + 0.05 * self._draw())
        held, since = now - self._held_since, now - min(self._held_since, *self._taken, now)
        share = 1.0 if since < _MEMORY_S else _HELD_ON
        whole = min(max(self._backoff.first, share * held), _MOST_HELD_S) * (3 + self._draw()) / 4
        ends = [window * 1.01 - since for window in _WINDOWS_S]
        return min(whole, *(end for end in ends if end > _AGE_S), whole)

    def _get_faster(self) -> None:
        doublings = min(_MOST_DOUBLINGS, max(0, self._answers) // _DOUBLED_AFTER)
        self._gap *= 1 - _FASTER * 2**doublings
        self._answers += 1

    def _end_cycle(self, trial: float, now: float) -> None:
        begun, count = self._taken[0], sum(sent < trial for sent in self._taken)
        least, most = self._refused_at - begun, trial - begun
        if count:
            self._begun_with, self._gap = self._next_pace(least, most, count)
            self._answers = self._begun_with
        for _ in range(count):
            self._taken.popleft()
        self._refusals = 0
        self._trial = None
        self._next = max(now, trial + self._gap)

    def _next_pace(self, least: float, most: float, count: int) -> tuple[int, float]:
        """Return with how many answers the next cycle begins, and the gap in it.

        The server took ``count`` requests in a time from ``least`` to ``most``.
        """
        usual = not self._gap and any(each <= most <= 1.1 * each for each in _WINDOWS_S)
        unclear = self._guessed and most - least > _CLEAR * most and not usual
        took = least if unclear else most  # rather too fast: what is too slow is not noticed
        begins = _GUESSED if unclear and self._refusals > count else _MEASURED
        if not self._gap:
            return begins, took / count
        took /= count + self._refusals  # as they may have counted
        if took > _FAR_OFF * self._gap:
            return begins, took
        soon = self._answers - self._begun_with < _SOON or self._refusals > _SLOTS_TO_DOUBT
        self._slower = min(_MOST_SLOWER, 2 * self._slower) if soon else _SLOWER
        slower = min(most / count, self._gap * (1 + self._slower))
        return (_MEASURED if soon else _KNOWN), max(took, slower, self._gap * (1 + _SLOWER))
