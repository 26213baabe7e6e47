"""The requests that one bundle has at the engine: bounded, each with a deadline of its own."""

import itertools
import queue
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from weir.transforms.judge.engine import Completion, Engine, EngineError, Request
from weir.transforms.judge.shared_engine import SharedEngine

_LOOK_UP_SECONDS = 0.05  # how often a full engine's deadlines are looked at


Origin = TypeVar("Origin")  # the caller's own name for a request


@dataclass(frozen=True)
class Failed:
    """A request without an answer: a short code, and a sentence without post text."""

    reason: str
    error: str


@dataclass(frozen=True)
class Result(Generic[Origin]):
    """What became of one request."""

    origin: Origin
    answer: Completion | Failed
    latency_ms: float  # from submission


@dataclass(frozen=True)
class _Ticket(Generic[Origin]):
    origin: Origin
    future: "Future[Completion]"
    submitted: float
    deadline: float


class InFlight(Generic[Origin]):
    """Submits requests as slots become free, and hands results back as they come.

    Of one thread, but slots are shared by all threads of the process. A slot is given back when
    its request ends, not when its result is collected, so two threads never wait for each other.
    """

    def __init__(self, shared: SharedEngine, timeout_seconds: float) -> None:
        self._shared = shared
        self._timeout = timeout_seconds
        self._numbers = itertools.count()
        self._open: dict[int, _Ticket[Origin]] = {}  # in the order of their deadlines
        self._holding: dict[int, None] = {}  # who has a slot; pop is the one way to give it back
        self._done: queue.SimpleQueue[tuple[int, float]] = queue.SimpleQueue()

    def submit(
        self, origins: Sequence[Origin], requests: Sequence[Request]
    ) -> Iterator[Result[Origin]]:
        """Submit the requests, and yield what ends while they wait for slots."""
        start = 0
        while start < len(requests):
            free = self._take_slots(len(requests) - start)
            if free:
                chunk = slice(start, start + free)
                self._start(origins[chunk], requests[chunk])
                start += free
            yield from self.ready()

    def ready(self) -> Iterator[Result[Origin]]:
        """Yield the results that are there, without waiting."""
        while not self._done.empty():
            yield self._result(*self._done.get())
        yield from self._expired()

    def wait(self) -> Iterator[Result[Origin]]:
        """Yield every outstanding result, as each comes."""
        while self._open:
            deadline = next(iter(self._open.values())).deadline
            try:
                done = self._done.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                yield from self._expired()
            else:
                yield self._result(*done)

    def abandon(self) -> None:
        """Give up what is outstanding: its bundle failed and will be tried again."""
        for number, ticket in self._open.items():
            self._give_back(number)
            ticket.future.cancel()
        self._open.clear()

    def _take_slots(self, wanted: int) -> int:
        slots = self._shared.slots
        if not slots.acquire(timeout=_LOOK_UP_SECONDS):
            return 0
        return 1 + sum(1 for _ in itertools.takewhile(
            lambda _: slots.acquire(blocking=False), range(wanted - 1)
        ))  # fmt: skip

    def _start(self, origins: Sequence[Origin], requests: Sequence[Request]) -> None:
        submitted = time.monotonic()
        futures = _futures(self._shared.engine, requests)
        for each, future in zip(origins, futures, strict=True):
            number = next(self._numbers)
            self._open[number] = _Ticket(each, future, submitted, submitted + self._timeout)
            self._holding[number] = None
            future.add_done_callback(partial(self._ended, number))

    def _ended(self, number: int, _: "Future[Completion]") -> None:
        if self._give_back(number):
            self._done.put((number, time.monotonic()))

    def _give_back(self, number: int) -> bool:
        """Return whether the request still had its slot; the engine's thread may be here too."""
        if self._holding.pop(number, self) is self:
            return False
        self._shared.slots.release()
        return True

    def _expired(self) -> Iterator[Result[Origin]]:
        now = time.monotonic()
        for number, ticket in list(itertools.takewhile(
            lambda item: item[1].deadline <= now, self._open.items()
        )):  # fmt: skip
            if not self._give_back(number):
                continue  # it ended this moment, and its result is in the queue
            del self._open[number]
            ticket.future.cancel()
            error = (
                f"the engine gave no answer within {self._timeout:g} s: raise --judge-timeout, or "
                "lower --max-in-flight"
            )
            yield Result(ticket.origin, Failed("engine_timeout", error), self._timeout * 1000)

    def _result(self, number: int, ended: float) -> Result[Origin]:
        ticket = self._open.pop(number)
        return Result(ticket.origin, _answer(ticket.future), (ended - ticket.submitted) * 1000)


def _futures(engine: Engine, requests: Sequence[Request]) -> "list[Future[Completion]]":
    try:
        futures = engine.submit(requests)
    except Exception as error:  # noqa: BLE001 - whatever an engine raises ends its requests only
        if len(requests) == 1:
            return [_failed(error)]
    else:
        if len(futures) == len(requests):
            return futures
        if len(requests) == 1:
            return [_failed(EngineError("engine_error", "the engine did not return one future"))]
    return [future for request in requests for future in _futures(engine, [request])]


def _failed(error: Exception) -> "Future[Completion]":
    future: Future[Completion] = Future()
    future.set_exception(error)
    return future


def _answer(future: "Future[Completion]") -> Completion | Failed:
    if future.cancelled():
        return Failed("engine_error", "the engine dropped the request")
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, EngineError):
        return Failed(error.reason, str(error))
    # Not its message: it may quote the post.
    return Failed("engine_error", f"the engine raised {type(error).__name__}")
