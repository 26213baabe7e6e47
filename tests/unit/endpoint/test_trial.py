"""One question says what a server takes, and what is wrong with its answer, before a job starts."""

import json
from dataclasses import replace

import pytest

from tests.scripted_server import SAFE, Reply, ScriptedServer, chat, error, models
from tests.unit.endpoint.cases import POLICY, QUICK
from weir.policies.policy import Contract
from weir.transforms.judge.endpoint.answer_schema import json_schema
from weir.transforms.judge.endpoint.check import check_endpoint
from weir.transforms.judge.endpoint.engine import EndpointEngine
from weir.transforms.judge.endpoint.request_body import question_of
from weir.transforms.judge.endpoint.settings import (
    EndpointSettings,
    Form,
    Manner,
    Schema,
    Served,
    fitting_concurrency,
    fitting_timeout,
)
from weir.transforms.judge.engine import Request

REASONED = chat(SAFE, "It says hello.")
PROSE = chat("Sure! The post is fine.")


class Particular(ScriptedServer):
    """Answers as ``replies`` say of the question's fields; the first that knows one decides."""

    def __init__(self, *replies, otherwise):
        super().__init__()
        self.replies, self.then = replies, otherwise

    def _next(self):
        body = self.questions[-1].body
        known = (reply for knows, reply in self.replies if knows(body))
        return next(known, self.then)


@pytest.fixture
def serving():
    """Make servers that answer by what a question has in it, and close them."""
    servers = []

    def make(*replies, otherwise=REASONED):
        servers.append(Particular(*replies, otherwise=otherwise))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


def found(server, **settings):
    return check_endpoint(EndpointSettings(server.url, backoff=QUICK, timeout=20, **settings))


def asks_for(kind):
    return lambda body: body.get("response_format", {}).get("type") == kind


def asks_for_any(body):
    return "response_format" in body


def test_the_form_of_an_answer_is_enforced_where_the_server_keeps_it_and_reasons(serving):
    server = serving()
    served = found(server)
    assert served.manner == Manner(Schema.JSON_SCHEMA)
    assert served.doubts == ()
    assert len(server.questions) == 1


def test_a_server_that_takes_the_schema_beside_json_object_gets_it_there(serving):
    server = serving((asks_for("json_schema"), error(422, "not 'json_schema'")))
    assert found(server).manner.schema is Schema.JSON_OBJECT
    assert "schema" in server.questions[-1].body["response_format"]


@pytest.mark.parametrize("refusal", [error(400), error(422), error(500), error(501)], ids=str)
def test_a_server_that_knows_no_schema_is_asked_without(serving, refusal):
    assert found(serving((asks_for_any, refusal))).manner.schema is Schema.NONE


def test_a_schema_that_costs_the_reasoning_is_not_asked_for(serving):
    server = serving((asks_for_any, chat(SAFE)))
    assert found(server).manner.schema is Schema.NONE


def test_a_model_that_never_reasons_is_held_to_the_form(serving):
    assert found(serving(otherwise=chat(SAFE))).manner.schema is Schema.JSON_SCHEMA


def test_a_schema_that_mends_the_answer_is_asked_for(serving):
    served = found(serving((asks_for_any, chat(SAFE)), otherwise=PROSE))
    assert served.manner.schema is Schema.JSON_SCHEMA
    assert served.doubts == ()


def test_a_schema_that_spoils_the_answer_is_not_asked_for(serving):
    served = found(serving((asks_for_any, PROSE), otherwise=REASONED))
    assert served.manner.schema is Schema.NONE
    assert served.doubts == ()


@pytest.mark.parametrize(
    ("reply", "reason", "way_out"),
    [
        (PROSE, "not_json", "gpt-oss-safeguard"),
        (chat(SAFE, finish="length"), "cut_off", "--endpoint-answer-tokens"),
        (chat(None, "It says hello."), "missing_final", "reasoning parser"),
        (chat(SAFE, prompt_tokens=9), "prompt_cut", "longer one"),
    ],
)
def test_an_answer_that_cannot_be_read_is_said_with_the_way_out(serving, reply, reason, way_out):
    (doubt,) = found(serving(otherwise=reply)).doubts
    assert f"the trial answer is {reason}: " in doubt
    assert way_out in doubt


def test_a_server_that_wants_the_newer_name_of_the_length_gets_it(serving):
    said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    server = serving((lambda body: "max_tokens" in body, error(400, said)))
    served = found(server)
    assert served.manner == Manner(Schema.JSON_SCHEMA, "max_completion_tokens")
    assert question_of(POLICY, "a", served, 9).body["max_completion_tokens"] == 9


@pytest.mark.parametrize(
    ("field", "manner"),
    [
        ("reasoning_effort", Manner(Schema.JSON_SCHEMA, effort=False)),
        ("temperature", Manner(Schema.JSON_SCHEMA, temperature=False)),
    ],
)
def test_a_field_that_a_server_does_not_take_is_left_out(serving, field, manner):
    server = serving((lambda body: field in body, error(400, f"{field} is not supported")))
    served = found(server)
    assert served.manner == manner
    assert field not in question_of(POLICY, "a", served, 9).body


def test_a_server_that_takes_no_more_for_now_is_waited_for(serving):
    server = serving()
    server.script = [error(429), error(429, headers={"Retry-After": "0.01"})]
    server._next = lambda: ScriptedServer._next(server)
    server.then = REASONED
    assert found(server).doubts == ()


# Lists of models


@pytest.mark.parametrize(
    ("listed", "asked"),
    [
        (error(404), "m"),
        (error(405), "m"),
        (Reply(body=[{"id": "gpt-oss-safeguard-20b"}]), "gpt-oss-safeguard-20b"),
        (models("openai/gpt-oss-safeguard-20b"), "openai/gpt-oss-safeguard-20b:nitro"),
        (models("openrouter/*"), "openrouter/openai/gpt-oss-safeguard-20b"),
    ],
    ids=["404", "405", "bare array", "suffix", "wildcard"],
)
def test_where_a_model_is_named_the_trial_question_decides(serving, listed, asked):
    server = serving()
    server.models = listed
    assert found(server, model=asked).model == asked
    assert server.questions[-1].body["model"] == asked


def test_a_model_that_is_not_listed_is_doubted(serving):
    (doubt,) = found(serving(), model="another").doubts
    assert "does not list --endpoint-model 'another'; it lists 'gpt-oss-safeguard:20b'" in doubt


def test_a_context_that_is_written_as_a_text_is_read(serving):
    server = serving()
    server.models = models("m", max_model_len="8192")
    assert found(server).context_tokens == 8192


# While the job runs


def test_only_answers_in_json_are_held_to_a_schema():
    served = Served("m", Form.CHAT, "", None, 1, manner=Manner(Schema.JSON_SCHEMA))
    label = replace(POLICY, contract=Contract.LABEL)
    assert "response_format" in question_of(POLICY, "a", served, 9).body
    assert "response_format" not in question_of(label, "a", served, 9).body


def test_the_schema_allows_what_the_policy_names_and_no_more():
    assert json_schema(POLICY)["properties"]["rule_ids"]["items"]["enum"] == ["R1"]
    assert "rule_ids" not in json_schema(replace(POLICY, rules={}))["properties"]
    short = replace(POLICY, text='Answer {"violation": 0|1, "policy_category": "spam"|null}.')
    assert list(json_schema(short)["properties"]) == ["violation", "policy_category"]


def test_a_policy_whose_schema_is_refused_is_asked_about_without(serving):
    server = serving((asks_for_any, error(400)), otherwise=chat(SAFE))
    served = Served("m", Form.CHAT, "", None, 1, manner=Manner(Schema.JSON_SCHEMA))
    engine = EndpointEngine(EndpointSettings(server.url, backoff=QUICK), served)
    try:
        (future,) = engine.submit([Request("1", "a post", POLICY)])
        assert json.loads(future.result(30).final) == {"violation": 0}
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("tokens_per_s", "concurrency", "seconds"),
    [(None, 8, 60), (5000, 128, 60), (25, 8, 320), (0.5, 8, 600)],
)
def test_an_attempt_may_take_what_the_trial_answer_says(tokens_per_s, concurrency, seconds):
    served = Served("m", Form.CHAT, "", None, concurrency, tokens_per_s=tokens_per_s)
    assert fitting_timeout(served) == seconds


@pytest.mark.parametrize(
    ("tokens_per_s", "taken", "concurrency"),
    [(None, 8, 8), (5000, 128, 128), (25, 8, 7), (5, 8, 1), (0.5, 8, 1)],
)
def test_a_slow_server_is_sent_as_many_at_once_as_it_answers_in_time(
    tokens_per_s, taken, concurrency
):
    served = Served("m", Form.CHAT, "", None, taken, tokens_per_s=tokens_per_s)
    assert fitting_concurrency(served) == concurrency


def test_a_slow_server_that_keeps_the_form_writes_no_long_answer_to_be_compared(
    serving, monkeypatch
):
    server = serving(otherwise=chat(SAFE, completion_tokens=1))
    monkeypatch.setattr("weir.transforms.judge.endpoint.trial._COMPARED_S", 0.0)
    assert found(server).manner.schema is Schema.JSON_SCHEMA
    assert [asked.body["max_tokens"] for asked in server.questions] == [512, 1]
