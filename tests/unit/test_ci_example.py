"""The example for a team's own CI does what it says: its steps are run as they are written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.scripted_server import ScriptedServer
from tests.unit.test_evaluate_command import LOUD, QUIET, answers, policies

ROOT = Path(__file__).parents[2]
WORKFLOW = yaml.safe_load((ROOT / "infra/ci/github-actions.yml").read_text("utf-8"))
STEPS = {s["name"]: s["run"] for s in WORKFLOW["jobs"]["policies"]["steps"] if "name" in s}


@pytest.fixture
def server():
    server = ScriptedServer()
    yield server
    server.close()


def run(step, folder, server):
    weir = folder / "bin" / "weir"
    if not weir.exists():
        weir.parent.mkdir()
        start = "from weir.pipelines.commands.cli import app; app()"
        weir.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{start}" "$@"\n', "utf-8")
        weir.chmod(0o755)
    places = {"PATH": f"{weir.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", STEPS[step]],
        cwd=folder,
        env=os.environ | places | {"JUDGE_URL": server.url},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize(("flipped", "code"), [((), 0), (LOUD[:4], 1)])
def test_the_step_that_measures_fails_where_a_policy_got_worse(server, tmp_path, flipped, code):
    policies(tmp_path / "policies")
    server.by_post = answers(LOUD, QUIET, flipped=flipped)
    done = run("Do they decide their golden examples as labelled?", tmp_path, server)
    assert done.returncode == code, done.stderr


def test_the_step_that_measures_fails_where_the_judge_cannot_be_asked(server, tmp_path):
    policies(tmp_path / "policies")
    server.down = True
    done = run("Do they decide their golden examples as labelled?", tmp_path, server)
    assert done.returncode == 2


def test_the_step_that_checks_fails_where_a_policy_reads_badly(server, tmp_path):
    policies(tmp_path / "policies")
    done = run("Do the policies read well?", tmp_path, server)
    assert done.returncode == 1
    assert "noise" in done.stdout
