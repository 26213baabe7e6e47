"""The engine that asks an OpenAI-compatible server."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from itertools import count

from weir.transforms.judge.endpoint.breaker import Breaker
from weir.transforms.judge.endpoint.client import Client
from weir.transforms.judge.endpoint.failures import (
    CONTENT_FILTER,
    ERRORS,
    Again,
    Failure,
    failure_of,
)
from weir.transforms.judge.endpoint.gate import Gate
from weir.transforms.judge.endpoint.request_body import question_of, without_form
from weir.transforms.judge.endpoint.response_body import completion_of, filtered_completion
from weir.transforms.judge.endpoint.settings import EndpointSettings, Served
from weir.transforms.judge.engine import Completion, EngineError, Request
from weir.transforms.judge.engine_loop import EngineLoop
from weir.transforms.judge.harmony.prompt import CONTENT_TOKENS

_CLOSE_S = 10.0


class EndpointEngine:
    """Sends each request on its own, as many at once and as fast as the server bears.

    ``EngineError.reason`` is one of unauthorized, forbidden, payment_required, insufficient_quota,
    unknown_model, bad_request, too_long, redirected (the request's own), server_error,
    unreachable, timeout, bad_response (after the retries). What a content filter refuses is an
    answer, with that finish. While the server is down, or takes no more, requests wait; the
    caller's deadline ends them.
    """

    name = "endpoint"
    content_tokens = CONTENT_TOKENS

    def __init__(self, settings: EndpointSettings, served: Served) -> None:
        self.model = served.model
        self._settings = settings
        self._served = served
        self._server = Client(settings, served.concurrency)
        self._breaker = Breaker(settings.failures_to_open, settings.backoff, self._server.answers)
        self._gate = Gate(served.concurrency, settings.backoff)
        self._answered = 0
        self._open: set[Future[Completion]] = set()
        self._loop = EngineLoop("weir-endpoint")

    @property
    def capacity(self) -> int:
        """Return how many requests may be in flight now: fewer while the server is held up."""
        return self._gate.capacity

    def submit(self, requests: Sequence[Request]) -> list["Future[Completion]"]:
        """Start on the requests and return a future for each, in the order given."""
        submitted = time.monotonic()
        futures = [self._loop.submit(self._answer(each, submitted)) for each in requests]
        for future in futures:
            self._open.add(future)
            future.add_done_callback(self._open.discard)
        return futures

    def close(self) -> None:
        """Drop what is outstanding and close the connections."""
        for future in list(self._open):
            future.cancel()
        with suppress(RuntimeError, CancelledError, TimeoutError):  # closed already, or stuck
            self._loop.call(self._server.close(), timeout=_CLOSE_S)
        self._loop.close()

    async def _answer(self, request: Request, submitted: float) -> Completion:
        question = question_of(
            request.policy,
            request.text,
            self._served,
            self._settings.answer_tokens,
            request.context,
        )
        queue_ms: float | None = None
        tried = answered = 0
        for attempt in count():
            async with self._breaker.admit(), self._gate.admit(submitted) as sent:
                if queue_ms is None:
                    queue_ms = (time.monotonic() - submitted) * 1000
                try:
                    answer = await self._server.ask(question)
                    completion = completion_of(answer, question, queue_ms)
                except ERRORS as error:
                    failure = failure_of(error, self._settings)
                else:
                    self._breaker.record_success()
                    self._gate.record_answer(sent)
                    self._answered += 1
                    return completion
                self._report(sent, failure)
            if failure.reason == CONTENT_FILTER:  # an answer: asked again it is the same
                return filtered_completion(question, queue_ms)
            if attempt == 0:
                answered = self._answered
            if failure.reason == "bad_request" and "response_format" in question.body:
                question = without_form(question)  # of this policy it is too much to ask
                continue
            waits = failure.again is Again.WAITING and self._answered == answered
            tried += not waits and failure.again is not Again.REFUSED
            if failure.again is Again.NEVER or tried > self._settings.retries:
                break
            if failure.again is not Again.REFUSED:  # which the gate knows how to wait for
                await asyncio.sleep(self._settings.backoff.seconds(attempt))
        # Not from the library's error: that one holds the request and what the server said of it.
        raise EngineError(failure.reason, failure.message)

    def _report(self, sent: float, failure: Failure) -> None:
        self._gate.record_failure(sent, failure)
        if failure.of_server:
            self._breaker.record_failure()
        else:
            self._breaker.record_success()
