"""``weir console``: what is wrong with its options is one sentence and exit code 2."""

import hashlib
import re
import socket
import sys

import pytest
from typer.testing import CliRunner

from weir.pipelines.commands.cli import app
from weir.pipelines.console.access_file import read_access

PROJECT = ["--bigquery-project", "p", "--port", "0"]


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield str(listening.getsockname()[1])


def console(*options):
    return CliRunner().invoke(app, ["console", *options])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--bigquery-project is missing"),
        ([*PROJECT, "--host", "0.0.0.0"], "--host 0.0.0.0 is reached by others"),
        ([*PROJECT, "--host", "::"], "--host :: is reached by others"),
        ([*PROJECT, "--host", "console.example.org"], "give --access FILE"),
        ([*PROJECT, "--access", "nowhere.yaml"], "nowhere.yaml: No such file"),
        ([*PROJECT, "--policies", "nowhere"], "--policies nowhere is no folder"),
        ([*PROJECT, "--run", "a/b"], "--run 'a/b'"),
        ([*PROJECT, "--endpoint-url", "http://127.0.0.1:1"], "is for --engine=endpoint"),
        ([*PROJECT, "--new-token", " "], "needs the name of a person"),
    ],
)
def test_what_cannot_work_is_refused(options, said):
    result = console(*options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_named(taken):
    result = console(*PROJECT[:2], "--port", taken)
    assert result.exit_code == 2
    assert f"--port {taken}: Address already in use; give another" in result.stderr


def test_a_file_of_access_that_is_not_understood_is_refused_with_its_line(tmp_path):
    path = tmp_path / "people.yaml"
    path.write_text("people:\n- {name: ada, role: boss, token_sha256: x}\n")
    result = console(*PROJECT, "--access", str(path))
    assert result.exit_code == 2
    assert "people.yaml:2: ada has the role 'boss'" in result.stderr


def test_an_extra_that_is_missing_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "weir.pipelines.console.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = console(*PROJECT)
    assert result.exit_code == 2
    assert "weir-moderation[console]" in result.stderr


def test_a_new_token_is_shown_once_and_its_lines_are_understood(tmp_path):
    result = console("--new-token", "Grace: H")
    token = re.search(r"shown once: (\S+)", result.stdout)[1]
    lines = result.stdout.partition("below people:\n")[2]
    path = tmp_path / "people.yaml"
    path.write_text(f"people:\n{lines}")
    assert read_access(path).person({}, token).name == "Grace: H"
    assert token not in lines
    assert hashlib.sha256(token.encode()).hexdigest() in lines
