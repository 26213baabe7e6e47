"""Complete answers of servers that are nearly like OpenAI's are read, and their twins are not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.policies.policy import Policy
from weir.transforms.judge.endpoint.answers import completion_of
from weir.transforms.judge.endpoint.bodies import GarbledError
from weir.transforms.judge.endpoint.failures import ErrorAnsweredError
from weir.transforms.judge.endpoint.message import said
from weir.transforms.judge.endpoint.settings import Form, Served
from weir.transforms.judge.endpoint.wire import Model, models, question
from weir.transforms.judge.verdict import parse
from weir.transforms.records import Outcome

POLICY = Policy(
    policy_id="spam",
    title="Spam",
    owner="team",
    text="No spam.",
    labels={"1": "violates", "0": "safe"},
    rules={"SPAM1": "bulk"},
)
QUESTION = question(POLICY, "a post", Served("m", Form.CHAT, "", None, concurrency=1), 100)
VIOLATES = '{"violation": 1, "rule_ids": ["SPAM1"]}'
SAFE = '{"violation": 0}'
HARMONY = "<|channel|>analysis<|message|>Bulk.<|end|><|start|>assistant<|channel|>final<|message|>"


def completion(content, finish="stop", usage=None, **message):
    choice = {"message": {"content": content, **message}, "finish_reason": finish}
    body = json.dumps({"choices": [choice], "usage": usage})
    return completion_of(body.encode(), QUESTION, 0.0)


def verdict(content, **more):
    return parse(completion(content, **more), POLICY)


def text(value):
    return {"type": "text", "text": value}


THINKING = {"type": "thinking", "thinking": [text("Bulk.")]}


@pytest.mark.parametrize(
    "content",
    [
        f"```json\n{VIOLATES}\n```",
        f"<reasoning>Bulk.</reasoning>{VIOLATES}",
        f"<think>\nBulk.\n</think>\n\n{VIOLATES}",
        f"<think></think>```\n{VIOLATES}\n```",
        f"{HARMONY}{VIOLATES}",
        f"{HARMONY}{VIOLATES}<|return|>",
        f"<|channel|>final <|constrain|>json<|message|>{VIOLATES}<|end|>",
        [THINKING, text(VIOLATES)],
        [text(VIOLATES[:10]), text(VIOLATES[10:])],
        [VIOLATES],
    ],
)
def test_an_answer_that_can_mean_one_thing_only_is_read(content):
    read = verdict(content)
    assert (read.outcome, read.rule_ids) == (Outcome.VIOLATES, ("SPAM1",))


@pytest.mark.parametrize(
    "content",
    [
        f"<reasoning>Bulk.</reasoning>{SAFE}",
        f"{HARMONY}{SAFE}",
        [THINKING, text(SAFE)],
    ],
)
def test_the_reasoning_is_kept_apart(content):
    assert verdict(content).outcome == Outcome.SAFE
    assert completion(content).reasoning == "Bulk."


def test_the_reasoning_is_read_in_any_form():
    assert completion(SAFE, reasoning={"text": "hm"}).reasoning == "hm"
    assert completion(SAFE, reasoning_content=[text("h"), "m"]).reasoning == "hm"
    assert completion(SAFE, reasoning=7).reasoning is None


@pytest.mark.parametrize(
    "content",
    [
        f"Here it is: {SAFE}",
        f"<reasoning>{SAFE}</reasoning>",
        f"<reasoning>{SAFE}",
        f"<reasoning>It says </reasoning>{SAFE} here.</reasoning>{VIOLATES}",
        f"<reasoning>It says <reasoning></reasoning>{SAFE}",
        f"<think>Fine.</thinking>{SAFE}",
        f"Fine.</think>{SAFE}",
        f"Well. <think>Fine.</think>{SAFE}",
        f"<|channel|>analysis<|message|>{SAFE}",
        f"<|channel|>analysis<|message|>{SAFE}<|end|>",
        f"{HARMONY}{SAFE}<|end|><|start|>assistant<|channel|>final<|message|>{VIOLATES}",
        f"{HARMONY}{SAFE} it is<|end|>{SAFE}",
        f"<|channel|>commentary<|message|>{SAFE}<|end|>",
        f"<|start|>user<|channel|>final<|message|>{SAFE}",
        f"analysisFine.assistantfinal{SAFE}",  # words that a post could have made it say
        [THINKING],
        [text(SAFE), {"type": "tool_use", "input": {}}],
        [text(SAFE), text(VIOLATES)],
        [{"type": "text", "text": [SAFE]}],
        {"text": SAFE},
        None,
    ],
)
def test_an_answer_that_might_mean_another_is_indeterminate(content):
    assert verdict(content).outcome == Outcome.INDETERMINATE


@given(
    st.lists(
        st.sampled_from(
            [
                *(SAFE, VIOLATES, "<think>", "</think>", "<|end|>", "<|start|>assistant", "a"),
                *("<|channel|>analysis<|message|>", "<|channel|>final<|message|>", "<|return|>"),
                *(" ", "```"),
            ]
        ),
        max_size=9,
    )
)
def test_the_last_of_what_was_said_decides_or_nothing_does(pieces):
    final = said("".join(pieces)).final
    read = verdict("".join(pieces))
    if read.outcome == Outcome.SAFE:
        assert VIOLATES not in final
        assert [piece for piece in pieces if piece in (SAFE, VIOLATES)][-1] == SAFE


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"prompt_tokens": 900, "completion_tokens": 40}, (900, 40)),
        ({"prompt_tokens": 900, "completion_tokens": -35}, (900, None)),
        ({"prompt_tokens": 900.5, "completion_tokens": 40.0}, (None, 40)),
        ({"prompt_tokens": "900", "completion_tokens": "some"}, (900, None)),
        ({"prompt_tokens": True, "completion_tokens": 1 << 70}, (None, None)),
        ([], (None, None)),
        ("none", (None, None)),
    ],
)
def test_an_odd_count_spoils_no_answer(given, read):
    counted = completion(SAFE, usage=given)
    assert parse(counted, POLICY).outcome == Outcome.SAFE
    assert (counted.tokens_in, counted.tokens_out) == read


def test_an_odd_detail_of_the_counts_is_left_out():
    usage = {"prompt_tokens_details": [], "completion_tokens_details": {"reasoning_tokens": "9"}}
    assert completion(SAFE, usage=usage).tokens_reasoning == 9
    assert completion(SAFE, usage=usage).tokens_cached is None


@pytest.mark.parametrize("body", [b'{"choices": null}', b"{}", b"[]", b"7", b"<html>"])
def test_a_body_without_an_answer_is_no_answer(body):
    with pytest.raises(GarbledError):
        completion_of(body, QUESTION, 0.0)


def test_an_error_inside_http_200_is_an_error():
    with pytest.raises(ErrorAnsweredError):
        completion_of(b'{"error": {"message": "no", "code": 429}}', QUESTION, 0.0)


@pytest.mark.parametrize(
    ("body", "listed"),
    [
        (b'[{"id": "m"}]', [Model("m")]),
        (b'{"data": [{"id": "m", "max_model_len": "8192"}]}', [Model("m", max_model_len=8192)]),
        (b'{"data": [{"id": 7}, null, {"id": "m", "owned_by": {}}]}', [Model("m")]),
        (b'{"data": null}', []),
    ],
)
def test_a_list_of_models_is_read_as_far_as_it_can_be(body, listed):
    assert models(body) == listed
