"""Engines that do as a post's text tells them to, at the seams made for it."""

import asyncio
import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from weir.transforms.judge.engine import Completion, EngineError, Request
from weir.transforms.judge.vllm.supervisor import EngineDiedError


@dataclass
class ScriptedEngine:
    """The first word of a text says what happens to it.

    ``safe``, ``violates``, ``prose``, ``cut`` answer; ``slow N`` answers safe after N seconds;
    ``fail`` raises EngineError; ``crash`` raises something else; ``hang`` never ends; ``refuse``
    makes submit itself raise; ``drop`` cancels the future. What does not hang or wait is answered
    at once, in reverse order.
    """

    name: str = "scripted"
    model: str = "scripted-1"
    capacity: int = 1_000
    content_tokens: int = 4096
    calls: list[int] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    closed: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, requests: Sequence[Request]) -> list["Future[Completion]"]:
        if any(request.text.startswith("refuse") for request in requests):
            raise RuntimeError(f"cannot take {requests[0].text}")
        self.calls.append(len(requests))
        futures: list[Future[Completion]] = [Future() for _ in requests]
        with self.lock:
            self.in_flight += len(requests)
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        for future in futures:
            future.add_done_callback(self._ended)
        for request, future in reversed(list(zip(requests, futures, strict=True))):
            self._answer(request.text.split(), future)
        return futures

    def close(self) -> None:
        self.closed = True

    def _ended(self, _) -> None:
        with self.lock:
            self.in_flight -= 1

    def _answer(self, words: list[str], future: "Future[Completion]") -> None:
        match words:
            case ["hang", *_]:
                pass
            case ["slow", seconds, *_]:
                threading.Timer(float(seconds), self._answer, (["safe"], future)).start()
            case ["fail", *_]:
                future.set_exception(EngineError("too_long", "the post has too many tokens"))
            case ["crash", *_]:
                future.set_exception(ValueError("secret words of the post"))
            case ["drop", *_]:
                future.cancel()
                future.set_running_or_notify_cancel()
            case ["prose", *_]:
                future.set_result(Completion("I'm sorry, but I can't."))
            case ["cut", *_]:
                future.set_result(Completion('{"violation": 0}', finish_reason="length"))
            case ["violates", *_]:
                final = '{"violation": 1, "rule_ids": ["R1"], "rationale": "it does"}'
                future.set_result(Completion(final, probability=0.9, tokens_out=7))
            case _:
                future.set_result(Completion('{"violation": 0}', probability=0.1))


# What the files of each Shelf hold now; here, as a shelf travels with a step.
ON_SHELVES: dict[str, Any] = {}


@dataclass(frozen=True)
class Shelf:
    """What may be edited while a step runs: it begins with ``began``, and ``put`` edits it."""

    began: Any
    what: str = "policy"
    key: str = field(default_factory=lambda: uuid.uuid4().hex)

    def put(self, value: Any) -> None:
        ON_SHELVES[self.key] = value

    def first(self) -> Any:
        return self.began

    def stamp(self) -> object:
        return id(ON_SHELVES.get(self.key, self.began))

    def versions(self, value: Any) -> dict[str, str]:
        return {self.what: f"{id(value):x}"}

    def read(self) -> Any:
        value = ON_SHELVES.get(self.key, self.began)
        if isinstance(value, Exception):
            raise value
        return value


class MortalEngine:
    """A running engine, as a supervisor has it; it answers with the prompt.

    ``slow`` takes 50 ms; ``poison`` kills the engine; ``refuse`` raises EngineError.
    """

    def __init__(self) -> None:
        self.last_progress = time.monotonic()
        self.asked: list[str] = []
        self.working = 0
        self.hanging = False
        self.killed = self.stopped = False
        self._dead = asyncio.Event()

    async def answer(self, prompt: str) -> str:
        self.asked.append(prompt)
        self.working += 1
        dead = asyncio.create_task(self._dead.wait())
        try:
            done, _ = await asyncio.wait([dead], timeout=self._seconds(prompt))
            if done:
                raise EngineDiedError
        finally:
            dead.cancel()
            self.working -= 1
        if prompt == "refuse":
            raise EngineError("refused", "the engine refused it")
        self.last_progress = time.monotonic()
        return prompt

    def kill(self) -> None:
        self.killed = True
        self._dead.set()

    async def stop(self) -> None:
        self.stopped = True
        self._dead.set()

    def _seconds(self, prompt: str) -> float:
        if prompt == "poison":
            self.kill()
        if self.hanging:
            return 60.0
        return 0.05 if prompt.startswith("slow") else 0.001
