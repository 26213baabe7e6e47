"""What is found out of a server, and refused, before a job starts."""

import base64
import pickle
from dataclasses import replace

import pytest

from tests.scripted_server import (
    DROPS,
    HANGS,
    HTML,
    SAFE,
    chat,
    error,
    models,
)
from tests.unit.endpoint.cases import (
    ANSWERED,
    CHAT,
    KEY,
    TOKENS,
    settings_of,
    tokens,
)
from tests.unit.judging.cases import POLICY
from weir.pipelines.options.judging import EndpointOptions, JudgeOptions
from weir.pipelines.settings.engines import engine_factory
from weir.policies.policy import Effort, PolicySet
from weir.transforms.judge.endpoint.check import check_endpoint
from weir.transforms.judge.endpoint.key_masking import without_key
from weir.transforms.judge.endpoint.settings import (
    Backoff,
    EndpointError,
    EndpointSettings,
    Form,
)

# When a job starts


def test_the_only_model_of_a_server_needs_no_name(server):
    served = check_endpoint(settings_of(server))
    assert (served.model, served.form, served.owner) == (CHAT.model, Form.CHAT, "library")
    assert (served.context_tokens, served.concurrency) == (None, 8)


TWO_EFFORTS = replace(POLICY, second_effort=Effort.HIGH)


@pytest.mark.parametrize(
    ("policy", "owner", "warned"),
    [(TWO_EFFORTS, "library", True), (TWO_EFFORTS, "vllm", False), (POLICY, "library", False)],
)
def test_it_is_said_where_doubt_is_not_told_by_a_probability(server, caplog, policy, owner, warned):
    server.models = models("gpt-oss-20b", owner=owner)
    server.then = tokens(ANSWERED) if owner == "vllm" else server.then
    said = EndpointOptions(endpoint_url=server.url)
    engine_factory(JudgeOptions(engine="endpoint"), said, PolicySet((policy,)))
    assert ("gives no probabilities, so a post under spam" in caplog.text) is warned


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
