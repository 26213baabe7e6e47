"""Where the server is, how to speak to it, and how patient to be."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from weir.errors import WeirError
from weir.transforms.secret import Secret

_FAILURES_TO_OPEN = 3
_USUAL_ANSWER_TOKENS = 500  # at low effort, reasoning included
MOST_TIMEOUT_S = 600.0  # of --judge-timeout


class Form(StrEnum):
    """How the prompt travels."""

    AUTO = "auto"  # tokens where a vLLM server serves a gpt-oss model, chat anywhere else
    CHAT = "chat"  # messages; the server renders them with a template of its own
    TOKENS = "tokens"  # the ids that harmony rendered, so that nothing in a post is a control token


class Schema(StrEnum):
    """How a server is asked, by ``response_format``, to hold an answer to a JSON Schema."""

    NONE = "none"
    JSON_SCHEMA = "json_schema"  # OpenAI's, vLLM's, llama.cpp's, Ollama's
    JSON_OBJECT = "json_object"  # with the schema beside it, as llama-cpp-python has it


@dataclass(frozen=True)
class Manner:
    """What a question in the chat form may have in it, so that the server takes it."""

    schema: Schema = Schema.NONE
    length: str = "max_tokens"  # Ollama does not know the newer name, others only that one
    effort: bool = True
    temperature: bool = True


class EndpointError(WeirError, ValueError):
    """The endpoint cannot serve the job; the message names the way out."""


@dataclass(frozen=True)
class Backoff:
    """Seconds to wait after the nth failure in a row: doubling, bounded, and never in step."""

    first: float = 0.5
    most: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.first <= self.most:
            raise EndpointError(
                f"a backoff from {self.first} to {self.most} s: give 0 < first <= most"
            )

    def seconds(self, failures: int, draw: Callable[[], float] = random.random) -> float:
        """Return the wait after so many failures, counted from 0; half of it is chance."""
        return min(self.most, self.first * 2.0 ** min(failures, 30)) * (1 + draw()) / 2


@dataclass(frozen=True)
class EndpointSettings:
    """An OpenAI-compatible server and how to use it. Checked where it is made.

    An attempt that fails for a reason that may pass is made again: ``retries`` times where it costs
    a time-out or tokens, or the server has answered others meanwhile, so that the request may be
    to blame; else, and where the server takes no more for now, as long as the caller waits.
    """

    url: str  # up to the version, such as http://127.0.0.1:11434/v1
    model: str | None = None  # None: the only one that the server serves
    form: Form = Form.AUTO
    key: Secret | None = field(default=None, repr=False)
    concurrency: int | None = None  # requests at once; None: by what kind of server it is
    timeout: float = 60.0  # seconds for one attempt
    retries: int = 8
    backoff: Backoff = Backoff()
    answer_tokens: int = 4096  # a safety net: lower the policy's effort for shorter answers

    def __post_init__(self) -> None:
        _check_url(self.url)
        object.__setattr__(self, "url", self.url.rstrip("/"))
        # Not quoted: whatever is wrong with it, it may be a secret.
        if self.key is not None and not (self.key.isascii() and self.key.isprintable()):
            raise EndpointError("the key has characters that no HTTP header may have: is it whole?")
        if self.key is not None and (not self.key or " " in self.key):
            raise EndpointError("the key is empty or has spaces in it: is it whole?")
        if self.model is not None and not self.model.strip():
            raise EndpointError("the model's name is empty: leave it out, or name one")
        for name, least in (("concurrency", 1), ("retries", 0), ("answer_tokens", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise EndpointError(f"{name} is {value}; give at least {least}")
        if not self.timeout > 0:
            raise EndpointError(f"timeout is {self.timeout}; give seconds above 0")

    @property
    def failures_to_open(self) -> int:
        """Return how many failures of the server in a row mean that it is down.

        No more than there are retries, or an outage would use up those of a lone request.
        """
        return max(1, min(_FAILURES_TO_OPEN, self.retries))


@dataclass(frozen=True)
class Served:
    """What answers: found by asking the server, once, when a job starts."""

    model: str  # as the server names it
    form: Form  # chat or tokens
    owner: str  # who the server says made or serves it: vllm, llamacpp, library, openai
    context_tokens: int | None  # prompt and answer together, where the server says so
    concurrency: int
    is_gpt_oss: bool = False  # so that its tokens are harmony's
    manner: Manner = Manner()
    tokens_per_s: float | None = None  # of the trial answer, where there was one to measure
    doubts: tuple[str, ...] = ()  # what may be wrong with it, in sentences


def fitting_concurrency(served: Served) -> int:
    """Return how many requests a server is sent at once, at the speed of its trial answer.

    So many that the last of them, at a server with one place, is answered in a quarter of what a
    request may take: twice that is its time-out, so that another attempt fits. 1 at least, and no
    more than a server of its kind takes.
    """
    if not served.tokens_per_s:
        return served.concurrency
    answers = MOST_TIMEOUT_S / 4 * served.tokens_per_s / _USUAL_ANSWER_TOKENS
    return max(1, min(served.concurrency, int(answers)))


def fitting_timeout(served: Served) -> float:
    """Return seconds for one attempt, at the speed of the trial answer: from 60 to 600.

    As a server with one place answers: as many as are sent at once, one after the other.
    """
    usual = EndpointSettings.timeout
    if not served.tokens_per_s:
        return usual
    answers = served.concurrency * _USUAL_ANSWER_TOKENS / served.tokens_per_s
    return min(max(usual, 2 * answers), MOST_TIMEOUT_S)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise EndpointError(f"the URL has no readable host and port: {error}") from error
    if parts.username is not None or parts.password is not None:
        raise EndpointError("the URL holds a user or a password: give a key in the environment")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise EndpointError(f"{url!r} is no URL such as http://127.0.0.1:8000/v1")
    if parts.query or parts.fragment:
        raise EndpointError(f"{url!r} has a query or a fragment: give it up to /v1")
