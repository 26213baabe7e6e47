"""Answers as the OpenAI API has them, and as servers that are nearly like it do; pure.

What decides nothing, such as counts, is read as far as it can be. What decides is read by
``chat_message`` and ``verdict``, where it can mean one thing only.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from weir.policies.policy import Policy
from weir.transforms.judge.endpoint.chat_message import Said, read_message
from weir.transforms.judge.endpoint.failures import ErrorAnsweredError
from weir.transforms.judge.endpoint.request_body import Question
from weir.transforms.judge.endpoint.settings import Form
from weir.transforms.judge.endpoint.untrusted_json import GarbledError, count, decode
from weir.transforms.judge.engine import Completion, Finish
from weir.transforms.judge.harmony import messages as harmony
from weir.transforms.judge.harmony.members import member_probabilities
from weir.transforms.judge.harmony.structure import violating_probability

_TokenId = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
_TOKEN_ID = re.compile("[0-9]{1,9}")

_NO_CHOICE = "the answer is JSON without a choice in it: the server's own log says why"
_NO_TOKENS = (
    "the answer has no token ids, so the server is not vLLM, or an old one: "
    "give --endpoint-form=chat"
)

# What servers call the end of an answer, in small letters.
_FINISHES = {
    **dict.fromkeys(("stop", "eos", "eos_token", "end_turn", "stop_sequence"), Finish.STOP),
    **dict.fromkeys(("length", "max_tokens", "model_length"), Finish.LENGTH),
    **dict.fromkeys(("content_filter", "safety", "prohibited_content"), Finish.CONTENT_FILTER),
}


class _Message(msgspec.Struct):
    content: Any = None
    reasoning: Any = None  # vLLM, Ollama, hosted ones
    reasoning_content: Any = None  # llama.cpp, older vLLM


class _ChatChoice(msgspec.Struct):
    message: _Message | None = None
    finish_reason: Any = None
    error: Any = None  # of a provider behind the server


class _Logprobs(msgspec.Struct):
    top_logprobs: list[dict[str, float] | None] | None = None  # by token_id:N, of each position


class _TokensChoice(msgspec.Struct):
    token_ids: list[_TokenId] | None = None
    logprobs: _Logprobs | None = None
    finish_reason: Any = None
    error: Any = None


_Choice = TypeVar("_Choice", _ChatChoice, _TokensChoice)


class _Answer(msgspec.Struct, Generic[_Choice]):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


def completion_of(body: bytes, question: Question, queue_ms: float) -> Completion:
    """Return what an answer says.

    Raises GarbledError where it is none, and ErrorAnsweredError where it is an error.
    """
    likely = _Likely()
    tokens_reasoning: int | None = None
    if question.form is Form.TOKENS:
        by_tokens = decode(body, _Answer[_TokensChoice])
        written = _first(by_tokens)
        parts, tokens_reasoning, likely = _written(written, question.policy)
        finish, usage = written.finish_reason, by_tokens.usage
    else:
        by_chat = decode(body, _Answer[_ChatChoice])
        spoken = _first(by_chat)
        message = spoken.message or _Message()
        parts = read_message(message.content, message.reasoning or message.reasoning_content)
        finish, usage = spoken.finish_reason, by_chat.usage
        tokens_reasoning = count(usage, "completion_tokens_details", "reasoning_tokens")
    tokens_in = count(usage, "prompt_tokens")
    # vLLM names these only with --enable-prompt-tokens-details.
    tokens_cached = count(usage, "prompt_tokens_details", "cached_tokens")
    # A server means other things by the rest of Weir's words.
    finish_reason = _FINISHES.get(str(finish).lower(), "other")
    if _read_tokens(tokens_in, tokens_cached) < question.least_tokens:
        finish_reason = Finish.PROMPT_CUT
    return Completion(
        parts.final,
        reasoning=parts.reasoning,
        probability=likely.violating,
        probabilities=likely.by_member,
        tokens_in=tokens_in,
        tokens_cached=tokens_cached,
        tokens_policy=question.tokens_policy,
        tokens_out=count(usage, "completion_tokens"),
        tokens_reasoning=tokens_reasoning,
        tokens_cut=question.tokens_cut,
        queue_ms=queue_ms,
        finish_reason=finish_reason,
    )


def _read_tokens(counted: int | None, cached: int | None) -> float:
    """Return how much of a prompt a server says it read; all of it where it does not count."""
    if not counted:
        return math.inf
    # Some count cached tokens apart: the part that they are of cannot be smaller than they are.
    return counted + cached if cached and cached > counted else counted


def filtered_completion(question: Question, queue_ms: float) -> Completion:
    """Return what there is where a content filter keeps the post from the model."""
    return Completion(
        None,
        tokens_cut=question.tokens_cut,
        queue_ms=queue_ms,
        finish_reason=Finish.CONTENT_FILTER,
    )


def _first(answer: _Answer[_Choice]) -> _Choice:
    choice = answer.choices[0] if answer.choices else None
    error = answer.error or (choice and choice.error)
    if error:
        raise ErrorAnsweredError(error)
    if choice is None:
        raise GarbledError(_NO_CHOICE)
    return choice


@dataclass(frozen=True)
class _Likely:
    """How likely a violating label is, or each member's of a group, where it is known."""

    violating: float | None = None
    by_member: Mapping[str, float] | None = None


def _written(choice: _TokensChoice, policy: Policy) -> tuple[Said, int, _Likely]:
    """Return what the ids say, how many of them are reasoning, and how likely the label is."""
    if choice.token_ids is None:
        raise GarbledError(_NO_TOKENS)
    answer = harmony.read(choice.token_ids)
    top = choice.logprobs.top_logprobs if choice.logprobs else None
    found = [_by_id(position or {}) for position in top or ()]
    likely = _Likely(
        violating_probability(policy, choice.token_ids, found) if found else None,
        member_probabilities(policy, choice.token_ids, found) or None,
    )
    return Said(answer.reasoning, answer.final), answer.tokens_reasoning, likely


def _by_id(position: Mapping[str, float]) -> dict[int, float]:
    ids = ((name.removeprefix("token_id:"), value) for name, value in position.items())
    return {int(token): min(value, 0.0) for token, value in ids if _TOKEN_ID.fullmatch(token)}
