import pickle

import pytest

from tests.scripted_server import ScriptedServer, error
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.job import moderate
from weir.pipelines.options.job import JobOptions, read
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
