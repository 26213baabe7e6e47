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
# How much faster with each answer, and after how many of them twice as much: the first keeps a
# limit without many refusals, the second finds one that was raised.
_FASTER, _DOUBLED_AFTER, _MOST_DOUBLINGS = 0.002, 16, 6
# Where the moment at which the server took requests again is known to this share of the time since
# the last such moment, a limit can be computed from it.
_CLEAR = 0.05
_REFUSALS_TO_DOUBT = 2  # in a row, after which Retry-After alone is not relied on
# Where a server does not say how long to wait: half as long again as was waited already.
_HELD_ON, _MOST_HELD_S = 0.5, 120.0
_AGE_S = 0.1  # at least, of a refusal: the network's part of it varies


class Pace:
    """Sends freely until it is refused, then as fast as the server took requests in a whole cycle.

    A refusal holds all back, for as long as the server says or a backoff does. The first request
    after it that is not refused ends a cycle: all that was taken since the last such request, by
    the time between the two, is what the limit allows. From there it gets faster little by
    little, until the next refusal. ``tests.benchmarks.rate_limits`` says how well it keeps one.
    """

    def __init__(self, backoff: Backoff, draw: Callable[[], float] = random.random) -> None:
        self._backoff = backoff
        self._draw = draw  # in [0, 1): jitter
        self._next = -math.inf  # when the next request may be sent
        self._gap = 0.0  # between two of them
        self._taken: deque[float] = deque()  # when each was sent that was not refused, this cycle
        self._answers = 0  # in this cycle
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
        wait = self._guess(now - self._held_since)
        self._guessed = retry_after is None
        self._refusals += 1
        if retry_after is not None:
            doubted = self._refusals > _REFUSALS_TO_DOUBT
            wait = max(retry_after, wait if doubted else 0.0) * (1 + 0.05 * self._draw())
        self._next = now + wait

    def record_taken(self, sent: float, now: float) -> None:
        """Say that what was sent then was not refused."""
        if not self._refusals:
            self._get_faster()
        elif sent > self._refused_at:
            self._end_cycle(sent, now)

    def _guess(self, held: float) -> float:
        """Return how long to wait on, in seconds, after so many.

        In proportion to them: so it ends too late by a share alone, and asks more and more seldom,
        because some servers count what they refuse.
        """
        whole = min(max(self._backoff.first, _HELD_ON * held), _MOST_HELD_S)
        return whole * (1 + self._draw()) / 2

    def _get_faster(self) -> None:
        doublings = min(_MOST_DOUBLINGS, self._answers // _DOUBLED_AFTER)
        self._gap *= 1 - _FASTER * 2**doublings
        self._answers += 1

    def _end_cycle(self, trial: float, now: float) -> None:
        begun, count = self._taken[0], sum(sent < trial for sent in self._taken)
        least, most = self._refused_at - begun, trial - begun
        unclear = self._guessed and most - least > _CLEAR * most
        if count:  # rather too fast: what is too slow is not noticed
            self._gap = (least if unclear else most) / count
        for _ in range(count):
            self._taken.popleft()
        self._refusals = self._answers = 0
        self._trial = None
        self._next = max(now, trial + self._gap)
