"""Complete answers of servers that are nearly like OpenAI's are read, and their twins are not."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.endpoint import cases
from weir.transforms.judge.endpoint.chat_message import read_message
from weir.transforms.judge.endpoint.failures import ErrorAnsweredError
from weir.transforms.judge.endpoint.model_list import Model, models
from weir.transforms.judge.endpoint.request_body import question_of
from weir.transforms.judge.endpoint.response_body import completion_of
from weir.transforms.judge.endpoint.settings import Form, Served
from weir.transforms.judge.endpoint.untrusted_json import GarbledError
from weir.transforms.judge.harmony import messages as harmony
from weir.transforms.judge.verdict import parse
from weir.transforms.records import Outcome

POLICY = replace(cases.POLICY, rules={"SPAM1": "bulk"})
CHAT = Served("m", Form.CHAT, "", None, concurrency=1)
QUESTION = question_of(POLICY, "a post", CHAT, 100)
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
    final = read_message("".join(pieces)).final
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


def cut_at(tokens_in, post, served=CHAT, **cached):
    """Return the verdict on an answer "safe" of a server that counts so many prompt tokens."""
    usage = {"prompt_tokens": tokens_in, "prompt_tokens_details": cached}
    choice = {"message": {"content": SAFE}, "finish_reason": "stop"}
    body = json.dumps({"choices": [choice], "usage": usage}).encode()
    return parse(completion_of(body, question_of(POLICY, post, served, 100), 0.0), POLICY)


LONG_POST = "word " * 4000  # and of each a token
GPT_OSS = replace(CHAT, is_gpt_oss=True)


@pytest.mark.parametrize(("tokens_in", "served"), [(1500, CHAT), (3500, GPT_OSS), (1, GPT_OSS)])
def test_an_answer_to_a_prompt_that_the_server_cut_decides_nothing(tokens_in, served):
    verdict = cut_at(tokens_in, LONG_POST, served)
    assert (verdict.outcome, verdict.reason) == (Outcome.INDETERMINATE, "prompt_cut")


@pytest.mark.parametrize(
    ("tokens_in", "served", "cached"),
    [
        (4300, GPT_OSS, {}),
        (2500, CHAT, {}),  # of another vocabulary
        (1200, GPT_OSS, {"cached_tokens": 3100}),  # counted apart
        (0, GPT_OSS, {}),  # not counted
        (None, GPT_OSS, {}),
    ],
)
def test_a_prompt_that_may_have_been_read_in_whole_is_not_cut(tokens_in, served, cached):
    assert cut_at(tokens_in, LONG_POST, served, **cached).outcome == Outcome.SAFE


def test_white_space_that_a_template_drops_is_not_cut():
    assert cut_at(150, "\n \n" * 3000, GPT_OSS).outcome == Outcome.SAFE


def test_token_ids_are_read_in_whole_or_they_were_cut():
    served = replace(GPT_OSS, form=Form.TOKENS)
    asked = question_of(POLICY, "a post", served, 100)
    ids = [harmony.CHANNEL, *harmony.encode("final"), harmony.MESSAGE, *harmony.encode(SAFE)]
    choice = {"token_ids": [*ids, harmony.RETURN], "finish_reason": "stop"}
    sent = len(asked.body["prompt"])
    for counted, outcome in ((sent, Outcome.SAFE), (sent - 1, Outcome.INDETERMINATE)):
        body = json.dumps({"choices": [choice], "usage": {"prompt_tokens": counted}})
        assert parse(completion_of(body.encode(), asked, 0.0), POLICY).outcome == outcome


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
