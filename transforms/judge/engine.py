"""The seam between Weir and whatever reasons about a post.

An engine takes requests and gives each a completion or a typed error, one by one, as each is
ready: the slowest never holds up the rest.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from weir.errors import WeirError
from weir.policies.policy import Policy


class Finish(StrEnum):
    """Why an engine stopped. Any other word is an answer that cannot be relied on."""

    STOP = "stop"  # it had said all
    LENGTH = "length"  # it was cut off
    UNCERTAIN = "uncertain"  # it declines to decide between violating and safe
    PROMPT_CUT = "prompt_cut"  # a part of the question was dropped before the model read it
    CONTENT_FILTER = "content_filter"  # something in front of the model keeps the post from it


@dataclass(frozen=True)
class Request:
    """One post to be judged under one policy."""

    request_id: str
    text: str
    policy: Policy
    context: str | None = None  # what the post answers; never judged


@dataclass(frozen=True)
class Completion:
    """What the engine answered: ``final`` is text in the policy's output contract, unparsed.

    ``probability`` is that of the violating label, in [0, 1], or None where the engine has none.
    ``rationale`` is for engines whose contract has no room for one. Of a group of policies
    ``probabilities`` has that of each member whose label it knows, by the member's id.
    """

    final: str | None
    reasoning: str | None = None
    rationale: str | None = None
    probability: float | None = None
    tokens_in: int | None = None
    tokens_cached: int | None = None
    tokens_policy: int | None = None  # of tokens_in, before the post: every post's of the policy
    tokens_out: int | None = None  # reasoning included
    tokens_reasoning: int | None = None
    tokens_cut: int | None = None  # of the post: left out of its middle to fit the budget
    queue_ms: float | None = None  # from submission until the engine began on it
    finish_reason: str = Finish.STOP
    probabilities: Mapping[str, float] | None = None
    effort: str | None = None  # None: the policy's first
    reproducible: bool | None = None  # whether the same question has the same answer, in any batch


class EngineError(Exception):
    """One request failed; ``reason`` is a short code, to group dead letters by.

    The message ends up in the dead letter, so it must not quote the post.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class EngineStartError(WeirError, RuntimeError):
    """An engine cannot start; the message says why and what to do."""


class Engine(Protocol):
    """Answers requests. Safe to share between threads."""

    name: str  # exemplar, vllm, endpoint
    model: str  # what answers, with its version
    content_tokens: int  # of a post that it reads at once; of a longer one it leaves out the middle

    @property
    def capacity(self) -> int:
        """Return how many requests may be in flight at once, as far as is known now."""
        ...

    def submit(self, requests: Sequence[Request]) -> list["Future[Completion]"]:
        """Start on the requests and return a future for each, in the order given.

        A future ends with a Completion or raises EngineError; it may also never end, so callers
        keep a deadline, and cancel a future that nobody waits for any more: an engine stops work
        on a request whose future is cancelled.
        """
        ...

    def close(self) -> None:
        """Stop, and give back what the engine holds. Outstanding futures fail."""
        ...
