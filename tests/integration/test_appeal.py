"""``weir appeal``: a recorded verdict, and what the judge says of the same post now."""

import json
from contextlib import closing

import pytest
from typer.testing import CliRunner

from tests.integration.stored import put, service
from tests.integration.test_evaluate import OLD, record
from tests.rows import verdict
from tests.scripted_server import SAFE, VIOLATES, ScriptedServer, chat
from weir.pipelines.commands.cli import app

SAID = json.loads(VIOLATES)


@pytest.fixture(scope="module")
def recorded(bigquery):
    """The settings of a dataset with a policy that no folder has any more."""
    record(bigquery, OLD)
    return bigquery


def contest(settings, run, said, **changes):
    """Store a verdict of a violation, and ask a server for it that says this now."""
    decided = {
        "policy_version": OLD.version,
        "engine": "endpoint",
        "model": "gpt-oss-safeguard:20b",
        "text": f"buy followers of {run}",
        "rule_ids": SAID.get("rule_ids"),
        "rationale": SAID.get("rationale"),
        "confidence": SAID.get("confidence"),
    }
    row = verdict(run, 1, "spam", "violates", **decided | changes)
    put(settings, "verdicts", [row])
    with closing(ScriptedServer()) as server:
        server.then = chat(said)
        asked = ["appeal", row["decision_id"], "--engine=endpoint", "--day=2026-03-04"]
        result = CliRunner().invoke(
            app, [*asked, f"--endpoint-url={server.url}", *service(settings), "--json"]
        )
        return result, server.questions


def test_a_verdict_that_stands_exits_0_and_was_asked_for_under_the_recorded_policy(recorded, run):
    result, questions = contest(recorded, run, VIOLATES)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["same"]
    messages = [message["content"] for message in questions[-1].body["messages"]]
    assert "An old line." in messages[0]
    assert messages[1] == f"buy followers of {run}"


def test_another_verdict_exits_1_and_names_what_differs(recorded, run):
    result, _ = contest(recorded, run, SAFE)
    assert result.exit_code == 1, result.output
    said = json.loads(result.stdout)
    assert (said["recorded"]["verdict"], said["now"]["verdict"]) == ("violates", "safe")
    assert "verdict" in said["differing"]


def test_other_words_for_the_same_verdict_are_named_and_the_verdict_stands(recorded, run):
    result, _ = contest(recorded, run, VIOLATES, rationale="in other words")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["differing"] == ["rationale"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"text": "hmac-sha256:" + "0" * 64}, "was not stored"),
        ({"text": ""}, "was not stored"),
        ({"model": "gpt-oss-safeguard:120b"}, "it was decided by gpt-oss-safeguard:120b"),
        ({"policy_version": "f" * 16}, "has used such a version"),
    ],
)
def test_a_verdict_that_cannot_be_judged_as_it_was_exits_2_and_says_why(
    recorded, run, changes, why
):
    result, _ = contest(recorded, run, VIOLATES, **changes)
    assert result.exit_code == 2, result.output
    assert why in result.stderr
    assert "Traceback" not in result.stderr


def test_a_post_goes_to_no_other_engine_than_the_one_that_decided(recorded):
    row = verdict("elsewhere", 1, "spam", "violates", policy_version=OLD.version, engine="vllm")
    put(recorded, "verdicts", [row])
    with closing(ScriptedServer()) as server:
        asked = ["appeal", row["decision_id"], "--engine=endpoint", f"--endpoint-url={server.url}"]
        result = CliRunner().invoke(app, [*asked, *service(recorded)])
        assert server.questions == []
    assert result.exit_code == 2
    assert "give --engine=vllm" in result.stderr


def test_a_decision_that_is_not_there_exits_2(recorded):
    asked = ["appeal", "none", "--engine=exemplar", *service(recorded)]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 2
    assert "there is no verdict with the decision id 'none'" in result.stderr
