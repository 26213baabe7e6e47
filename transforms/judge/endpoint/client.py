"""The HTTP client of one server: sends a question, bounds what an answer may unpack to."""

import asyncio
import itertools
import logging
import math
import ssl
from collections.abc import AsyncIterator

import httpx2
import openai

from weir.transforms.judge.endpoint.failures import ERRORS, failure_of
from weir.transforms.judge.endpoint.model_list import Model, models
from weir.transforms.judge.endpoint.request_body import Question
from weir.transforms.judge.endpoint.settings import EndpointError, EndpointSettings
from weir.transforms.judge.endpoint.untrusted_json import GarbledError
from weir.transforms.loopback import is_loopback

_CONNECT_S = 5.0

_PROBE_S = 10.0

_LIST_S = 60.0  # however patient an attempt is: a list of models waits for no model

# A pool looks at each of its connections whenever a request begins or ends: with 250 of them that
# was two thirds of all that a job did, screening a thousand posts a second included.
_POOL = 32

# What an answer may hold once it is unpacked: the longest reasoning with its probabilities is half.
_MOST_ANSWER = 32 << 20

_requests = logging.getLogger("httpx2")
if _requests.level == logging.NOTSET:
    _requests.setLevel(logging.WARNING)  # or there is a line for every request that is sent


class Client:
    """One attempt at a time; retries are the caller's.

    The library's own retries would go on while the breaker is open, and their waits are constants.
    ``concurrency`` requests are expected at once, at most.
    """

    def __init__(self, settings: EndpointSettings, concurrency: int = 1) -> None:
        self._settings = settings
        trust = _trust()
        pools = math.ceil(concurrency / _POOL)
        self._clients = [_client(settings, trust) for _ in range(pools)]
        self._turns = itertools.cycle(self._clients)

    async def ask(self, question: Question) -> bytes:
        """Return the body of the answer. Raises one of ``failures.ERRORS``."""
        async with asyncio.timeout(self._settings.timeout):
            answer = await next(self._turns).post(
                question.path, cast_to=httpx2.Response, body=question.body
            )
            return answer.content

    async def models(self) -> list[Model]:
        """Return what it serves. Raises one of ``failures.ERRORS``."""
        async with asyncio.timeout(min(self._settings.timeout, _LIST_S)):
            answer = await self._clients[0].get("/models", cast_to=httpx2.Response)
            return models(answer.content)

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
        for client in self._clients:
            await client.close()


def _trust() -> ssl.SSLContext:
    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        raise EndpointError(
            "the certificates that SSL_CERT_FILE or SSL_CERT_DIR name cannot be read "
            f"({error.strerror or type(error).__name__}): name a file in PEM, or unset them"
        ) from error


async def _bound(response: httpx2.Response) -> None:
    """Have the body unpacked in pieces, and no further than an answer may go."""
    packed = httpx2.Response(response.status_code, headers=response.headers, stream=response.stream)
    response.headers.pop("content-encoding", None)
    response.stream = _Bounded(packed)


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, packed: httpx2.Response) -> None:
        self._packed = packed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for piece in self._packed.aiter_bytes():
            size += len(piece)
            if size > _MOST_ANSWER:
                raise GarbledError(
                    f"the answer is larger than {_MOST_ANSWER >> 20} MiB, which no verdict is: is "
                    "--endpoint-url right?"
                )
            yield piece

    async def aclose(self) -> None:
        await self._packed.aclose()


def _client(settings: EndpointSettings, trust: ssl.SSLContext) -> openai.AsyncOpenAI:
    timeout = httpx2.Timeout(settings.timeout, connect=min(_CONNECT_S, settings.timeout))
    return openai.AsyncOpenAI(
        base_url=settings.url,
        api_key=settings.key or "none",  # the library wants one; servers without keys ignore it
        timeout=timeout,
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(
            timeout=timeout,
            # Requests are bounded by the engine; connections stay open for the next ones.
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
            follow_redirects=False,  # a post goes to the server that was named, and no other
            # Neither key nor post goes by a proxy to this machine; from .netrc comes no password.
            trust_env=not is_loopback(settings.url),
            verify=trust,
            event_hooks={"response": [_bound]},
        ),
    )
