"""The endpoint engine against a real server on loopback that is every kind of bad one."""

import asyncio
import email.utils
import gzip
import json
import logging
import resource
import threading
import time
import zlib

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
)
from tests.unit.endpoint.cases import (
    KEY,
    POLICY,
    POST,
    answer,
    failure,
    requests,
    settings_of,
)
from weir.transforms.judge.endpoint.check import check_endpoint
from weir.transforms.judge.endpoint.failures import failure_of
from weir.transforms.judge.endpoint.pace import Pace
from weir.transforms.judge.endpoint.settings import (
    EndpointError,
    EndpointSettings,
)
from weir.transforms.judge.verdict import parse

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
    for _ in range(2):  # the server may come to read it only now
        assert server.arrived.acquire(timeout=240)
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


def test_retry_after_holds_every_request_back(server, engine_of, monkeypatch):
    told, record = threading.Event(), Pace.record_refusal

    def recorded(*refusal):
        record(*refusal)
        told.set()

    monkeypatch.setattr(Pace, "record_refusal", recorded)
    engine = engine_of()
    server.script = [error(429, headers={"Retry-After": "1"})]
    first = engine.submit(requests())[0]
    assert told.wait(240)
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


@pytest.mark.parametrize("status", [200, 400])
def test_an_answer_that_unpacks_to_a_gigabyte_is_given_up_before_it_has(server, engine_of, status):
    packing = zlib.compressobj(wbits=31)

    def megabyte():
        return packing.compress(bytes(1 << 20)) + packing.flush(zlib.Z_FULL_FLUSH)

    # The first has the header; one that follows a full flush may be said again and again.
    packed = megabyte() + megabyte() * 1023
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
