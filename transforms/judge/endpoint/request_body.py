"""The request that asks about a post, as the OpenAI API has it: a chat, or tokens; pure."""

from dataclasses import dataclass, replace
from typing import Any

from weir.policies.policy import Contract, Policy
from weir.transforms.judge.endpoint.answer_schema import response_format
from weir.transforms.judge.endpoint.model_list import LLAMA_CPP
from weir.transforms.judge.endpoint.settings import Form, Schema, Served
from weir.transforms.judge.engine import EngineError
from weir.transforms.judge.harmony import messages as harmony
from weir.transforms.judge.harmony.prompt import Prompt, chat, render
from weir.transforms.judge.harmony.structure import FINAL_TOKENS, label_tokens, structural_tag

_STEP = 256
# Of the tokens that harmony counts, what a server must count of the same text. Its own vocabulary
# counts the same, and a template adds to it; another one may take half as many, no fewer.
_LEAST_OF_ITS_OWN, _LEAST_OF_ANOTHERS = 0.95, 0.5

_OBJECTS = (Contract.JSON, Contract.GROUP)  # the contracts whose answers are JSON objects


@dataclass(frozen=True)
class Question:
    """A request to send: a path under the URL and the JSON for it."""

    path: str
    body: dict[str, Any]
    policy: Policy
    form: Form
    tokens_cut: int  # of the post
    tokens_policy: int | None  # of the prompt, before the post; None where the server renders it
    least_tokens: int  # that a server counts which reads all of the prompt


def question_of(
    policy: Policy, post: str, served: Served, answer_tokens: int, context: str | None = None
) -> Question:
    """Return what to ask. Raises EngineError where an answer has no room in the context."""
    if served.context_tokens is not None:  # more is an error, even where the prompt is short
        answer_tokens = min(answer_tokens, served.context_tokens)
    if served.form is Form.TOKENS:
        return _by_tokens(policy, render(policy, post, context=context), served, answer_tokens)
    messages, tokens_cut = chat(policy, post, context=context)
    manner = served.manner
    body: dict[str, Any] = {
        "model": served.model,
        "messages": [
            # Templates of gpt-oss make the system message the developer's; by the developer's own
            # name Ollama leaves it out, without a word.
            {"role": "system", "content": messages.developer},
            {"role": "user", "content": messages.user},
        ],
        manner.length: answer_tokens,
    }
    if manner.temperature:
        body["temperature"] = 0
    if manner.effort:
        body["reasoning_effort"] = messages.effort
    if served.owner == LLAMA_CPP:  # which reads the effort only as a variable of the template
        body["chat_template_kwargs"] = {"reasoning_effort": messages.effort}
    if manner.schema is not Schema.NONE and policy.contract in _OBJECTS:
        body["response_format"] = response_format(policy, manner.schema)
    share = _LEAST_OF_ITS_OWN if served.is_gpt_oss else _LEAST_OF_ANOTHERS
    least = int(messages.tokens * share)
    return Question("/chat/completions", body, policy, Form.CHAT, tokens_cut, None, least)


def without_form(question: Question) -> Question:
    """Return the question without asking for the form of its answer."""
    body = {name: value for name, value in question.body.items() if name != "response_format"}
    return replace(question, body=body)


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
    body: dict[str, Any] = {
        "model": served.model,
        "prompt": list(prompt.tokens),
        "max_tokens": room,
        "stop_token_ids": [harmony.RETURN, harmony.CALL, harmony.ENDOFTEXT],
        "return_token_ids": True,
        "structured_outputs": {"structural_tag": structural_tag(policy, reasoning)},
        "logprobs": 1,  # or none are counted; which ones, the next line says
        "logprob_token_ids": list(label_tokens(policy)),
        "return_tokens_as_token_ids": True,
    }
    if served.manner.temperature:
        body["temperature"] = 0
    before, least = prompt.tokens_policy, len(prompt.tokens)
    return Question("/completions", body, policy, Form.TOKENS, prompt.tokens_cut, before, least)
