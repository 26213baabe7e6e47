"""What no job could be started with is refused before there is a job: by the words of its file."""

import shutil

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from typer.testing import CliRunner

from weir.errors import WeirError
from weir.pipelines.commands.cli import app
from weir.pipelines.settings import ModerationSettings
from weir.policies.loading import LIBRARY

NAMED = {"brokers": "kafka-1:9092", "topics": "posts", "bigquery-project": "p"}
ENDPOINT = {"engine": "endpoint", "endpoint-url": "http://127.0.0.1:1/v1"}
SASL = {"security-protocol": "SASL_SSL", "sasl-mechanism": "SCRAM-SHA-512", "sasl-username": "w"}
AVRO = {"format": "avro", "schema-registry": "https://registry:8081"}


def check(folder, options, *more):
    """Return the exit code of ``weir config check`` and what it printed of a file of options."""
    file = folder / "job.yaml"
    file.write_text("".join(f"{name}: '{value}'\n" for name, value in options.items()), "utf-8")
    ended = CliRunner().invoke(app, ["config", "check", str(file), *more])
    return ended.exit_code, ended.output


REFUSED = [
    ({"format": "avro"}, "the format avro needs a schema registry, or a schema file"),
    ({"format": "json-schema"}, "needs a schema registry"),
    (AVRO | {"format": "json"}, "messages in the format json have no schema"),
    (AVRO | {"schema-registry": "registry"}, "is no URL of a registry"),
    ({"flagged-format": "protobuf"}, "--flagged-format=protobuf needs --schema-registry"),
    ({"text-field": "a..b"}, "has an empty name in it"),
    ({"sasl-mechanism": "SCRAM"}, "--sasl-mechanism 'SCRAM' is unknown"),
    ({"security-protocol": "tls"}, "--security-protocol 'tls' is unknown"),
    ({"security-protocol": "SASL_SSL"}, "needs --sasl-mechanism"),
    ({"ssl-cafile": "ca.pem"}, "is of no use with --security-protocol=PLAINTEXT"),
    ({"stop": "tomorrow"}, "--stop 'tomorrow': give never, latest"),
    ({"start": "yesterday"}, "--start 'yesterday': give earliest, latest"),
    ({"start": "group", "group": "none"}, "--start=group needs a group"),
    ({"topics": "^a("}, "this is none"),
    ({"topics": "posts,weir-flagged"}, "--topics names an output topic"),
    ({"judge-together": "true"}, "--judge-together needs a judge that reads policies"),
    ({"engine": "endpoint"}, "--endpoint-url is missing"),
    (ENDPOINT | {"endpoint-url": "judge"}, "is no URL"),
    ({"engine": "vllm", "engine-settings": "batch=3"}, "'batch=3' is not NAME=VALUE of one of"),
    ({"provisional": "true", "mode": "shadow"}, "flags nothing with --mode=shadow"),
    (
        {"stages": "judge", "topics": "weir-deferred", "budget-share": "0.5"},
        "a job that reads the deferred topic writes to it: give --stop=latest",
    ),
    ({"judge-min-ram": "much"}, "--judge-accelerator or --judge-min-ram"),
]
OF_A_START = [
    ({"taught-screen": "/t", "stop": "latest"}, "--taught-screen: a job with a --stop"),
    ({"runner": "dataflow"}, "--runner=dataflow needs --project"),
    ({"runner": "portable"}, "--runner=portable needs --job-endpoint"),
    (
        {"runner": "flink", "metrics-port": "9090"},
        "--metrics-port serves what this process counts",
    ),
    ({"runner": "prism", "resume": "true"}, "--resume is for --runner=flink"),
]


@pytest.mark.parametrize(("options", "said"), [*REFUSED, *OF_A_START])
def test_a_file_that_no_job_could_start_with_is_refused(tmp_path, options, said):
    code, output = check(tmp_path, NAMED | options)
    assert code == 2
    assert f"weir: {tmp_path / 'job.yaml'}: " in output
    assert said in output


@pytest.mark.parametrize(("options", "said"), REFUSED)
def test_a_job_refuses_the_same_in_the_same_words(options, said):
    flags = [f"--{name}={value}" for name, value in (NAMED | options).items() if value != "true"]
    switches = [f"--{name}" for name, value in options.items() if value == "true"]
    with pytest.raises(WeirError) as refused:
        ModerationSettings.from_options(PipelineOptions([*flags, *switches]))
    assert said in str(refused.value)


@pytest.mark.parametrize("brokers", ["kafka-1", "kafka-1:9092,kafka-2", "k:99999", "u:pw@k:9092"])
def test_brokers_without_a_port_are_refused_at_their_line(tmp_path, brokers):
    code, output = check(tmp_path, NAMED | {"brokers": brokers})
    assert code == 2
    assert "job.yaml:1: brokers is" in output
    assert "give HOST:PORT, such as kafka-1:9092" in output
    assert "pw" not in output


@pytest.mark.parametrize(
    "options",
    [
        {"brokers": "[::1]:9092, SSL://k.example:9093"},
        SASL,
        {"security-protocol": "SASL_SSL", "sasl-mechanism": "AWS_MSK_IAM"},
        AVRO | {"flagged-format": "avro"},
        {"author-field": "author", "store-text": "hash"},
        ENDPOINT | {"judge-together": "true"},
        {"engine": "vllm"},
        {"policies": "gs://bucket/policies", "screen": "s3://bucket/screen"},
        {"stages": "judge", "topics": "weir-deferred", "budget-share": "0.5", "stop": "latest"},
    ],
    ids=" ".join,
)
def test_what_has_to_be_asked_for_is_taken_as_it_is_said(tmp_path, options, monkeypatch):
    monkeypatch.delenv("WEIR_KAFKA_SASL_PASSWORD", raising=False)
    monkeypatch.delenv("WEIR_PSEUDONYM_KEY", raising=False)
    assert check(tmp_path, NAMED | options)[0] == 0


def test_brokers_topics_and_the_project_may_be_left_to_the_command_line(tmp_path):
    assert check(tmp_path, {"audit-rate": "0.02"})[0] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"policies": "nowhere"}, "nowhere: there is no such folder"),
        ({"screen": "nowhere"}, "nowhere"),
        ({"format": "avro", "schema-file": "nowhere.avsc"}, "--schema-file nowhere.avsc cannot be"),
        ({"security-protocol": "SSL", "ssl-cafile": "nowhere.pem"}, "--ssl-cafile nowhere.pem"),
    ],
)
def test_what_is_to_be_on_this_machine_is_looked_for_unless_the_job_runs_elsewhere(
    tmp_path, options, said
):
    code, output = check(tmp_path, NAMED | options)
    assert code == 2
    assert said in output
    assert check(tmp_path, NAMED | options, "--elsewhere")[0] == 0


def test_a_policy_that_does_not_load_is_named(tmp_path):
    shutil.copytree(LIBRARY / "spam", tmp_path / "policies" / "spam")
    (tmp_path / "policies" / "spam" / "policy.md").write_text("no policy", "utf-8")
    code, output = check(tmp_path, NAMED | {"policies": str(tmp_path / "policies")})
    assert code == 2
    assert "policy.md" in output
