"""`weir policy`: what the model reads, a document to begin with, and one post tried out."""

import json

import pytest
from typer.testing import CliRunner

from tests.scripted_server import ScriptedServer, chat, error
from tests.written_policy import written
from weir.pipelines.commands.cli import app
from weir.policies.check import check
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


# A document to begin with


def policy(*arguments):
    return CliRunner().invoke(app, ["policy", *map(str, arguments)])


@pytest.mark.parametrize("policy_id", ["ticket-resale", "spam2", "a", "no-tr1", "3d-models"])
def test_a_new_policy_is_a_draft_with_nothing_to_mend_but_its_matter(tmp_path, policy_id):
    made = policy("new", policy_id, "--policies", tmp_path / "mine", "--title", 'A "new": one')
    assert made.exit_code == 0, made.output
    drafted = load_policies(str(tmp_path / "mine"))[policy_id]
    (found,) = check(drafted)
    assert (found.level, found.source) == ("error", "policy.md")
    assert "Criteria is still the template's" in found.message
    assert (drafted.title, drafted.status) == ('A "new": one', "shadow")
    assert "weir policy check --policies" in made.stdout


def test_a_policy_that_is_still_the_template_fails_its_check_until_its_criteria_are_written(
    tmp_path,
):
    policy("new", "noise", "--policies", tmp_path)
    checked = policy("check", "--policies", tmp_path)
    assert checked.exit_code == 1
    assert "noise/policy.md:29: error: Criteria is still the template's" in checked.stdout
    document = tmp_path / "noise/policy.md"
    document.write_text(document.read_text().replace("or of any ticket", "or of a ticket"))
    assert policy("check", "--policies", tmp_path).exit_code == 0


def test_what_is_left_of_the_template_is_a_warning_until_it_is_written(tmp_path):
    policy("new", "noise", "--policies", tmp_path)
    place = tmp_path / "noise/policy.md"
    begun = place.read_text()
    place.write_text(begun.replace("or of any ticket", "or of a ticket"))
    warned = policy("check", "--policies", tmp_path).stdout
    for said in (
        "policy.md:17: warning: 2 lines of Instruction are still the template's",
        "policy.md:24: warning: 4 lines of Definitions are still",
        "policy.md:34: warning: 9 lines of Criteria are still",
        "policy.md:51: warning: 5 lines of Examples are still",
        "policy.md:0: warning: the rule NOIS1 is still",
        "examples.csv:2: warning: 6 posts of the examples are still",
    ):
        assert said in warned
    document, examples = written("noise")
    place.write_text(document)
    (tmp_path / "noise/examples.csv").write_text(examples)
    assert policy("check", "--policies", tmp_path).stdout == "1 policy, 0 findings\n"
    place.write_text(document.replace("- Our ", "- ", 1))
    assert (
        "a line of Definitions is still the template's"
        in policy("check", "--policies", tmp_path).stdout
    )


def test_a_policy_that_is_there_is_not_written_over(tmp_path):
    (tmp_path / "mine").mkdir()
    refused = policy("new", "mine", "--policies", tmp_path)
    assert refused.exit_code == 2
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize("policy_id", ["../up", "Upper", "a b", ""])
def test_an_id_that_no_policy_may_have_leaves_nothing_behind(tmp_path, policy_id):
    refused = policy("new", policy_id, "--policies", tmp_path / "mine")
    assert (refused.exit_code, refused.stderr.split(" is no id")[0]) == (2, f"weir: {policy_id!r}")
    assert not (tmp_path / "mine").exists()


# One post


@pytest.fixture
def server():
    server = ScriptedServer()
    yield server
    server.close()


def tried(server, *more, text="buy now"):
    judge = ["--engine", "endpoint", "--endpoint-url", server.url]
    return policy("try", "spam", text, *judge, *more)


def test_a_post_is_tried_with_the_whole_answer_and_what_it_cost(server):
    final = '{"violation": 1, "rule_ids": ["SPAM1"], "rationale": "It sells."}'
    server.by_post = {"buy now": chat(final, "Hm.", prompt_tokens=700, completion_tokens=40)}
    result = tried(server, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert (found["verdict"], found["rules"], found["reasoning"]) == ("violates", ["SPAM1"], "Hm.")
    assert found["answer"] == final
    assert (found["tokens_in"], found["tokens_out"]) == (700, 40)


def test_an_answer_that_cannot_be_read_is_shown_in_whole_with_what_to_change(server):
    said = "Well, [red]it depends[/red].\x1b[2J " + "word " * 2000 + "the end"
    server.by_post = {"buy now": chat(said)}
    result = tried(server)
    assert result.exit_code == 1
    assert "answer: Well, [red]it depends[/red]." in result.stdout
    assert "the end" in result.stdout
    assert "to change: the model does not keep to the policy's form" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_post_without_an_answer_says_why_and_exits_2(server):
    server.by_post = {"buy now": error(402)}
    result = tried(server)
    assert result.exit_code == 2
    assert "reason: payment_required" in result.stdout


def test_a_post_is_read_from_stdin(server):
    result = CliRunner().invoke(
        app,
        ["policy", "try", "spam", "-", "--engine=endpoint", f"--endpoint-url={server.url}"],
        input="from a pipe",
    )
    assert result.exit_code == 0
    assert server.questions[-1].body["messages"][-1]["content"] == "from a pipe"
    assert tried(server, text=" ").exit_code == 2
