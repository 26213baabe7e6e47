"""What went wrong with an attempt, from what the client library raised.

The server's own words are never passed on: they may quote the post.
"""

import email.utils
import math
import re
import time
from dataclasses import dataclass

import openai

from weir.transforms.judge.endpoint.settings import EndpointSettings

_LONGEST_HOLD_S = 600.0  # of Retry-After; every caller's deadline ends before
_TOO_LONG = re.compile(
    r"context.{0,20}(length|size|window)|(prompt|input).{0,20}too long|too many.{0,20}tokens"
    r"|maximum.{0,40}tokens|max_model_len",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Failure:
    """A failed attempt, fit for a dead letter."""

    reason: str
    message: str
    may_pass: bool = False  # worth another attempt
    of_server: bool = False  # it says that the server is down, if others fail so as well
    retry_after: float | None = None  # seconds, where the server names them


class GarbledError(Exception):
    """The server answered with success and something that is no answer; the message says what."""


# What an attempt may raise; asyncio's own deadline raises TimeoutError.
ERRORS = (openai.APIError, TimeoutError, GarbledError)


def failure_of(error: Exception, settings: EndpointSettings) -> Failure:
    """Return what one of ``ERRORS`` means."""
    match error:
        case TimeoutError() | openai.APITimeoutError():
            return Failure(
                "timeout",
                f"no answer within {settings.timeout:g} s: raise --endpoint_timeout, or "
                "lower --endpoint_concurrency",
                may_pass=True,
                of_server=True,
            )
        # The library takes whatever is raised while an answer is read for a lost connection.
        case (GarbledError() as garbled) | openai.APIConnectionError(
            __cause__=GarbledError() as garbled
        ):
            return Failure("bad_response", str(garbled), may_pass=True)
        case openai.APIConnectionError():
            return Failure(
                "unreachable",
                f"the connection to {settings.url} fails: is the server up?",
                may_pass=True,
                of_server=True,
            )
        case openai.APIStatusError():
            return _of_status(error)
        case _:
            return Failure("engine_error", f"the client raised {type(error).__name__}")


def _of_status(error: openai.APIStatusError) -> Failure:
    status = error.status_code
    what = f"(HTTP {status})"
    match status:
        case 401 | 403:
            return Failure(
                "unauthorized",
                f"the server refuses the key {what}: set WEIR_ENDPOINT_KEY to one that may use "
                "the model",
            )
        case 404:
            return Failure(
                "unknown_model",
                f"the server has no such model or path {what}: see --endpoint_model and "
                "--endpoint_url, which usually ends in /v1",
            )
        case 429:
            return Failure(
                "rate_limited",
                f"the server takes no more for now {what}: lower --endpoint_concurrency, or ask "
                "for a higher limit",
                may_pass=True,
                retry_after=_retry_after(error),
            )
        case 413:
            return _too_long(what)
        case 408 | 409 | 425:
            return Failure("server_error", f"the server gave up {what}", may_pass=True)
        case _ if status >= 500:
            return Failure(
                "server_error",
                f"the server failed {what}: its own log says why",
                may_pass=True,
                of_server=True,
                retry_after=_retry_after(error),
            )
        case _ if status < 400:
            return Failure(
                "redirected",
                f"the server points elsewhere {what}: give --endpoint_url where it points, "
                "posts are not sent on",
            )
        case _ if error.code == "context_length_exceeded" or _TOO_LONG.search(str(error.body)):
            return _too_long(what)
        case _:
            return Failure(
                "bad_request", f"the server rejects the request {what}: its own log says why"
            )


def _too_long(what: str) -> Failure:
    return Failure(
        "too_long",
        f"policy, post and answer are longer than the server's context {what}: serve the model "
        "with a longer one",
    )


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Return seconds, from a number of them or an HTTP date (RFC 9110, section 10.2.3)."""
    value = error.response.headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return min(seconds, _LONGEST_HOLD_S) if math.isfinite(seconds) and seconds > 0 else None
