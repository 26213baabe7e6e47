"""The endpoint engine against a real server on loopback, scripted to be every kind of bad one."""

import asyncio
import base64
import email.utils
import gzip
import json
import logging
import math
import pickle
import resource
import time
import zlib
from dataclasses import replace

import httpx2
import openai
import pytest

from tests.benchmarks.rate_limits import FixedWindow
from tests.scripted_server import (
    DROPS,
    HANGS,
    HTML,
    SAFE,
    Reply,
    ScriptedServer,
    chat,
    error,
    models,
)
from weir.policies.policy import Policy
from weir.transforms.judge.endpoint.breaker import Breaker
from weir.transforms.judge.endpoint.check import check_endpoint
from weir.transforms.judge.endpoint.engine import EndpointEngine
from weir.transforms.judge.endpoint.failures import failure_of
from weir.transforms.judge.endpoint.secrets import without_key
from weir.transforms.judge.endpoint.settings import (
    Backoff,
    EndpointError,
    EndpointSettings,
    Form,
    Served,
)
from weir.transforms.judge.engine import EngineError, Request
from weir.transforms.judge.harmony import messages as harmony
from weir.transforms.judge.harmony.prompt import render
from weir.transforms.judge.harmony.structure import label_tokens, structural_tag
from weir.transforms.judge.verdict import parse

KEY = "sk-a-secret-key"
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


@pytest.fixture
def server():
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture
def engine_of(server):
    """Make engines that ask the server, and close them."""
    engines = []

    def make(served=CHAT, **settings):
        engines.append(EndpointEngine(settings_of(server, **settings), served))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


def settings_of(server, **settings):
    return EndpointSettings(
        **{"url": server.url, "key": KEY, "timeout": 20, "backoff": QUICK} | settings
    )


def test_neither_key_nor_post_goes_by_a_proxy_to_this_machine(server, proxy_elsewhere, engine_of):
    served = check_endpoint(settings_of(server, retries=0))
    answer(engine_of(served, retries=0))
    assert server.questions[-1].body["messages"][-1]["content"] == POST


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
    from openai_harmony import load_harmony_encoding

    return load_harmony_encoding("HarmonyGptOss").encode(text, allowed_special="all")


def tokens(text, finish="stop", logprobs=None, **usage):
    choice = {"index": 0, "token_ids": ids(text), "finish_reason": finish, "logprobs": logprobs}
    return Reply(body={"id": "1", "choices": [choice], "usage": usage or None})


ANSWERED = (
    "<|channel|>analysis<|message|>It is fine.<|end|>"
    f"<|start|>assistant<|channel|>final<|message|>{SAFE}<|return|>"
)


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
    nowhere, there = {}, {f"token_id:{zero}": math.log(0.6), f"token_id:{one}": math.log(0.2)}
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


# What fails one request


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (error(401), "unauthorized"),
        (error(402), "payment_required"),
        (error(403), "forbidden"),
        (error(429, code="insufficient_quota"), "insufficient_quota"),
        (error(404), "unknown_model"),
        (error(400), "bad_request"),
        (error(422), "bad_request"),
        (error(413), "too_long"),
        (error(400, code="context_length_exceeded"), "too_long"),
        (error(400, "This model's maximum context length is 8192 tokens."), "too_long"),
        (error(400, "exceeds the available context size", type="exceed_context"), "too_long"),
    ],
    ids=str,
)
def test_what_will_not_pass_fails_at_once_and_alone(server, engine_of, reply, reason):
    engine = engine_of()
    server.script = [reply]
    assert failure(engine).reason == reason
    assert len(server.questions) == 1
    assert answer(engine).final == SAFE


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_neither_post_nor_key_is_sent_on_to_where_the_server_points(server, engine_of, status):
    other = ScriptedServer()
    try:
        pointing = Reply(status, headers={"Location": f"{other.url}/chat/completions"})
        server.script = [pointing]
        assert failure(engine_of()).reason == "redirected"
        server.models = pointing
        with pytest.raises(EndpointError, match="points elsewhere"):
            check_endpoint(settings_of(server))
        assert other.questions == []
        assert other.looked_up == 0
    finally:
        other.close()


@pytest.mark.parametrize(
    "refusal",
    [
        error(400, param="prompt", code="content_filter"),
        error(403, "Input was flagged", code=403, metadata={"reasons": ["violence"]}),
        Reply(body={"error": {"code": 403, "metadata": {"reasons": ["violence"]}}}),
        Reply(body={"error": {"code": "content_filter"}}),
    ],
    ids=["Azure", "a router", "a router in HTTP 200", "a code in HTTP 200"],
)
def test_what_a_content_filter_refuses_is_indeterminate_and_asked_once(server, engine_of, refusal):
    server.script = [refusal]
    verdict = parse(answer(engine_of()), POLICY)
    assert (verdict.outcome, verdict.reason) == ("indeterminate", "content_filter")
    assert len(server.questions) == 1


# What may pass


@pytest.mark.parametrize(
    "reply",
    [
        error(429),
        error(500),
        error(503),
        DROPS,
        Reply(body={"choices": []}, sent=5),
        HTML,
        Reply(body=b'{"choices": [{"message"'),
        Reply(body={"choices": None}),
        Reply(body={"error": {"message": "Provider returned error", "code": 429}}),
        Reply(body={"choices": [{"error": {"code": 502}, "finish_reason": "error"}]}),
        Reply(body=b"\xff\xfe"),
    ],
    ids=["429", "500", "503", "drop", "cut", "HTML", "half JSON", "no choices", "error in 200",
         "error in a choice", "no UTF-8"],
)  # fmt: skip
def test_what_may_pass_is_tried_again(server, engine_of, reply):
    server.script = [reply]
    assert answer(engine_of()).final == SAFE
    assert len(server.questions) == 2


@pytest.mark.parametrize(
    "reply",
    [HTML, Reply(body=b'{"choices": ['), Reply(body={"choices": None})],
    ids=["HTML", "half JSON", "no choices"],
)
def test_what_costs_tokens_each_time_is_tried_so_often_and_no_more(server, engine_of, reply):
    server.then = reply
    assert failure(engine_of(retries=2)).reason == "bad_response"
    assert len(server.questions) == 3


@pytest.mark.parametrize(
    "reply",
    [
        error(429),
        error(500),
        error(503, headers={"Retry-After": "0.01"}),
        DROPS,
        Reply(body={"error": {"code": 429}}),
        Reply(body={"error": {"message": "overloaded"}}),
    ],
    ids=["429", "500", "503", "drop", "429 in 200", "error in 200"],
)
def test_what_the_server_is_to_blame_for_is_waited_out(server, engine_of, reply):
    server.script = [reply] * 9
    assert answer(engine_of(retries=1)).final == SAFE
    assert len(server.questions) == 10


def test_a_limit_that_nobody_names_costs_no_answer(server, engine_of):
    server.limit = FixedWindow(10, 0.5)
    futures = engine_of().submit(requests(40))
    assert [future.result(30).final for future in futures] == [SAFE] * 40
    assert len(server.questions) > 40


def test_a_server_that_never_answers_fails_the_request_in_time(server, engine_of):
    server.then = HANGS
    engine = engine_of(timeout=0.2, retries=1)
    assert failure(engine).reason == "timeout"
    assert len(server.questions) == 2


def test_a_server_that_drips_its_answer_for_ever_is_given_up_too(server, engine_of):
    class Dripping(ScriptedServer):
        async def _send(self, reply, reader, writer):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not reader.at_eof() and not writer.is_closing():
                writer.write(b" ")
                await asyncio.sleep(0.02)
            return False

    dripping = Dripping()
    try:
        engine = engine_of(url=dripping.url, timeout=0.3, retries=0)
        assert failure(engine).reason == "timeout"
    finally:
        dripping.close()


def test_retry_after_holds_every_request_back(server, engine_of):
    engine = engine_of()
    server.script = [error(429, headers={"Retry-After": "1"})]
    first = engine.submit(requests())[0]
    assert server.arrived.acquire(timeout=240)
    while server.in_flight:
        time.sleep(0.01)
    time.sleep(0.1)  # for the answer to be read
    second = engine.submit(requests())[0]
    assert first.result(30).final == second.result(30).final == SAFE
    refused, *later = server.questions
    assert all(question.at - refused.at > 0.9 for question in later)


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("7", 7, 7),
        ("0.5", 0.5, 0.5),
        ("86400", 600, 600),
    ],
)
def test_retry_after_is_bounded(value, least, most):
    assert least <= _retry_after(value) <= most


def test_retry_after_may_be_a_date():
    assert 50 <= _retry_after(email.utils.formatdate(time.time() + 100, usegmt=True)) <= 100


@pytest.mark.parametrize("value", ["", "soon", "nan", "inf", "-3", "0", "Mon, 40 Foo 2026"])
def test_a_retry_after_that_says_nothing_is_left_out(value):
    assert _retry_after(value) is None


def test_retry_after_may_be_in_milliseconds():
    assert _retry_after("2", milliseconds="1500") == 1.5
    assert _retry_after("2", milliseconds="soon") == 2


def _retry_after(value, milliseconds=""):
    headers = {"Retry-After": value, "Retry-After-Ms": milliseconds}
    request = httpx2.Request("POST", "http://x/v1")
    response = httpx2.Response(429, headers=headers, request=request)
    refused = openai.RateLimitError("no", response=response, body=None)
    return failure_of(refused, EndpointSettings("http://x/v1")).retry_after


# While the server is down


def test_requests_wait_while_the_server_is_down_and_are_answered_when_it_is_back(server, engine_of):
    engine = engine_of(retries=1)
    server.down = True
    futures = engine.submit(requests(20))
    # Each could have failed twice by then.
    for _ in range(50):
        assert server.dropped.acquire(timeout=240)
    assert not any(future.done() for future in futures)
    server.down = False
    assert [future.result(30).final for future in futures] == [SAFE] * 20


def test_a_lone_request_waits_as_well(server, engine_of):
    engine = engine_of()
    server.down = True
    (future,) = engine.submit(requests())
    for _ in range(10):
        assert server.dropped.acquire(timeout=240)
    server.down = False
    assert future.result(30).final == SAFE


def test_a_request_that_waits_ends_when_its_caller_gives_it_up(server, engine_of):
    engine = engine_of()
    server.down = True
    (future,) = engine.submit(requests())
    for _ in range(5):
        assert server.dropped.acquire(timeout=240)
    assert future.cancel()
    server.down = False
    assert answer(engine).final == SAFE


def test_a_request_that_the_server_always_fails_at_does_not_keep_the_others_waiting(
    server, engine_of
):
    class Choosy(ScriptedServer):
        async def _send(self, reply, reader, writer):
            poisoned = self.questions and "poison" in json.dumps(self.questions[-1].body)
            reply = error(500) if poisoned and reply is self.then else reply
            return await super()._send(reply, reader, writer)

    choosy = Choosy()
    try:
        engine = engine_of(url=choosy.url, retries=2)
        poisoned = engine.submit(requests(text="poison"))[0]
        futures = engine.submit(requests(10))
        assert [future.result(30).final for future in futures] == [SAFE] * 10
        assert poisoned.exception(30).reason == "server_error"
    finally:
        choosy.close()


def test_when_the_server_is_back_one_request_passes_alone_until_it_has_succeeded():
    async def scenario():
        async def probe():
            return True

        breaker, passed, go = Breaker(1, QUICK, probe), [], asyncio.Event()

        async def request(number):
            async with breaker.admit():
                passed.append(number)
                await go.wait()
                breaker.record_success()

        breaker.record_failure()
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(request(number))
            while not passed:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            assert passed == [0]
            go.set()
        assert sorted(passed) == [0, 1, 2, 3, 4]

    asyncio.run(scenario())


def test_a_trial_that_fails_keeps_the_rest_waiting_and_lets_another_try():
    async def scenario():
        async def probe():
            return True

        breaker, passed = Breaker(1, QUICK, probe), []

        async def request(number):
            async with breaker.admit():
                passed.append(number)
                breaker.record_failure() if len(passed) < 3 else breaker.record_success()

        breaker.record_failure()
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(request(number))
        assert passed[:3] == [0, 1, 2]
        assert len(passed) == 5

    asyncio.run(scenario())


# Together


def test_no_more_requests_are_sent_at_once_than_the_capacity(server, engine_of):
    engine = engine_of(replace(CHAT, concurrency=3))
    server.then = replace(chat(SAFE), delay=0.02)
    assert engine.capacity == 3
    for future in engine.submit(requests(12)):
        future.result(30)
    assert server.most_in_flight == 3


def test_a_slow_answer_delays_no_other(server, engine_of):
    engine = engine_of()
    server.script = [HANGS]
    slow = engine.submit(requests())[0]
    assert server.arrived.acquire(timeout=240)
    assert [future.result(30).final for future in engine.submit(requests(5))] == [SAFE] * 5
    assert not slow.done()


def test_cancelling_a_future_aborts_its_http_request(server, engine_of):
    server.script = [HANGS]
    (future,) = engine_of().submit(requests())
    assert server.arrived.acquire(timeout=240)
    future.cancel()
    assert server.abandoned.acquire(timeout=240)


def test_closing_drops_what_is_outstanding_and_may_be_done_twice(server, engine_of):
    engine = engine_of()
    server.then = HANGS
    (future,) = engine.submit(requests())
    assert server.arrived.acquire(timeout=240)
    engine.close()
    engine.close()
    assert future.cancelled()
    assert server.abandoned.acquire(timeout=240)


@pytest.mark.parametrize("status", [200, 400])
def test_an_answer_that_unpacks_to_a_gigabyte_is_given_up_before_it_has(server, engine_of, status):
    packing = zlib.compressobj(wbits=31)
    packed = b"".join(packing.compress(bytes(1 << 20)) for _ in range(1024)) + packing.flush()
    gzipped = Reply(status, packed, {"Content-Encoding": "gzip"})
    server.then = gzipped
    engine = engine_of(retries=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert failure(engine).reason == "bad_response"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 << 10  # kilobytes


def test_a_packed_answer_of_the_usual_size_is_read(server, engine_of):
    answered = json.dumps(chat(SAFE).body).encode()
    server.then = Reply(body=gzip.compress(answered), headers={"Content-Encoding": "gzip"})
    assert answer(engine_of()).final == SAFE


def test_neither_the_key_nor_the_post_is_in_any_error_or_log_line(server, engine_of, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("openai", "httpx2", "httpcore2", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    echo = f"cannot judge {POST!r} with {KEY}"
    replies = [error(status, echo, code=echo) for status in (400, 401, 404, 413, 429, 500)]
    replies += [HTML, DROPS, Reply(body=echo.encode()), chat(SAFE)]
    engine = engine_of(retries=0)
    for reply in replies:
        server.script = [reply]
        (future,) = engine.submit(requests())
        failed = future.exception(30)
        said = "".join(map(str, (failed, failed.__cause__, failed.__context__))) if failed else ""
        assert KEY not in said
        assert POST not in said
    assert KEY not in caplog.text
    assert POST not in caplog.text
    assert KEY not in repr(settings_of(server))


# When a job starts


def test_the_only_model_of_a_server_needs_no_name(server):
    served = check_endpoint(settings_of(server))
    assert (served.model, served.form, served.owner) == (CHAT.model, Form.CHAT, "library")
    assert (served.context_tokens, served.concurrency) == (None, 8)


def test_a_name_without_a_tag_means_the_latest_as_it_does_to_ollama(server):
    server.models = models("llama:8b", "safeguard:latest")
    assert check_endpoint(settings_of(server, model="safeguard")).model == "safeguard:latest"


def test_a_gpt_oss_model_at_vllm_is_sent_tokens(server):
    server.models = models("judge", owner="vllm", root="/w/gpt-oss-20b", max_model_len=4096)
    server.then = tokens(ANSWERED)
    served = check_endpoint(settings_of(server, concurrency=5))
    assert (served.model, served.form, served.owner) == ("judge", Form.TOKENS, "vllm")
    assert (served.context_tokens, served.concurrency, served.is_gpt_oss) == (4096, 5, True)


def test_another_model_at_vllm_is_sent_chat(server):
    server.models = models("llama", owner="vllm", max_model_len=4096)
    assert check_endpoint(settings_of(server)).form is Form.CHAT


def test_the_form_that_is_asked_for_is_used(server):
    server.then = tokens(ANSWERED)
    assert check_endpoint(settings_of(server, form=Form.TOKENS)).form is Form.TOKENS


@pytest.mark.parametrize(
    ("listed", "asked", "settings", "message"),
    [
        (error(401), chat(SAFE), {}, "WEIR_ENDPOINT_KEY"),
        (None, error(401), {}, "WEIR_ENDPOINT_KEY"),
        (error(404), chat(SAFE), {}, "usually ends in /v1"),
        (HTML, chat(SAFE), {}, "usually ends in /v1"),
        (None, HTML, {}, "usually ends in /v1"),
        (DROPS, chat(SAFE), {}, "is the server up"),
        (error(500), chat(SAFE), {}, "its own log says why"),
        (HANGS, chat(SAFE), {"timeout": 0.2}, "--endpoint-timeout"),
        (None, error(404), {"model": "other"}, "it lists 'gpt-oss-safeguard:20b'"),
        (error(404), error(404), {"model": "other"}, "it lists no models"),
        (models("a", "b"), chat(SAFE), {}, "serves 'a', 'b': name one with --endpoint-model"),
        (models(), chat(SAFE), {}, "serves nothing"),
        (models("a", max_model_len=9), tokens(ANSWERED), {"form": Form.TOKENS}, "longer one"),
        (None, error(400, "no such parameter"), {}, "it says 'Error code: 400 - no such parameter"),
        (None, chat(SAFE), {"form": Form.TOKENS}, "--endpoint-form=chat"),
    ],
    ids=[
        "key refused by the list", "key refused by the question", "no list", "HTML for the list",
        "HTML for the question", "unreachable", "server error", "hang", "unknown model",
        "unknown model at a server without a list", "two models", "no model", "no room", "rejected",
        "no token ids",
    ],
)  # fmt: skip
def test_what_would_stop_the_job_is_found_before_it_starts(
    server, listed, asked, settings, message
):
    server.models = listed or server.models
    server.then = asked
    with pytest.raises(EndpointError) as found:
        check_endpoint(settings_of(server, **settings))
    assert message in str(found.value)
    assert KEY not in str(found.value)


def test_the_key_is_not_quoted_where_the_server_quotes_it(server):
    server.then = error(400, f"bad key {KEY}")
    with pytest.raises(EndpointError) as found:
        check_endpoint(settings_of(server))
    assert "bad key (key)" in str(found.value)


@pytest.mark.parametrize("before", [b"", b"Bearer ", b"k=", b"ab"])
def test_no_form_of_the_key_is_quoted(server, before):
    forms = [KEY.upper(), KEY[::-1], KEY.encode().hex()]
    said = " ".join(["no:", *forms])
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        digits = encode(before + KEY.encode() + b"?!").decode()
        first, last = len(before) * 4 // 3 + 1, (len(before) + len(KEY)) * 4 // 3
        forms.append(digits[first:last])
        said = f"{said} {digits} {digits[first:last]}"
    server.then = error(400, said)
    with pytest.raises(EndpointError) as found:
        check_endpoint(settings_of(server))
    said = str(found.value).lower()
    for form in forms:
        for start in range(len(form) - 7):
            assert form[start : start + 8].lower() not in said


def test_the_key_is_not_quoted_where_the_server_serves_it_as_a_model(server):
    server.models = models(base64.b64encode(KEY.encode()).decode(), KEY)
    with pytest.raises(EndpointError, match="name one with --endpoint-model") as found:
        check_endpoint(settings_of(server))
    assert KEY not in str(found.value)
    assert base64.b64encode(KEY.encode()).decode()[:8] not in str(found.value)


def test_what_a_server_says_is_legible_all_the_same():
    said = "no chat_template_kwargs; model openai/gpt-oss-safeguard-20b takes 131072 tokens"
    assert without_key(said, KEY, "openai/gpt-oss-safeguard-20b") == said


def test_certificates_that_the_environment_names_and_nobody_can_read_are_said(monkeypatch, server):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    with pytest.raises(EndpointError, match="SSL_CERT_FILE"):
        check_endpoint(settings_of(server))


# Settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "localhost:8000"}, "is no URL"),
        ({"url": "ftp://host/v1"}, "is no URL"),
        ({"url": "http://host:0/v1"}, "is no URL"),
        ({"url": "http://host:port/v1"}, "no readable host and port"),
        ({"url": "http://host/v1?key=1"}, "up to /v1"),
        ({"url": f"http://user:{KEY}@host/v1"}, "holds a user or a password"),
        ({"model": " "}, "name is empty"),
        ({"key": f"{KEY}\n"}, "is it whole"),
        ({"key": f"{KEY}é"}, "is it whole"),
        ({"key": ""}, "is it whole"),
        ({"concurrency": 0}, "concurrency is 0"),
        ({"timeout": 0}, "above 0"),
        ({"retries": -1}, "retries is -1"),
        ({"answer_tokens": 0}, "answer_tokens is 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, message):
    with pytest.raises(EndpointError) as refused:
        EndpointSettings(**{"url": "http://host/v1"} | settings)
    assert message in str(refused.value)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(("retries", "failures"), [(0, 1), (1, 1), (2, 2), (3, 3), (9, 3)])
def test_a_server_counts_as_down_before_the_retries_of_one_request_are_used_up(retries, failures):
    assert EndpointSettings("http://host/v1", retries=retries).failures_to_open == failures


def test_a_backoff_doubles_up_to_its_most():
    backoff = Backoff(first=1, most=8)
    for failures, whole in enumerate([1, 2, 4, 8, 8]):
        assert whole / 2 <= backoff.seconds(failures) <= whole
    assert backoff.seconds(10_000) <= 8


def test_settings_travel_to_a_worker():
    settings = EndpointSettings("http://host/v1/", key=KEY)
    assert pickle.loads(pickle.dumps((settings, TOKENS))) == (settings, TOKENS)
    assert settings.url == "http://host/v1"
