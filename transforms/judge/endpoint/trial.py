"""One question before a job starts: what the server takes, and whether its answer can be read."""

import asyncio
import time
from dataclasses import dataclass, replace

import openai

from weir.policies.policy import Contract, Policy
from weir.transforms.judge.endpoint.client import Client
from weir.transforms.judge.endpoint.failures import ERRORS, Again, failure_of
from weir.transforms.judge.endpoint.request_body import question_of
from weir.transforms.judge.endpoint.response_body import completion_of
from weir.transforms.judge.endpoint.settings import EndpointSettings, Form, Manner, Schema, Served
from weir.transforms.judge.engine import Completion
from weir.transforms.judge.unreadable_answers import remedy
from weir.transforms.judge.verdict import Reason, parse

TRIAL = Policy(
    policy_id="trial",
    title="Trial",
    owner="weir",
    text="Does the post advertise something? It violates this policy if it does.",
    labels={"1": "violates", "0": "safe"},
    rules={},
    contract=Contract.JSON,
)
_POST = "Hello."
_TOKENS = 512
_COMPARED_S = 60.0  # for an answer that another one, which can be read, is compared with
_REJECTED = (400, 422, 500, 501)  # what servers say to a field that they do not know
_CHARACTERS_A_TOKEN = 4  # of an answer whose server counts nothing


@dataclass(frozen=True)
class _Answer:
    completion: Completion
    seconds: float

    @property
    def reason(self) -> Reason | None:
        """Return why it cannot be read; None where it can."""
        return parse(self.completion, TRIAL).reason

    @property
    def reasons(self) -> bool:
        return bool(self.completion.reasoning)

    @property
    def tokens_per_s(self) -> float:
        said = (self.completion.reasoning or "") + (self.completion.final or "")
        tokens = self.completion.tokens_out or len(said) / _CHARACTERS_A_TOKEN
        return tokens / max(self.seconds, 1e-3)

    def tokens_in(self, seconds: float) -> int:
        """Return how many tokens that is at this answer's speed; what a trial takes at most."""
        return max(1, min(_TOKENS, int(seconds * self.tokens_per_s)))


async def try_question(server: Client, served: Served, settings: EndpointSettings) -> Served:
    """Ask the trial question, in each manner that the server may need, and return what was found.

    The answer's form is asked for where the server then keeps it, and reasons as without.
    Raises one of ``failures.ERRORS``, or EngineError.
    """
    if served.form is Form.TOKENS:
        return _finding(served, await _ask(server, served, settings))
    held = replace(served, manner=Manner(Schema.JSON_SCHEMA))
    answer, held = await _ask_as_taken(server, held, settings)
    if held.manner.schema is not Schema.NONE and (answer.reason or not answer.reasons):
        free = replace(held, manner=replace(held.manner, schema=Schema.NONE))
        tokens = _TOKENS if answer.reason else answer.tokens_in(_COMPARED_S)
        freely, free = await _ask_as_taken(server, free, settings, tokens)
        if not freely.reason and (answer.reason or freely.reasons):
            answer, held = freely, free
    return _finding(held, answer)


def _finding(served: Served, answer: _Answer) -> Served:
    doubts = served.doubts
    if answer.reason:
        doubts += (f"the trial answer is {answer.reason}: {remedy(answer.reason)}",)
    return replace(served, tokens_per_s=answer.tokens_per_s, doubts=doubts)


async def _ask_as_taken(
    server: Client, served: Served, settings: EndpointSettings, tokens: int = _TOKENS
) -> tuple[_Answer, Served]:
    """Return an answer, and the manner in which the server took the question."""
    while True:
        try:
            return await _ask(server, served, settings, tokens), served
        except openai.APIStatusError as error:
            if error.status_code not in _REJECTED:
                raise
            manner = _without(served.manner, str(error.body))
            if manner is None:
                raise
            served = replace(served, manner=manner)


def _without(manner: Manner, said: str) -> Manner | None:
    """Return the manner without what a server says it does not take; None where nothing is left."""
    if manner.length in said and "max_completion_tokens" in said and manner.length == "max_tokens":
        return replace(manner, length="max_completion_tokens")
    if manner.effort and "reasoning_effort" in said:
        return replace(manner, effort=False)
    if manner.temperature and "temperature" in said:
        return replace(manner, temperature=False)
    match manner.schema:
        case Schema.JSON_SCHEMA:
            return replace(manner, schema=Schema.JSON_OBJECT)
        case Schema.JSON_OBJECT:
            return replace(manner, schema=Schema.NONE)
        case Schema.NONE:
            return None


async def _ask(
    server: Client, served: Served, settings: EndpointSettings, tokens: int = _TOKENS
) -> _Answer:
    """Return an answer; a server that takes no more for now is waited for, as long as for one."""
    question = question_of(TRIAL, _POST, served, tokens)
    give_up = time.monotonic() + settings.timeout
    while True:
        asked = time.monotonic()
        try:
            completion = completion_of(await server.ask(question), question, 0.0)
        except ERRORS as error:
            failure = failure_of(error, settings)
            wait = failure.retry_after or settings.backoff.most / 4
            if failure.again is not Again.REFUSED or asked + wait > give_up:
                raise
            await asyncio.sleep(wait)
        else:
            return _Answer(completion, time.monotonic() - asked)
