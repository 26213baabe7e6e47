"""Secrets are read where they are needed, and do not travel."""

import base64
import bz2
import pickle
import re
import zlib

import apache_beam as beam
import pytest

from tests.scripted_server import ScriptedServer
from weir.pipelines.errors import OptionError
from weir.pipelines.job.graph import moderate
from weir.pipelines.runners import job_options
from weir.pipelines.settings import ModerationSettings
from weir.pipelines.settings.storage import pseudonym_key
from weir.policies.loading import LIBRARY
from weir.transforms.secret import PSEUDONYM_KEY, Secret, SecretError, secret

VALUES = {
    "WEIR_ENDPOINT_KEY": "sk-the-key-of-the-endpoint",
    "WEIR_PSEUDONYM_KEY": "the-key-of-the-pseudonyms",
    "WEIR_KAFKA_SASL_PASSWORD": "the-password-of-kafka",
}


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    for name, value in VALUES.items():
        monkeypatch.setenv(name, value)
        monkeypatch.delenv(f"{name}_FILE", raising=False)


def unpacked(payload):
    """Return what pickles of a pipeline hold, which Beam has compressed."""
    found = [payload]
    for text in re.findall(rb"[A-Za-z0-9+/=]{40,}", payload):
        for decompress in (zlib.decompress, bz2.decompress):
            try:
                found.append(decompress(base64.b64decode(text)))
            except (OSError, ValueError, zlib.error):
                continue
    return b"".join(found)


@pytest.mark.parametrize("runner", [[], ["--runner=portable", "--job-endpoint=localhost:1"]])
def test_the_payload_of_a_pipeline_names_secrets_and_holds_none(runner):
    server = ScriptedServer()
    options = job_options(
        [
            "--brokers=kafka.example:9092",
            "--topics=posts",
            "--bigquery-project=p",
            f"--policies={LIBRARY}",
            "--security-protocol=SASL_PLAINTEXT",
            "--sasl-mechanism=PLAIN",
            "--sasl-username=weir",
            "--engine=endpoint",
            f"--endpoint-url={server.url}",
            "--author-field=author",
            "--store-text=hash",
            *runner,
        ]
    )
    settings = ModerationSettings.from_options(options)
    server.close()
    pipeline = beam.Pipeline(options=options, runner="FnApiRunner")
    moderate(pipeline, settings)
    payload = unpacked(pipeline.to_runner_api().SerializeToString())
    assert all(name.encode() in payload for name in VALUES)
    assert not any(value.encode() in payload for value in VALUES.values())


def test_a_secret_is_read_again_where_it_arrives(monkeypatch):
    sent = pickle.dumps(secret("WEIR_ENDPOINT_KEY"))
    monkeypatch.setenv("WEIR_ENDPOINT_KEY", "another")
    assert pickle.loads(sent) == "another"


def test_where_a_secret_does_not_arrive_the_error_says_what_to_set(monkeypatch):
    sent = pickle.dumps(secret("WEIR_ENDPOINT_KEY"))
    monkeypatch.delenv("WEIR_ENDPOINT_KEY")
    with pytest.raises(SecretError, match=r"\$WEIR_ENDPOINT_KEY is not set.*_FILE"):
        pickle.loads(sent)


def test_a_file_holds_a_secret_for_workers_that_have_no_variable(monkeypatch, tmp_path):
    (tmp_path / "key").write_text("from a file\n")
    monkeypatch.delenv("WEIR_ENDPOINT_KEY")
    monkeypatch.setenv("WEIR_ENDPOINT_KEY_FILE", str(tmp_path / "key"))
    sent = pickle.dumps(secret("WEIR_ENDPOINT_KEY"))
    monkeypatch.delenv("WEIR_ENDPOINT_KEY_FILE")
    assert pickle.loads(sent) == "from a file"


def test_a_file_that_is_not_there_is_one_sentence(monkeypatch):
    monkeypatch.setenv(f"{PSEUDONYM_KEY}_FILE", "/nowhere/key")
    monkeypatch.delenv(PSEUDONYM_KEY)
    with pytest.raises(OptionError, match="/nowhere/key cannot be read"):
        pseudonym_key("--author-field=author")


def test_a_secret_does_not_show_itself():
    assert VALUES["WEIR_ENDPOINT_KEY"] not in repr([Secret("WEIR_ENDPOINT_KEY")])


def test_without_a_variable_there_is_no_secret(monkeypatch):
    monkeypatch.setenv("WEIR_ENDPOINT_KEY", "\n")
    assert secret("WEIR_ENDPOINT_KEY") is None
