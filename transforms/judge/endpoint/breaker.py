"""Hold requests back while their server is down, instead of failing them one after another."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from weir.transforms.judge.endpoint.settings import Backoff


class Breaker:
    """Closed, everything passes. After ``failures_to_open`` failures in a row it is open.

    Open, one of those that wait asks ``probe`` now and then, for all. Once the server answers,
    that one passes alone (half open), and its success closes the breaker. It belongs to one loop.
    """

    def __init__(
        self, failures_to_open: int, backoff: Backoff, probe: Callable[[], Awaitable[bool]]
    ) -> None:
        self._failures_to_open = failures_to_open
        self._backoff = backoff
        self._probe = probe
        self._failures = 0
        self._probes = 0
        self._trial = asyncio.Lock()  # held by the one that probes, and then passes alone

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Wait until a request may be sent; its outcome is to be reported inside."""
        while self._is_open:
            async with self._trial:
                if await self._open_and_answers():
                    yield
                    return
        yield

    def record_success(self) -> None:
        """Say that the server did its part, whatever it answered."""
        self._failures = self._probes = 0

    def record_failure(self) -> None:
        """Say that the server did not: lost connection, no answer in time, an error of its own."""
        self._failures += 1

    @property
    def _is_open(self) -> bool:
        return self._failures >= self._failures_to_open

    async def _open_and_answers(self) -> bool:
        """Return True once the server answers, or False once the breaker is closed.

        A request that was under way when it opened may come back and close it.
        """
        while self._is_open:
            await asyncio.sleep(self._backoff.seconds(self._probes))
            self._probes += 1
            if self._is_open and await self._probe():
                return self._is_open
        return False
