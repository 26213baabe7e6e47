"""Keep one engine alive that can die under its requests, and try those again when it does."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from weir.transforms.judge.engine import EngineError, EngineStartError

Prompt = TypeVar("Prompt")
Answer = TypeVar("Answer")
PromptIn = TypeVar("PromptIn", contravariant=True)
AnswerOut = TypeVar("AnswerOut", covariant=True)

_LOOKS = 4  # times that the watchdog looks within the time that a silent engine has


class EngineDiedError(Exception):
    """The engine is gone, and with it whatever it was working on."""


class Running(Protocol[PromptIn, AnswerOut]):
    """An engine that has started. All of it is called in one event loop."""

    last_progress: float  # time.monotonic() of the last sign of work

    async def answer(self, prompt: PromptIn) -> AnswerOut:
        """Answer, or raise EngineDiedError, or EngineError where this request alone is at fault."""
        ...

    def kill(self) -> None:
        """End it by force; what waits for an answer raises EngineDiedError."""
        ...

    async def stop(self) -> None:
        """Give back what it holds, dead or alive; what waits for an answer as with ``kill``."""
        ...


class Supervisor(Generic[Prompt, Answer]):
    """Answers requests by an engine that ``start`` makes, and makes again when it is gone.

    An engine that died is started again once for all who wait for it. A request is tried
    1 + ``retries`` times; the last time it does not share the engine with others on their last,
    because one that kills engines would take the innocent ones around it along. An engine that
    shows no sign of work for ``hang_seconds`` while it has requests counts as dead.
    """

    def __init__(
        self,
        start: Callable[[], Awaitable[Running[Prompt, Answer]]],
        retries: int,
        hang_seconds: float,
    ) -> None:
        self._start = start
        self._retries = retries
        self._hang_seconds = hang_seconds
        self._engine: Running[Prompt, Answer] | None = None
        self._remains: Running[Prompt, Answer] | None = None  # of one that died, not yet stopped
        self._starting: asyncio.Task[EngineStartError | None] | None = None
        self._watchdog: asyncio.Task[None] | None = None
        self._last_attempts = asyncio.Semaphore(1)
        self._closed = False
        self._at_work = 0
        self._busy_since = 0.0

    async def start(self) -> None:
        """Start the engine; EngineStartError where it cannot be."""
        await self._running()

    async def answer(self, prompt: Prompt) -> Answer:
        """Return the engine's answer; EngineError where it died too often or cannot be started."""
        for attempt in range(self._retries + 1):
            alone = attempt > 0 and attempt == self._retries
            async with self._last_attempts if alone else contextlib.nullcontext():
                try:
                    engine = await self._running()
                except EngineStartError as error:
                    raise EngineError(
                        "engine", f"the engine did not start again: {error}"
                    ) from error
                try:
                    async with self._work():
                        return await engine.answer(prompt)
                except EngineDiedError:
                    self._bury(engine)
        raise EngineError(
            "engine", f"the engine died in each of {self._retries + 1} attempts at this request"
        )

    async def close(self) -> None:
        """Stop the engine, and what starts or watches it; requests fail."""
        self._closed = True
        for task in (self._watchdog, self._starting):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        for engine in (self._engine, self._remains):
            if engine is not None:
                await engine.stop()
        self._engine = self._remains = None

    async def _running(self) -> Running[Prompt, Answer]:
        while self._engine is None or self._closed:
            if self._closed:
                raise EngineStartError("it is closed")
            if self._starting is None:
                self._starting = asyncio.create_task(self._restart())
            # Whoever waits may be cancelled, and the others go on waiting.
            error = await asyncio.shield(self._starting)
            if error is not None:
                raise error
        return self._engine

    async def _restart(self) -> EngineStartError | None:
        try:
            if self._remains is not None:  # it may hold the memory that the next one needs
                await self._remains.stop()
                self._remains = None
            self._engine = await self._start()
        except EngineStartError as error:
            return error
        else:
            self._watchdog = asyncio.create_task(self._watch(self._engine))
            return None
        finally:
            self._starting = None

    def _bury(self, engine: Running[Prompt, Answer]) -> None:
        if engine is self._engine and not self._closed:  # the first to notice
            self._engine, self._remains = None, engine
            self._starting = asyncio.create_task(self._restart())

    @contextlib.asynccontextmanager
    async def _work(self) -> AsyncIterator[None]:
        if self._at_work == 0:
            self._busy_since = time.monotonic()
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1

    async def _watch(self, engine: Running[Prompt, Answer]) -> None:
        while engine is self._engine:
            await asyncio.sleep(self._hang_seconds / _LOOKS)
            quiet = time.monotonic() - max(engine.last_progress, self._busy_since)
            if self._at_work and quiet > self._hang_seconds:
                engine.kill()  # it would not hear a politer word
                self._bury(engine)
