"""What the endpoint engine asks a server, and what it makes of the answer."""

import math
from dataclasses import replace

import pytest

from tests.scripted_server import (
    SAFE,
    Reply,
    chat,
)
from tests.unit.endpoint.cases import (
    ANSWERED,
    CHAT,
    KEY,
    POLICY,
    POST,
    TOKENS,
    answer,
    failure,
    ids,
    settings_of,
    tokens,
)
from weir.transforms.judge.endpoint.check import check_endpoint
from weir.transforms.judge.harmony import messages as harmony
from weir.transforms.judge.harmony.prompt import render
from weir.transforms.judge.harmony.structure import label_tokens, structural_tag


def test_neither_key_nor_post_goes_by_a_proxy_to_this_machine(server, proxy_elsewhere, engine_of):
    served = check_endpoint(settings_of(server, retries=0))
    answer(engine_of(served, retries=0))
    assert server.questions[-1].body["messages"][-1]["content"] == POST


# The chat form


def test_the_policy_is_the_system_message_and_the_post_the_users(server, engine_of):
    answer(engine_of())
    (question,) = server.questions
    system, user = question.body["messages"]
    assert question.path == "/v1/chat/completions"
    assert (system["role"], user["role"]) == ("system", "user")
    assert POLICY.text in system["content"]
    assert POST not in system["content"]
    assert POST in user["content"]


def test_model_effort_and_key_go_with_a_question(server, engine_of):
    answer(engine_of())
    (question,) = server.questions
    assert question.body["model"] == CHAT.model
    assert question.body["reasoning_effort"] == "low"
    assert question.headers["authorization"] == f"Bearer {KEY}"


def test_llama_cpp_gets_the_effort_as_a_variable_of_its_template(server, engine_of):
    answer(engine_of(replace(CHAT, owner="llamacpp")))
    assert server.questions[0].body["chat_template_kwargs"] == {"reasoning_effort": "low"}


def test_the_final_answer_is_passed_on_unparsed(server, engine_of):
    server.script = [chat("I'm sorry, but I can't.")]
    assert answer(engine_of()).final == "I'm sorry, but I can't."


def test_an_answer_without_content_has_no_final(server, engine_of):
    server.script = [chat(None, reasoning="It says the post is safe.")]
    completion = answer(engine_of())
    assert completion.final is None
    assert completion.reasoning == "It says the post is safe."


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_the_reasoning_is_read_under_both_its_names(server, engine_of, field):
    message = {"content": SAFE, field: "because"}
    server.script = [Reply(body={"choices": [{"message": message, "finish_reason": "stop"}]})]
    assert answer(engine_of()).reasoning == "because"


def test_the_tokens_that_a_server_counts_stand_on_the_completion(server, engine_of):
    server.script = [
        chat(
            SAFE,
            prompt_tokens=500,
            completion_tokens=90,
            prompt_tokens_details={"cached_tokens": 448},
            completion_tokens_details={"reasoning_tokens": 70},
        )
    ]
    completion = answer(engine_of())
    assert (completion.tokens_in, completion.tokens_cached) == (500, 448)
    assert (completion.tokens_out, completion.tokens_reasoning) == (90, 70)
    assert completion.tokens_cut == 0
    assert completion.queue_ms is not None


def test_a_server_that_counts_nothing_is_no_error(server, engine_of):
    server.script = [chat(SAFE)]
    completion = answer(engine_of())
    assert completion.final == SAFE
    assert completion.tokens_in is None


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("MAX_TOKENS", "length"),
        ("eos", "stop"),
        ("eos_token", "stop"),
        ("content_filter", "content_filter"),
        ("tool_calls", "other"),
        ("uncertain", "other"),
        (None, "other"),
    ],
)
def test_only_known_words_for_an_end_are_taken_at_their_word(server, engine_of, said, meant):
    server.script = [chat(SAFE, finish=said)]
    assert answer(engine_of()).finish_reason == meant


# The tokens form


def test_the_prompt_travels_as_the_ids_that_harmony_rendered(server, engine_of):
    server.then = tokens(ANSWERED)
    answer(engine_of(TOKENS))
    (question,) = server.questions
    assert question.path == "/v1/completions"
    assert tuple(question.body["prompt"]) == render(POLICY, POST).tokens
    assert question.body["return_token_ids"] is True


def test_final_and_reasoning_are_read_from_the_ids_that_come_back(server, engine_of):
    server.then = tokens(ANSWERED, prompt_tokens=9, completion_tokens=30)
    completion = answer(engine_of(TOKENS))
    assert completion.final == SAFE
    assert completion.reasoning == "It is fine."
    assert completion.tokens_out == 30
    assert completion.tokens_reasoning == harmony.read(ids(ANSWERED)).tokens_reasoning


def test_an_answer_is_held_to_the_contract_of_its_policy(server, engine_of):
    server.then = tokens(ANSWERED)
    answer(engine_of(TOKENS))
    sent = server.questions[0].body
    tag = structural_tag(POLICY, sent["max_tokens"] - 1024)
    assert sent["structured_outputs"] == {"structural_tag": tag}
    assert sent["logprob_token_ids"] == list(label_tokens(POLICY))


def test_the_probability_is_read_where_the_label_was_written(server, engine_of):
    token_ids = ids(ANSWERED)
    one, zero = harmony.encode("1") + harmony.encode("0")
    nowhere: dict = {}
    there = {f"token_id:{zero}": math.log(0.6), f"token_id:{one}": math.log(0.2)}
    places = [there if token == zero else nowhere for token in token_ids]
    server.then = tokens(ANSWERED, logprobs={"top_logprobs": places})
    assert answer(engine_of(TOKENS)).probability == pytest.approx(0.25)


def test_an_answer_without_probabilities_is_no_error(server, engine_of):
    server.then = tokens(ANSWERED)
    assert answer(engine_of(TOKENS)).probability is None


def test_reasoning_that_was_cut_off_has_no_final(server, engine_of):
    server.then = tokens('<|channel|>analysis<|message|>So {"violation": 0}', finish="length")
    completion = answer(engine_of(TOKENS))
    assert completion.final is None
    assert completion.finish_reason == "length"


def test_an_answer_is_not_allowed_more_tokens_than_the_context_has_left(server, engine_of):
    server.then = tokens(ANSWERED)
    prompt = len(render(POLICY, POST).tokens)
    answer(engine_of(replace(TOKENS, context_tokens=prompt + 50)))
    assert server.questions[0].body["max_tokens"] == 50


def test_no_server_is_asked_for_more_tokens_than_its_context(server, engine_of):
    answer(engine_of(replace(CHAT, context_tokens=1000)))
    assert server.questions[0].body["max_tokens"] == 1000


def test_a_prompt_that_fills_the_context_is_not_sent(server, engine_of):
    prompt = len(render(POLICY, POST).tokens)
    failed = failure(engine_of(replace(TOKENS, context_tokens=prompt)))
    assert failed.reason == "too_long"
    assert server.questions == []
