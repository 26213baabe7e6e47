"""``weir policy evaluate --set``: public sets in the form in which they are published."""

import json

import pytest
from typer.testing import CliRunner

from tests.scripted_server import ScriptedServer, chat
from weir.pipelines.commands.cli import app
from weir.pipelines.evaluate.measures import Decision, any_violation, f1_over_posts
from weir.pipelines.evaluate.published_sets import SETS, labels_of_set
from weir.policies.check import check
from weir.policies.loading import load_policies
from weir.transforms.records import Outcome
from weir.transforms.screen.training.labelled import LabelsError

SAYS = {
    True: chat('{"violation": 1, "policy_category": "x", "rationale": "It does."}'),
    False: chat('{"violation": 0, "policy_category": null, "rationale": "It does not."}'),
}
# As in the published file: a category that nobody looked for is absent.
OPENAI = [
    {"prompt": "a loud one", "S": 1, "H": 0, "V": 1, "HR": 0, "SH": 0, "S3": 0, "H2": 0, "V2": 0},
    {"prompt": "a quiet one", "S": 0, "H": 0},
    {"prompt": "one that is missed", "H": 1, "V": 0},
]
TOXICCHAT = (
    "conv_id,user_input,model_output,human_annotation,toxicity,jailbreaking,openai_moderation\n"
    '1,a loud one,Sorry.,True,1,1,"[[""sexual"", 0.4]]"\n'
    "2,a quiet one,Sure.,False,0,0,[]\n"
)


@pytest.fixture
def server():
    server = ScriptedServer()
    server.by_post = {"a loud one": SAYS[True]}
    server.then = SAYS[False]
    yield server
    server.close()


@pytest.fixture
def openai(tmp_path):
    path = tmp_path / "samples.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in OPENAI))
    return path


@pytest.fixture
def toxicchat(tmp_path):
    path = tmp_path / "toxic-chat_annotation_test.csv"
    path.write_text(TOXICCHAT)
    return path


def evaluated(server, name, path, *arguments):
    asked = ["policy", "evaluate", "--set", name, f"--labels={path}", "--engine=endpoint"]
    return CliRunner().invoke(app, [*asked, f"--endpoint-url={server.url}", *arguments])


def decision(violates, outcome):
    return Decision(violates, outcome)


@pytest.mark.parametrize("of", SETS.values(), ids=list(SETS))
def test_the_policies_of_a_set_are_there_and_nothing_is_found_in_them(of):
    loaded = load_policies(of.folder)
    assert {policy.policy_id for policy in loaded.policies} == set(of.columns)
    assert [finding for policy in loaded.policies for finding in check(policy)] == []
    assert set(of.rules.values()) <= {r for policy in loaded.policies for r in policy.rules}


def test_a_category_that_is_absent_is_not_asked_about(openai):
    labels = labels_of_set(openai, SETS["openai-moderation-2022"])
    violating = {name: [c.violates for c in each.cases] for name, each in labels.items()}
    assert violating["hate"] == [False, False, True]
    assert violating["sexual"] == [True, False]
    assert violating["violence-graphic"] == [False]


def test_a_set_has_an_f1_of_posts_and_one_of_pairs_beside_what_was_published(server, openai):
    result = evaluated(server, "openai-moderation-2022", openai, "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    # The loud one violates two of its eight policies and is flagged under all.
    assert said["f1_pairs"]["value"] == pytest.approx(2 * 2 / (2 * 2 + 6 + 1))
    assert said["f1_posts"]["value"] == pytest.approx(2 * 1 / (2 * 1 + 0 + 1))
    assert said["published"]["f1"] == 0.829
    assert len(said["policies"]) == 8


def test_toxicchat_is_read_as_it_is_published_and_says_what_of_jailbreaks_is_flagged(
    server, toxicchat
):
    result = evaluated(server, "toxicchat", toxicchat)
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    assert "toxicchat: 2 posts" in said
    assert "of 1 posts under TC3, flagged: 1" in said
    assert "published for gpt-oss-safeguard-20b: 0.799" in said


def test_a_set_that_does_worse_than_asked_for_exits_1(server, openai):
    result = evaluated(server, "openai-moderation-2022", openai, "--min-f1=0.9")
    assert result.exit_code == 1, result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set=openai-moderation-2023", "--labels=x"], "there are openai-moderation-2022 and"),
        (["--set=toxicchat"], "needs --labels"),
        (["spam", "--set=toxicchat", "--labels=x"], "leave spam out"),
        (["--set=toxicchat", "--labels=x", "--agreement=0.9"], "goes with none"),
        (["--set=toxicchat", "--labels=x", "--engine=exemplar"], "needs a judge that reads"),
        ([], "name the policy to test"),
    ],
)
def test_what_does_not_go_with_a_set_is_refused(server, arguments, said):
    endpoint = ["--engine=endpoint", f"--endpoint-url={server.url}"]
    engine = [] if "--engine=exemplar" in arguments else endpoint
    result = CliRunner().invoke(app, ["policy", "evaluate", *engine, *arguments])
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('{"prompt": "a", "S": 2}', "have '2' for S in line 1"),
        ('{"prompt": "", "S": 1}', "no text in line 1"),
        ('{"prompt": "a", "X": 1}', "published with the columns prompt, S, H"),
    ],
)
def test_a_file_that_is_not_the_published_one_is_refused(tmp_path, written, said):
    path = tmp_path / "samples.jsonl"
    path.write_text(written + "\n")
    with pytest.raises(LabelsError, match=said):
        labels_of_set(path, SETS["openai-moderation-2022"])


def test_a_post_is_in_doubt_where_one_policy_is_and_none_is_violated():
    safe, doubt = decision(False, Outcome.SAFE), decision(True, Outcome.INDETERMINATE)
    violates = decision(False, Outcome.VIOLATES)
    assert any_violation([safe, doubt]) == decision(True, Outcome.INDETERMINATE)
    assert any_violation([safe, violates, doubt]) == decision(True, Outcome.VIOLATES)
    assert any_violation([safe, safe]) == safe


def test_an_f1_of_nothing_is_unknown():
    assert f1_over_posts([]).value is None
    assert f1_over_posts([[decision(False, Outcome.SAFE)]]).value is None
