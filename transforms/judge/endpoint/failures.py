"""What went wrong with an attempt, from what the client library raised.

The server's own words are never passed on: they may quote the post.
"""

import email.utils
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import openai

from weir.transforms.judge.endpoint.settings import EndpointSettings
from weir.transforms.judge.endpoint.untrusted_json import GarbledError, count, text

_LONGEST_HOLD_S = 600.0  # of Retry-After; every caller's deadline ends before
CONTENT_FILTER = "content_filter"
_FILTERED = {
    *("content_filter", "content_policy_violation", "responsibleaipolicyviolation"),
    *("invalid_prompt", "moderation_blocked", "prompt_blocked"),
}
_QUOTA = {"insufficient_quota", "billing_hard_limit_reached", "insufficient_balance"}
_OVERLOADED = (503, 504, 529)
_TOO_LONG = re.compile(
    r"context.{0,20}(length|size|window)|(prompt|input).{0,20}too long|too many.{0,20}tokens"
    r"|maximum.{0,40}tokens|max_model_len",
    re.IGNORECASE,
)


class Again(StrEnum):
    """Whether a request that failed so is worth another attempt."""

    NEVER = "never"
    TRYING = "trying"  # some times: each costs a time-out, or tokens
    WAITING = "waiting"  # as long as the server answers no other; once it does, some times
    REFUSED = "refused"  # it takes no more for now, which says nothing of the request


@dataclass(frozen=True)
class Failure:
    """A failed attempt, fit for a dead letter."""

    reason: str
    message: str
    again: Again = Again.NEVER
    of_server: bool = False  # it says that the server is down, if others fail so as well
    overloaded: bool = False  # it has too much to do at once
    retry_after: float | None = None  # seconds, where the server names them


class ErrorAnsweredError(Exception):
    """The server answered with success, and with an error in place of an answer."""

    def __init__(self, error: object) -> None:
        super().__init__("an error in place of an answer")
        self.error = error


# What an attempt may raise; asyncio's own deadline raises TimeoutError.
ERRORS = (openai.APIError, TimeoutError, GarbledError, ErrorAnsweredError)


def failure_of(error: Exception, settings: EndpointSettings) -> Failure:
    """Return what one of ``ERRORS`` means."""
    match error:
        case TimeoutError() | openai.APITimeoutError():
            return Failure(
                "timeout",
                f"no answer within {settings.timeout:g} s: raise --endpoint-timeout, or "
                "lower --endpoint-concurrency",
                Again.TRYING,
                of_server=True,
                overloaded=True,
            )
        # The library takes whatever is raised while an answer is read for a lost connection.
        case (GarbledError() as garbled) | openai.APIConnectionError(
            __cause__=GarbledError() as garbled
        ):
            return Failure("bad_response", str(garbled), Again.TRYING)
        case openai.APIConnectionError():
            return Failure(
                "unreachable",
                f"the connection to {settings.url} fails: is the server up?",
                Again.WAITING,
                of_server=True,
            )
        case ErrorAnsweredError():
            return _of_error_in_answer(error.error)
        case openai.APIStatusError():
            waits = _retry_after(error.response.headers)
            return _of_status(error.status_code, error.body, f"(HTTP {error.status_code})", waits)
        case _:
            return Failure("engine_error", f"the client raised {type(error).__name__}")


def _of_error_in_answer(error: object) -> Failure:
    status = count(error, "code") or count(error, "status") or 0
    if not 400 <= status < 600:
        words = _words(error)
        status = 429 if any("rate_limit" in word for word in words) else 500
        status = 400 if _FILTERED & words else status
    return _of_status(status, error, f"(an error {status} inside HTTP 200)")


def _of_status(status: int, body: object, what: str, retry_after: float | None = None) -> Failure:
    """Return what a status means; ``body`` is the error as the server describes it."""
    words = _words(body)
    if status in (400, 403, 422) and (_FILTERED & words or _was_flagged(body)):
        return Failure(
            CONTENT_FILTER,
            f"a content filter in front of the model refuses the post {what}: have the provider "
            "turn it off for moderation, or judge where there is none",
        )
    if _QUOTA & words:
        return Failure(
            "insufficient_quota",
            f"the account's quota is used up {what}: raise it with the provider, then weir redrive",
        )
    match status:
        case 401:
            return Failure(
                "unauthorized",
                f"the server refuses the key {what}: set WEIR_ENDPOINT_KEY to one that may use "
                "the model",
            )
        case 402:
            return Failure(
                "payment_required",
                f"the account has no credit left {what}: pay in, then weir redrive",
            )
        case 403:
            return Failure(
                "forbidden",
                f"the server does not let this key, or this place, use the model {what}: set "
                "WEIR_ENDPOINT_KEY to one that may, and see the provider's rules for the model",
            )
        case 404:
            return Failure(
                "unknown_model",
                f"the server has no such model or path {what}: see --endpoint-model and "
                "--endpoint-url, which usually ends in /v1",
            )
        case 429:
            return Failure(
                "rate_limited",
                f"the server takes no more for now {what}: lower --endpoint-concurrency, or ask "
                "for a higher limit",
                Again.REFUSED,
                retry_after=retry_after,
            )
        case 413:
            return _too_long(what)
        case 408 | 409 | 425:
            return Failure("server_error", f"the server gave up {what}", Again.WAITING)
        case _ if status >= 500:
            return Failure(
                "server_error",
                f"the server failed {what}: its own log says why",
                Again.REFUSED if retry_after else Again.WAITING,
                of_server=True,
                overloaded=status in _OVERLOADED,
                retry_after=retry_after,
            )
        case _ if status < 400:
            return Failure(
                "redirected",
                f"the server points elsewhere {what}: give --endpoint-url where it points, "
                "posts are not sent on",
            )
        case _ if "context_length_exceeded" in words or _TOO_LONG.search(str(body)):
            return _too_long(what)
        case _:
            return Failure(
                "bad_request", f"the server rejects the request {what}: its own log says why"
            )


def _words(error: object) -> set[str]:
    """Return the codes by which servers name an error, the inner one's too, in small letters."""
    found = (
        text(each, name)
        for each in (error, _inner(error, "innererror"), _inner(error, "inner_error"))
        for name in ("code", "type", "status")
    )
    return {word.lower() for word in found if word}


def _was_flagged(error: object) -> bool:
    """Return whether a router's own moderation says why it refuses: it names reasons."""
    return bool(_inner(_inner(error, "metadata"), "reasons"))


def _inner(error: object, name: str) -> object:
    return error.get(name) if isinstance(error, Mapping) else None


def _too_long(what: str) -> Failure:
    return Failure(
        "too_long",
        f"policy, post and answer are longer than the server's context {what}: serve the model "
        "with a longer one",
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return seconds: of them, of milliseconds, or up to an HTTP date (RFC 9110, 10.2.3)."""
    milliseconds, value = headers.get("retry-after-ms", ""), headers.get("retry-after", "")
    seconds = _number(milliseconds) / 1000
    if not 0 < seconds < math.inf:
        seconds = _number(value)
    if math.isnan(seconds):
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return min(seconds, _LONGEST_HOLD_S) if math.isfinite(seconds) and seconds > 0 else None


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan
