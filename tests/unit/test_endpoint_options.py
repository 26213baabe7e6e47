import logging
import pickle
from dataclasses import replace

import pytest

from tests.scripted_server import ScriptedServer, error
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.job import moderate
from weir.pipelines.options.job import JobOptions, read
from weir.pipelines.runners import job_options
from weir.pipelines.settings import ModerationSettings
from weir.pipelines.settings.engines import engine_factory
from weir.policies.policy import PolicySet
from weir.transforms.judge.endpoint.settings import EndpointError

KEY = "sk-a-secret-key"


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    for name in ("WEIR_ENDPOINT_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server():
    server = ScriptedServer()
    yield server
    server.close()


def factory(*arguments):
    said = JobOptions.of(read(arguments)[0])
    return engine_factory(said.judge, said.endpoint, PolicySet(()))


def endpoint(server, *arguments):
    return factory("--engine=endpoint", f"--endpoint-url={server.url}", *arguments)


def test_the_factory_travels_to_a_worker_and_makes_the_engine_that_the_check_found(server):
    engine = pickle.loads(pickle.dumps(endpoint(server, "--endpoint-concurrency=3")))()
    try:
        assert (engine.name, engine.model) == ("endpoint", "gpt-oss-safeguard:20b")
        assert engine.capacity == 3
    finally:
        engine.close()


def test_a_slow_start_is_waited_for_longer_than_an_attempt_and_says_so(server, monkeypatch, caplog):
    monkeypatch.setattr("weir.pipelines.settings.endpoint._SAID_AFTER_S", 0.01)
    server.then = replace(server.then, delay=0.3)
    caplog.set_level(logging.INFO)
    assert endpoint(server).served.model == "gpt-oss-safeguard:20b"
    assert f"waiting for the trial answer of {server.url}, up to 600 s" in caplog.text


def test_an_engine_that_was_checked_is_not_checked_again(server):
    made = endpoint(server)
    asked = len(server.questions)
    options = job_options(
        [
            *("--brokers=127.0.0.1:1", "--topics=posts", "--bigquery-project=p", "--stop=latest"),
            *("--engine=endpoint", f"--endpoint-url={server.url}"),
        ]
    )
    assert ModerationSettings.from_options(options, made).engine is made
    assert len(server.questions) == asked


def test_the_key_is_read_from_the_environment(server, monkeypatch):
    monkeypatch.setenv("WEIR_ENDPOINT_KEY", f"{KEY}\n")
    made = endpoint(server)
    assert server.questions[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(made)


def test_another_providers_key_is_not_sent_to_the_server(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    endpoint(server)
    assert KEY not in server.questions[0].headers.get("authorization", "")


def test_an_option_of_vllm_is_refused_where_another_engine_judges():
    with pytest.raises(OptionError, match="--model is for --engine=vllm"):
        factory("--engine=exemplar", "--model=another")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--engine=endpoint"], "--endpoint-url is missing"),
        (["--engine=endpoint", "--endpoint-url=here"], "is no URL"),
        (["--engine=endpoint", "--endpoint-url=http://h/v1", "--endpoint-retries=-1"], "retries"),
        (["--endpoint-model=m"], "--endpoint-model is for --engine=endpoint"),
        (["--endpoint-concurrency=5"], "--endpoint-concurrency is for --engine=endpoint"),
    ],
)
def test_options_that_cannot_work_together_are_refused(arguments, message):
    with pytest.raises(OptionError, match=message):
        factory(*arguments)


def test_a_server_that_cannot_serve_the_job_ends_it_with_exit_code_2(server, capsys):
    server.then = error(401)
    with pytest.raises(SystemExit) as ended, report_errors():
        endpoint(server)
    assert isinstance(ended.value.__cause__, EndpointError)
    assert ended.value.code == 2
    assert "set WEIR_ENDPOINT_KEY" in capsys.readouterr().err


def test_the_help_of_the_job_names_the_options_and_where_the_key_is_read_from():
    assert "--endpoint-url" in moderate.help_text()
    assert "$WEIR_ENDPOINT_KEY" in moderate.help_text()
