"""An OpenAI-compatible server on loopback that answers as a script says, one reply a request.

``python -m tests.scripted_server PORT`` runs one that says of every post that it violates, in a
process of its own that can be killed.
"""

import argparse
import asyncio
import json
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any

from weir.transforms.judge.engine_loop import EngineLoop


@dataclass(frozen=True)
class Reply:
    """``sent``: how much of the body is sent before the connection is dropped; None: all of it."""

    status: int = 200
    body: Any = b""  # bytes, or what becomes JSON
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    sent: int | None = None
    hangs: bool = False  # until the client goes away


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: Any
    at: float = field(default_factory=time.monotonic)


def models(*ids, owner="library", **more):
    return Reply(body={"data": [{"id": each, "owned_by": owner, **more} for each in ids]})


def chat(final, reasoning=None, finish="stop", **usage):
    message = {"role": "assistant", "content": final, "reasoning": reasoning}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return Reply(body={"id": "1", "choices": [choice], "usage": usage or None})


def error(status, message="no", headers=None, **more):
    return Reply(status, {"error": {"message": message, **more}}, headers or {})


SAFE = '{"violation": 0}'
VIOLATES = '{"violation": 1, "rationale": "It does."}'
HANGS = Reply(hangs=True)
DROPS = Reply(sent=0)
HTML = Reply(
    body=b"<html><body>Welcome to nginx</body></html>", headers={"Content-Type": "text/html"}
)


class ScriptedServer:
    """``models`` answers GET /v1/models; ``script`` the questions, one by one, and then ``then``.

    ``by_post``, where it is set, has the reply to each post that it knows, in whatever order they
    come. Where ``down`` is set every connection is dropped. What is over ``limit``, where there is
    one, is refused.
    """

    def __init__(self, served=None, port=0):
        self.models = served or models("gpt-oss-safeguard:20b")
        self.script: list[Reply] = []
        self.then = chat(SAFE)
        self.by_post: dict[str, Reply] = {}
        self.limit: Any = None  # as tests.benchmarks.rate_limits has them
        self.down = False
        self.questions: list[Received] = []
        self.looked_up = 0  # how often the models were
        self.in_flight = self.most_in_flight = 0
        self.abandoned = threading.Semaphore(0)  # released for each hanging request given up
        self.arrived = threading.Semaphore(0)  # released for each question
        self.dropped = threading.Semaphore(0)  # released for each request that found it down
        self._serving: set[asyncio.Future[None]] = set()
        self._loop = EngineLoop("scripted-server")
        self._server = self._loop.call(asyncio.start_server(self._begin, "127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    def was_asked_about(self, posts):
        """Return whether any question so far was about one of the posts."""
        return any(_post(question) in posts for question in self.questions)

    def close(self):
        self._loop.call(self._stop())
        self._loop.close()

    async def _stop(self):
        for listener in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listener.fileno())
        for _ in range(3):  # what is accepted is begun in three turns; a closed server fails it
            await asyncio.sleep(0)
        self._server.close()

    def _begin(self, reader, writer):
        # Also a task that is cancelled before it has begun ends its connection.
        serving = asyncio.ensure_future(self._serve(reader, writer))
        self._serving.add(serving)  # what waits to read is otherwise garbage to Python
        serving.add_done_callback(lambda _: writer.transport.abort())
        serving.add_done_callback(self._serving.discard)

    async def _serve(self, reader, writer):
        try:
            while (request := await _read(reader)) is not None:
                if not await self._answer(request, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # who asked has gone

    async def _answer(self, request, reader, writer):
        if self.down:
            self.dropped.release()
            return False
        if request.method == "GET":
            self.looked_up += 1
            reply = self.models
        else:
            self.questions.append(request)
            self.arrived.release()
            refused = self.limit is not None and self.limit.wait_s(time.monotonic())
            reply = error(429) if refused else self.by_post.get(_post(request)) or self._next()
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._send(reply, reader, writer)
        finally:
            self.in_flight -= 1

    def _next(self):
        return self.script.pop(0) if self.script else self.then

    async def _send(self, reply, reader, writer):
        await asyncio.sleep(reply.delay)
        if reply.hangs:
            try:
                await reader.read(1)
            finally:
                self.abandoned.release()
            return False
        if reply.sent == 0:
            return False
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        headers = {"Content-Type": "application/json", "Content-Length": len(body)} | reply.headers
        lines = [f"HTTP/1.1 {reply.status} Scripted", *(f"{k}: {v}" for k, v in headers.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body[: reply.sent])
        await writer.drain()
        return reply.sent is None


def _post(request):
    messages = request.body.get("messages") or [{"content": None}]
    return messages[-1]["content"]


async def _read(reader):
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method, path, headers, json.loads(body) if body else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    chosen = parser.parse_args()
    server = ScriptedServer(port=chosen.port)
    server.then = replace(chat(VIOLATES), delay=chosen.delay)
    threading.Event().wait()


if __name__ == "__main__":
    main()
