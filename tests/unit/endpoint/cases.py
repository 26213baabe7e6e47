"""What the tests of the endpoint engine ask, and of whom."""

from typing import Any

import pytest

from tests.scripted_server import (
    SAFE,
    Reply,
)
from weir.policies.policy import Policy
from weir.policies.vocabulary import encoding
from weir.transforms.judge.endpoint.settings import (
    Backoff,
    EndpointSettings,
    Form,
    Served,
)
from weir.transforms.judge.engine import EngineError, Request

KEY: Any = "sk-a-secret-key"


POST = "the private words of a post"


POLICY = Policy(
    policy_id="spam",
    title="Spam",
    owner="team",
    text="No spam.",
    labels={"1": "violates", "0": "safe"},
    rules={"R1": "adverts"},
)


CHAT = Served("gpt-oss-safeguard:20b", Form.CHAT, "library", None, concurrency=8)


TOKENS = Served("openai/gpt-oss-safeguard-20b", Form.TOKENS, "vllm", 8192, concurrency=8)


QUICK = Backoff(0.01, 0.05)


def settings_of(server, **settings):
    return EndpointSettings(
        **{"url": server.url, "key": KEY, "timeout": 20, "backoff": QUICK} | settings
    )


def requests(count=1, text=POST):
    return [Request(f"{n}-spam", text, POLICY) for n in range(count)]


def answer(engine, text=POST):
    return engine.submit(requests(text=text))[0].result(30)


def failure(engine):
    with pytest.raises(EngineError) as failed:
        answer(engine)
    return failed.value


def ids(text):
    """Return the ids of a model's output, its control tokens included."""
    return encoding().encode(text, allowed_special="all")


def tokens(text, finish="stop", logprobs=None, **usage):
    choice = {"index": 0, "token_ids": ids(text), "finish_reason": finish, "logprobs": logprobs}
    return Reply(body={"id": "1", "choices": [choice], "usage": usage or None})


ANSWERED = (
    "<|channel|>analysis<|message|>It is fine.<|end|>"
    f"<|start|>assistant<|channel|>final<|message|>{SAFE}<|return|>"
)
