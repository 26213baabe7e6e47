"""What `weir policy show --prompt` prints is what the model reads."""

import json

import pytest
from typer.testing import CliRunner

from weir.pipelines.commands.cli import app
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.judge.harmony.messages import decode
from weir.transforms.judge.harmony.prompt import render

POLICY = load_policies(LIBRARY)["spam"]


def shown(*arguments):
    result = CliRunner().invoke(app, ["policy", "show", "spam", "--prompt", *arguments])
    assert result.exit_code == 0
    return result.stdout


def test_the_prompt_is_printed_as_it_is_read_with_a_stand_in_for_the_post():
    assert shown().startswith(decode(render(POLICY, "[the post]").tokens) + "\n")


def test_the_tokens_are_counted_by_part():
    lines = [line for line in shown().splitlines() if " tokens" in line][-5:]
    *by_part, total = (int(line.split()[0].replace(",", "")) for line in lines)
    assert sum(by_part) == total == len(render(POLICY, "").tokens)


def test_the_same_is_there_as_json():
    described = json.loads(shown("--json"))
    assert described["prompt"] == decode(render(POLICY, "[the post]").tokens)
    assert described["version"] == POLICY.version
    tokens = described["tokens"]
    assert tokens["total"] == sum(
        tokens[part] for part in ("system", "developer", "contract", "frame")
    )


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_without_it_the_policy_itself_is_shown(as_json):
    result = CliRunner().invoke(app, ["policy", "show", "spam", *as_json])
    assert "<|start|>" not in result.stdout
    assert "Spam and unsolicited promotion" in result.stdout
