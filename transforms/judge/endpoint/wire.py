"""Requests and answers as the OpenAI API has them; pure."""

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import msgspec

from transforms.judge import harmony
from transforms.judge.endpoint.failures import GarbledError
from transforms.judge.endpoint.settings import Form, Served
from transforms.judge.engine import Completion, EngineError, Finish
from transforms.judge.prompt import Chat, Prompt

T = TypeVar("T")
_Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_TokenId = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
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
    tokens_cut: int  # of the post


class _PromptDetails(msgspec.Struct):
    cached_tokens: _Count | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: _Count | None = None


class _Usage(msgspec.Struct):
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


class _TokensChoice(msgspec.Struct):
    token_ids: list[_TokenId] | None = None
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


def chat_question(chat: Chat, tokens_cut: int, served: Served, answer_tokens: int) -> Question:
    """Return the question for a server that owns its template.

    The policy is a system message: templates of gpt-oss make it the developer's, and Ollama leaves
    out a developer message without a word.
    """
    body: dict[str, Any] = {
        "model": served.model,
        "messages": [
            {"role": "system", "content": chat.developer},
            {"role": "user", "content": chat.user},
        ],
        "reasoning_effort": chat.effort,
        "max_tokens": answer_tokens,  # Ollama does not know the newer name
        "temperature": 0,
    }
    if served.owner == LLAMA_CPP:
        body["chat_template_kwargs"] = {"reasoning_effort": chat.effort}
    return Question("/chat/completions", body, tokens_cut)


def tokens_question(prompt: Prompt, served: Served, answer_tokens: int) -> Question:
    """Return the question as vLLM takes it. Raises EngineError where an answer has no room."""
    room = answer_tokens
    if served.context_tokens is not None:
        room = min(room, served.context_tokens - len(prompt.tokens))
    if room < 1:
        raise EngineError(
            "too_long",
            f"policy and post take {len(prompt.tokens)} tokens, and the server's context is "
            f"{served.context_tokens}: serve the model with a longer one",
        )
    body = {
        "model": served.model,
        "prompt": list(prompt.tokens),
        "max_tokens": room,
        "temperature": 0,
        "stop_token_ids": [harmony.RETURN, harmony.CALL],
        "return_token_ids": True,
    }
    return Question("/completions", body, prompt.tokens_cut)


def completion_of(body: bytes, form: Form, tokens_cut: int, queue_ms: float) -> Completion:
    """Return what an answer says. Raises GarbledError where it is none."""
    if form is Form.TOKENS:
        by_tokens = _decoded(body, _TokensAnswer)
        finish, usage = by_tokens.choices[0].finish_reason, by_tokens.usage or _Usage()
        token_ids = by_tokens.choices[0].token_ids
        if token_ids is None:
            raise GarbledError(_NO_TOKENS)
        read = harmony.read(token_ids)
        said = _Said(read.reasoning, read.final, read.tokens_reasoning)
    else:
        by_chat = _decoded(body, _ChatAnswer)
        finish, usage = by_chat.choices[0].finish_reason, by_chat.usage or _Usage()
        said = _said(by_chat.choices[0].message, usage)
    prompt = usage.prompt_tokens_details or _PromptDetails()
    return Completion(
        said.final,
        reasoning=said.reasoning,
        tokens_in=usage.prompt_tokens,
        tokens_cached=prompt.cached_tokens,
        tokens_out=usage.completion_tokens,
        tokens_reasoning=said.tokens_reasoning,
        tokens_cut=tokens_cut,
        queue_ms=queue_ms,
        # A server means other things by the rest of Weir's words.
        finish_reason=finish if finish in (Finish.STOP, Finish.LENGTH) else "other",
    )


def _said(message: _Message, usage: _Usage) -> _Said:
    counted = usage.completion_tokens_details or _CompletionDetails()
    reasoning = message.reasoning or message.reasoning_content
    return _Said(reasoning, message.content, counted.reasoning_tokens)


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise GarbledError(_NO_ANSWER) from None
