"""Who is sent to the server next, and when: the oldest, as soon as pace and window allow."""

import asyncio
import heapq
import itertools
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from weir.transforms.judge.endpoint.concurrency_window import Window
from weir.transforms.judge.endpoint.failures import Again, Failure
from weir.transforms.judge.endpoint.pace import Pace
from weir.transforms.judge.endpoint.settings import Backoff

_WAITING_S = 60.0  # of the server's pace: how much may wait here, in place of where it can be held


class Gate:
    """Lets requests through one by one, of one loop; what becomes of each is to be reported."""

    def __init__(
        self, most: int, backoff: Backoff, draw: Callable[[], float] = random.random
    ) -> None:
        self._pace = Pace(backoff, draw)
        self._window = Window(most)
        self._in_flight = 0
        self._waiting: list[tuple[float, int, asyncio.Future[float]]] = []
        self._numbers = itertools.count()
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def capacity(self) -> int:
        """Return how many requests are worth having here, at the server or before it."""
        gap = self._pace.gap
        return max(1, min(self._window.size, int(_WAITING_S / gap))) if gap else self._window.size

    @asynccontextmanager
    async def admit(self, since: float) -> AsyncIterator[float]:
        """Wait for one's turn, the one that waits ``since`` longest first; gives when it came."""
        turn: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (since, next(self._numbers), turn))
        self._let_through()
        try:
            yield await turn
        finally:
            # One that is given up in the moment of its turn has had it.
            if turn.done() and not turn.cancelled():
                self._in_flight -= 1
            turn.cancel()
            self._let_through()

    def record_answer(self, sent: float) -> None:
        """Say that the server took a request sent then, and answered it, whatever it said."""
        self._pace.record_taken(sent, _now())
        self._window.record_answer()

    def record_failure(self, sent: float, failure: Failure) -> None:
        """Say what became of a request, sent then, that the server did not answer."""
        if failure.again is Again.REFUSED:
            self._pace.record_refusal(sent, _now(), failure.retry_after)
        if failure.overloaded:
            self._window.record_overload(sent, _now())

    def _let_through(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while self._waiting and self._in_flight < self._window.size:
            now = _now()
            free_at = self._pace.free_at(now)
            if free_at > now:
                loop = asyncio.get_running_loop()
                self._alarm = loop.call_at(free_at, self._let_through)
                return
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._pace.record_sent(now)
                self._in_flight += 1
                turn.set_result(now)


def _now() -> float:
    return asyncio.get_running_loop().time()
