"""The example for a team's own CI does what it says: its steps are run as they are written."""

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from tests.scripted_server import ScriptedServer
from tests.unit.test_evaluate_command import LOUD, QUIET, answers, policies
from weir.pipelines.commands.cli import app

ROOT = Path(__file__).parents[2]
WORKFLOW = yaml.safe_load((ROOT / "infra/ci/github-actions.yml").read_text("utf-8"))
STEPS = {s["name"]: s["run"] for s in WORKFLOW["jobs"]["policies"]["steps"] if "name" in s}


@pytest.fixture
def server():
    server = ScriptedServer()
    yield server
    server.close()


# Asks the test to run the command, as it has imported what takes seconds.
WEIR = """\
import socket, sys
with socket.create_connection(("127.0.0.1", {port})) as test:
    test.sendall("\\0".join(sys.argv[1:]).encode())
    test.shutdown(socket.SHUT_WR)
    code, said = test.makefile(encoding="utf-8").read().split("\\0")
print(said)
sys.exit(int(code))
"""


def run(step, folder, server):
    """Run a step in the folder, its commands in this process."""
    with socket.create_server(("127.0.0.1", 0)) as asked, contextlib.chdir(folder):
        asked.settimeout(0.02)
        Path("weir.py").write_text(WEIR.format(port=asked.getsockname()[1]), "utf-8")
        weir = Path("bin", "weir")
        weir.parent.mkdir()
        weir.write_text(f'#!/bin/sh\nexec {sys.executable} -SE {folder}/weir.py "$@"\n', "utf-8")
        weir.chmod(0o755)
        environment = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "JUDGE_URL": server.url}
        with subprocess.Popen(
            ["bash", "-e", "-o", "pipefail", "-c", STEPS[step]], env=os.environ | environment
        ) as running:
            while running.poll() is None:
                with contextlib.suppress(TimeoutError):
                    answer(asked.accept()[0])
    return running.returncode


def answer(command):
    with command:
        command.settimeout(240)
        done = CliRunner().invoke(app, command.makefile(encoding="utf-8").read().split("\0"))
        command.sendall(f"{done.exit_code}\0{done.output}".encode())


@pytest.mark.parametrize(("flipped", "code"), [((), 0), (LOUD[:4], 1)])
def test_the_step_that_measures_fails_where_a_policy_got_worse(server, tmp_path, flipped, code):
    policies(tmp_path / "policies")
    server.by_post = answers(LOUD, QUIET, flipped=flipped)
    assert run("Do they decide their golden examples as labelled?", tmp_path, server) == code


def test_the_step_that_measures_fails_where_the_judge_cannot_be_asked(server, tmp_path):
    policies(tmp_path / "policies")
    server.down = True
    assert run("Do they decide their golden examples as labelled?", tmp_path, server) == 2


def test_the_step_that_checks_fails_where_a_policy_reads_badly(server, tmp_path, capfd):
    policies(tmp_path / "policies")
    assert run("Do the policies read well?", tmp_path, server) == 1
    assert "noise" in capfd.readouterr().out
