"""Requests and answers as the OpenAI API has them; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import msgspec

from weir.policies.policy import Policy
from weir.transforms.judge.endpoint.failures import GarbledError
from weir.transforms.judge.endpoint.settings import Form, Served
from weir.transforms.judge.engine import Completion, EngineError, Finish
from weir.transforms.judge.harmony import messages as harmony
from weir.transforms.judge.harmony.prompt import Prompt, chat, render
from weir.transforms.judge.harmony.structure import (
    FINAL_TOKENS,
    label_tokens,
    structural_tag,
    violating_probability,
)

T = TypeVar("T")
_Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_TokenId = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
_TOKEN_ID = re.compile("[0-9]{1,9}")
_STEP = 256
_Choices = msgspec.Meta(min_length=1)

# vLLM names itself; llama.cpp too, and reads the effort only as a variable of the template.
VLLM, LLAMA_CPP = "vllm", "llamacpp"

_NO_ANSWER = (
    "the answer is not the JSON of an OpenAI-compatible server: is --endpoint_url right? "
    "It usually ends in /v1"
)
_NO_TOKENS = (
    "the answer has no token ids, so the server is not vLLM, or an old one: "
    "give --endpoint_form=chat"
)


@dataclass(frozen=True)
class Question:
    """A request to send: a path under the URL and the JSON for it."""

    path: str
    body: dict[str, Any]
    policy: Policy
    form: Form
    tokens_cut: int  # of the post


class _PromptDetails(msgspec.Struct):
    cached_tokens: _Count | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: _Count | None = None


class _Usage(msgspec.Struct):
    """Counts; vLLM names the cached ones only with --enable-prompt-tokens-details."""

    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    reasoning: str | None = None  # vLLM, Ollama, hosted ones
    reasoning_content: str | None = None  # llama.cpp, older vLLM


class _ChatChoice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _ChatAnswer(msgspec.Struct):
    choices: Annotated[list[_ChatChoice], _Choices]
    usage: _Usage | None = None


@dataclass(frozen=True)
class _Said:
    reasoning: str | None
    final: str | None
    tokens_reasoning: int | None
    probability: float | None = None


class _Logprobs(msgspec.Struct):
    top_logprobs: list[dict[str, float] | None] | None = None  # by token_id:N, of each position


class _TokensChoice(msgspec.Struct):
    token_ids: list[_TokenId] | None = None
    logprobs: _Logprobs | None = None
    finish_reason: str | None = None


class _TokensAnswer(msgspec.Struct):
    choices: Annotated[list[_TokensChoice], _Choices]
    usage: _Usage | None = None


class Model(msgspec.Struct):
    """An entry of /models; ``root`` and ``max_model_len`` are vLLM's."""

    id: str
    owned_by: str | None = None
    root: str | None = None
    max_model_len: _Count | None = None


class _Models(msgspec.Struct):
    data: list[Model] | None = None  # null, or not there at all, where nothing is loaded


def models(body: bytes) -> list[Model]:
    """Return what /models lists. Raises GarbledError."""
    return _decoded(body, _Models).data or []


def question(policy: Policy, text: str, served: Served, answer_tokens: int) -> Question:
    """Return what to ask. Raises EngineError where an answer has no room in the context."""
    if served.context_tokens is not None:  # more is an error, even where the prompt is short
        answer_tokens = min(answer_tokens, served.context_tokens)
    if served.form is Form.TOKENS:
        return _by_tokens(policy, render(policy, text), served, answer_tokens)
    messages, tokens_cut = chat(policy, text)
    body: dict[str, Any] = {
        "model": served.model,
        "messages": [
            # Templates of gpt-oss make the system message the developer's; by the developer's own
            # name Ollama leaves it out, without a word.
            {"role": "system", "content": messages.developer},
            {"role": "user", "content": messages.user},
        ],
        "reasoning_effort": messages.effort,
        "max_tokens": answer_tokens,  # Ollama does not know the newer name
        "temperature": 0,
    }
    if served.owner == LLAMA_CPP:
        body["chat_template_kwargs"] = {"reasoning_effort": messages.effort}
    return Question("/chat/completions", body, policy, Form.CHAT, tokens_cut)


def _by_tokens(policy: Policy, prompt: Prompt, served: Served, answer_tokens: int) -> Question:
    room = answer_tokens
    if served.context_tokens is not None:
        room = min(room, served.context_tokens - len(prompt.tokens))
    if room < 1:
        raise EngineError(
            "too_long",
            f"policy and post take {len(prompt.tokens)} tokens, and the server's context is "
            f"{served.context_tokens}: serve the model with a longer one",
        )
    # In steps: the server compiles a grammar for every budget that it has not seen.
    reasoning = max(1, (room - FINAL_TOKENS) // _STEP * _STEP)
    body = {
        "model": served.model,
        "prompt": list(prompt.tokens),
        "max_tokens": room,
        "temperature": 0,
        "stop_token_ids": [harmony.RETURN, harmony.CALL, harmony.ENDOFTEXT],
        "return_token_ids": True,
        "structured_outputs": {"structural_tag": structural_tag(policy, reasoning)},
        "logprobs": 1,  # or none are counted; which ones, the next line says
        "logprob_token_ids": list(label_tokens(policy)),
        "return_tokens_as_token_ids": True,
    }
    return Question("/completions", body, policy, Form.TOKENS, prompt.tokens_cut)


def completion_of(body: bytes, question: Question, queue_ms: float) -> Completion:
    """Return what an answer says. Raises GarbledError where it is none."""
    if question.form is Form.TOKENS:
        by_tokens = _decoded(body, _TokensAnswer)
        finish, usage = by_tokens.choices[0].finish_reason, by_tokens.usage or _Usage()
        said = _read(by_tokens.choices[0], question.policy)
    else:
        by_chat = _decoded(body, _ChatAnswer)
        finish, usage = by_chat.choices[0].finish_reason, by_chat.usage or _Usage()
        said = _said(by_chat.choices[0].message, usage)
    prompt = usage.prompt_tokens_details or _PromptDetails()
    return Completion(
        said.final,
        reasoning=said.reasoning,
        probability=said.probability,
        tokens_in=usage.prompt_tokens,
        tokens_cached=prompt.cached_tokens,
        tokens_out=usage.completion_tokens,
        tokens_reasoning=said.tokens_reasoning,
        tokens_cut=question.tokens_cut,
        queue_ms=queue_ms,
        # A server means other things by the rest of Weir's words.
        finish_reason=finish if finish in (Finish.STOP, Finish.LENGTH) else "other",
    )


def _read(choice: _TokensChoice, policy: Policy) -> _Said:
    if choice.token_ids is None:
        raise GarbledError(_NO_TOKENS)
    answer = harmony.read(choice.token_ids)
    top = choice.logprobs.top_logprobs if choice.logprobs else None
    likely = [_by_id(position or {}) for position in top or ()]
    probability = violating_probability(policy, choice.token_ids, likely) if likely else None
    return _Said(answer.reasoning, answer.final, answer.tokens_reasoning, probability)


def _by_id(position: Mapping[str, float]) -> dict[int, float]:
    ids = ((name.removeprefix("token_id:"), value) for name, value in position.items())
    return {int(token): min(value, 0.0) for token, value in ids if _TOKEN_ID.fullmatch(token)}


def _said(message: _Message, usage: _Usage) -> _Said:
    counted = usage.completion_tokens_details or _CompletionDetails()
    reasoning = message.reasoning or message.reasoning_content
    return _Said(reasoning, message.content, counted.reasoning_tokens)


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise GarbledError(_NO_ANSWER) from None
