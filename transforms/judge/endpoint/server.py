"""The client library, pointed at one server."""

import asyncio
import logging

import httpx2
import openai

from transforms.judge.endpoint import wire
from transforms.judge.endpoint.failures import ERRORS, failure_of
from transforms.judge.endpoint.settings import EndpointSettings

_CONNECT_S = 5.0

_PROBE_S = 10.0

_requests = logging.getLogger("httpx2")
if _requests.level == logging.NOTSET:
    _requests.setLevel(logging.WARNING)  # or there is a line for every request that is sent


class Server:
    """One attempt at a time; retries are the caller's.

    The library's own retries would go on while the breaker is open, and their waits are constants.
    """

    def __init__(self, settings: EndpointSettings) -> None:
        self._settings = settings
        timeout = httpx2.Timeout(settings.timeout, connect=min(_CONNECT_S, settings.timeout))
        self._client = openai.AsyncOpenAI(
            base_url=settings.url,
            api_key=settings.key or "none",  # the library wants one; servers without keys ignore it
            timeout=timeout,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(
                timeout=timeout,
                # Requests are bounded by the engine; connections stay open for the next ones.
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
                follow_redirects=False,  # a post goes to the server that was named, and no other
            ),
        )

    async def ask(self, question: wire.Question) -> bytes:
        """Return the body of the answer. Raises one of ``failures.ERRORS``."""
        async with asyncio.timeout(self._settings.timeout):
            answer = await self._client.post(
                question.path, cast_to=httpx2.Response, body=question.body
            )
            return answer.content

    async def models(self) -> list[wire.Model]:
        """Return what it serves. Raises one of ``failures.ERRORS``."""
        async with asyncio.timeout(self._settings.timeout):
            answer = await self._client.get("/models", cast_to=httpx2.Response)
            return wire.models(answer.content)

    async def answers(self) -> bool:
        """Return whether it is up: it answers, if only to say no."""
        try:
            async with asyncio.timeout(_PROBE_S):
                await self.models()
        except ERRORS as error:
            failure = failure_of(error, self._settings)
            return not failure.of_server and failure.reason != "bad_response"
        return True

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()
