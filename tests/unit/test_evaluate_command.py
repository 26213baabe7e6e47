"""`weir policy evaluate`, with a server that answers as the labels say, or otherwise."""

import csv
import itertools
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.fakes import ScriptedEngine
from tests.scripted_server import ScriptedServer, chat, error
from weir.pipelines.commands.cli import app
from weir.pipelines.evaluate.judging import Patience, judge_cases
from weir.pipelines.evaluate.labels import golden_labels
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.judge.in_flight import Failed
from weir.transforms.judge.verdict import Verdict

GOLDEN = (
    Path(os.environ.get("WEIR_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "gpt_oss_safeguard_spam_golden"
)
FRONT = """\
---
id: noise
title: Noise
owner: Trust & Safety
contract: label-rules
labels:
  VALID: safe
  INVALID: violates
rules:
  NO1: Shouting.
  NO2: The same again and again.
---
Noise Policy (#NO)
GOAL: Classify each post as VALID or INVALID.

Noise (NO1)
NO1.a Shouting.
NO2.a The same again and again.
"""
LOUD = [f"HEY NUMBER {n} LISTEN" for n in range(10)]
QUIET = [f"good morning, number {n}" for n in range(10)]


@pytest.fixture
def server():
    server = ScriptedServer()
    yield server
    server.close()


def policies(root, text=FRONT, examples=None):
    folder = root / "noise"
    folder.mkdir(parents=True)
    (folder / "policy.md").write_text(text, encoding="utf-8")
    if examples is None:
        examples = [(post, "violates", "NO1") for post in LOUD] + [(p, "safe", "") for p in QUIET]
    with (folder / "examples.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "rule_id", "note"])
        writer.writerows([*example, ""] for example in examples)
    return root


def answers(violating, safe, flipped=()):
    """Return replies as the labels have it, but for the posts that are flipped."""
    right = dict.fromkeys(violating, "INVALID NO1") | dict.fromkeys(safe, "VALID")
    other = {"VALID": "INVALID NO1", "INVALID NO1": "VALID"}
    return {
        post: chat(other[answer] if post in flipped else answer, "I thought about it.")
        for post, answer in right.items()
    }


def weir(*arguments):
    return CliRunner().invoke(app, ["policy", "evaluate", *map(str, arguments)])


def evaluated(server, root, *more):
    judge = ["--engine", "endpoint", "--endpoint-url", server.url]
    return weir("noise", "--policies", root, *judge, *more)


def measured(server, root, *more):
    result = evaluated(server, root, "--json", *more)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_judge_that_answers_as_the_labels_say_is_right_in_all(server, tmp_path):
    server.by_post = answers(LOUD, QUIET)
    found = measured(server, policies(tmp_path))
    assert [found[name]["value"] for name in ("precision", "recall", "f1")] == [1, 1, 1]
    assert found["confusion"]["violates"] == {"violates": 10, "safe": 0, "indeterminate": 0}
    assert found["misjudged"] == []
    assert not found["labels"]["held_out"]


def test_with_a_tenth_of_the_answers_flipped_the_figures_are_those_computed(server, tmp_path):
    server.by_post = answers(LOUD, QUIET, flipped={LOUD[3], QUIET[7]})
    found = measured(server, policies(tmp_path))
    assert found["precision"]["value"] == found["recall"]["value"] == 9 / 10
    assert found["f1"]["value"] == pytest.approx(9 / 10)
    assert {each["text"] for each in found["misjudged"]} == {LOUD[3], QUIET[7]}
    assert {each["reasoning"] for each in found["misjudged"]} == {"I thought about it."}
    assert found["rules"] == [{"rule": "NO1"} | found["recall"]]


@pytest.mark.data
@pytest.mark.skipif(
    not GOLDEN.is_dir(), reason="the published spam set is not here; WEIR_DATA names its folder"
)
@pytest.mark.parametrize(("flipped", "f1"), [(0, 1.0), (4, 20 / 22)])
def test_the_published_spam_policy_is_measured_on_its_own_golden_set(server, tmp_path, flipped, f1):
    section = ""
    posts: dict[bool, list[str]] = {True: [], False: []}
    with (GOLDEN / "golden_dataset.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            if row[0].startswith("SP"):
                section = row[0].strip()
            elif row[0].isdigit():
                posts[section != "SP0"].append(row[1])
    assert (len(posts[True]), len(posts[False])) == (22, 18)
    text = (GOLDEN / "policy.txt").read_text(encoding="utf-8")
    rules = "".join(f"  SP{n}: As the policy has it.\n" for n in (2, 3, 4))
    front = FRONT.partition("rules:")[0] + f"  SP0: safe\nrules:\n{rules}---\n"
    examples = [(post, "violates", "") for post in posts[True]]
    examples += [(post, "safe", "") for post in posts[False]]
    root = policies(tmp_path, front + text, examples)
    changed = {*posts[True][: flipped // 2], *posts[False][: flipped // 2]}
    server.by_post = {
        post: chat("INVALID SP2" if violates is (post not in changed) else "VALID SP0")
        for violates, of_kind in posts.items()
        for post in of_kind
    }
    found = measured(server, root)
    assert found["labels"]["posts"] == 40
    assert found["f1"]["value"] == pytest.approx(f1)
    assert len(found["misjudged"]) == flipped


def test_the_exit_code_is_1_below_the_wanted_f1_and_0_at_it(server, tmp_path):
    server.by_post = answers(LOUD, QUIET, flipped={LOUD[3], QUIET[7]})
    root = policies(tmp_path)
    assert evaluated(server, root, "--min-f1", "0.9").exit_code == 0
    assert evaluated(server, root, "--min-f1", "0.91").exit_code == 1


def test_requests_in_flight_are_bounded_as_in_a_job(server, tmp_path):
    slow = replace(chat("VALID"), delay=0.02)
    server.by_post = dict.fromkeys((*LOUD, *QUIET), slow)
    measured(server, policies(tmp_path), "--endpoint-concurrency", "3", "--repeat", "2")
    assert server.most_in_flight == 3


def test_an_answer_that_cannot_be_read_is_indeterminate_and_lowers_recall(server, tmp_path):
    server.by_post = answers(LOUD, QUIET) | {LOUD[0]: chat("I'm sorry, but I can't.")}
    found = measured(server, policies(tmp_path))
    assert found["indeterminate"]["hits"] == 1
    assert found["recall"]["value"] == 9 / 10
    assert found["misjudged"][0]["reason"] == "unknown_label"
    assert found["misjudged"][0]["answer"] == "I'm sorry, but I can't."
    assert "answer: I'm sorry, but I can't." in evaluated(server, tmp_path).stdout


def test_answers_of_which_most_cannot_be_read_are_said_with_the_way_out(server, tmp_path):
    server.by_post = dict.fromkeys((*LOUD, *QUIET), chat("Well, it depends."))
    result = evaluated(server, policies(tmp_path), "--json")
    assert result.exit_code == 2
    early = "10 of 10 answers cannot be read, most often unknown_label: the model does not keep"
    assert result.stderr.count(early) == 1
    assert "20 of 20 answers cannot be read" in evaluated(server, tmp_path).stdout


def test_in_a_pipe_a_line_says_now_and_then_how_far_it_is(server, tmp_path, monkeypatch):
    monkeypatch.setattr("weir.pipelines.commands.judging_progress._EVERY_S", 0.0)
    server.by_post = answers(LOUD, QUIET)
    said = evaluated(server, policies(tmp_path), "--json").stderr
    assert "weir: judged 1 of 20\n" in said
    assert "weir: judged 20 of 20\n" in said


def test_ctrl_c_keeps_what_was_judged(tmp_path):
    policy = load_policies(str(policies(tmp_path)))["noise"]
    cases = golden_labels(policy).cases
    count = itertools.count(1)

    def heard(_):
        if next(count) == 7:
            raise KeyboardInterrupt

    found = judge_cases(ScriptedEngine, policy, cases, 1, Patience(8, 20), heard)
    assert found.stopped
    said = [answer.said for answer in found.answers[0]]
    assert sum(isinstance(each, Verdict) for each in said) == 7
    assert {each.reason for each in said if isinstance(each, Failed)} == {"stopped"}
    assert len(said) == len(cases)


def test_posts_without_an_answer_are_left_out_and_the_exit_code_says_so(server, tmp_path):
    server.by_post = answers(LOUD, QUIET) | {LOUD[0]: error(400, "too long")}
    result = evaluated(server, policies(tmp_path), "--json", "--min-f1", "0.1")
    assert result.exit_code == 2
    found = json.loads(result.stdout)
    assert [each["row"] for each in found["unanswered"]] == [1]
    assert found["recall"] == found["recall"] | {"hits": 9, "count": 9}
    assert "got no answer" in evaluated(server, tmp_path).stdout


def test_repeating_shows_which_verdicts_are_stable(server, tmp_path):
    class Fickle(dict):
        """Says of one post what it did not say the last time."""

        def get(self, post, default=None):
            if post == LOUD[2]:
                self["turn"] = not self.setdefault("turn", False)
                return chat("VALID" if self["turn"] else "INVALID")
            return super().get(post)

    server.by_post = Fickle(answers(LOUD, QUIET))
    found = measured(server, policies(tmp_path), "--repeat", "4")["stability"]
    assert (found["rounds"], found["same"]["hits"], found["same"]["count"]) == (4, 19, 20)
    assert [each["verdicts"] for each in found["unstable"]] == [{"violates": 2, "safe": 2}]
    assert found["highest_f1"] == 1
    assert found["lowest_f1"] == pytest.approx(2 * 0.9 / 1.9)


def test_a_label_file_takes_the_place_of_the_golden_examples(server, tmp_path):
    server.by_post = answers(["LOUD"], ["quiet"])
    file = tmp_path / "labels.csv"
    file.write_text("text,noise\nLOUD,1\nquiet,0\n", "utf-8")
    found = measured(server, policies(tmp_path / "policies"), "--labels", file)
    assert found["labels"] == {
        "source": "labels.csv",
        "posts": 2,
        "violating": 1,
        "held_out": False,
    }


def test_against_another_version_both_are_judged_and_compared_post_by_post(server, tmp_path):
    new = policies(tmp_path / "new")
    old = policies(tmp_path / "old", FRONT.replace("GOAL", "AIM"))
    by_post = answers(LOUD, QUIET)

    class ByVersion(dict):
        """The old version says that four loud posts are fine."""

        def get(self, post, default=None):
            system = server.questions[-1].body["messages"][0]["content"]
            return chat("VALID") if "AIM" in system and post in LOUD[:4] else by_post.get(post)

    server.by_post = ByVersion()
    found = measured(server, new, "--against", old, "--endpoint-concurrency", "1")
    assert found["f1"]["value"] == 1
    before = found["against"]
    assert before["recall"]["value"] == 6 / 10
    assert (before["only_after_right"], before["only_before_right"]) == (4, 0)
    assert before["f1_difference"]["value"] == pytest.approx(1 - 12 / 16)
    assert before["p_value"] == pytest.approx(2 / 16)
    shown = evaluated(server, new, "--against", old, "--endpoint-concurrency", "1").stdout
    assert "F1 changes by +0.250" in shown
    assert re.search(
        r"4 of 20 posts changed sides: 4 right only in \w+, 0 right only in \w+", shown
    )


def test_a_judge_that_answers_nothing_leaves_every_figure_unknown(server, tmp_path):
    new = policies(tmp_path / "new")
    old = policies(tmp_path / "old", FRONT.replace("GOAL", "AIM"))
    server.by_post = dict.fromkeys((*LOUD, *QUIET), error(400, "no"))
    result = evaluated(server, new, "--against", old, "--json")
    assert result.exit_code == 2
    found = json.loads(result.stdout)
    assert found["f1"]["value"] is found["against"]["f1_difference"]["value"] is None
    assert evaluated(server, new, "--against", old).exit_code == 2


def test_the_stand_in_never_judges_an_example_that_it_learned_from():
    result = weir("spam", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["labels"]["held_out"]
    assert found["f1"]["value"] < 0.95
    assert found["calibration"]["posts"] == found["labels"]["posts"]


def test_a_misjudged_post_can_neither_style_nor_command_the_terminal(server, tmp_path):
    hostile = "\x1b[31m[bold]HEY[/bold]\x07 \u202eolleh"
    examples = [(hostile, "violates", "NO1"), ("hi", "safe", "")]
    server.then = chat("VALID", "[red]\x1b]0;title\x07thought[/red]")
    shown = evaluated(server, policies(tmp_path, examples=examples)).stdout
    assert "[bold]HEY[/bold]" in shown
    assert "[red]\N{REPLACEMENT CHARACTER}]0;title\N{REPLACEMENT CHARACTER}thought[/red]" in shown
    assert not re.search("[\x1b\x07\u202e]", shown)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such"], "there is no policy 'no-such'"),
        (["spam", "--repeat", "0"], "--repeat"),
        (["spam", "--min-f1", "90"], "--min-f1"),
        (["spam", "--show", "-1"], "--show"),
        (["spam", "--labels", "no-such.csv"], "no-such.csv"),
        (["spam", "--max-in-flight", "many"], "--max-in-flight"),
        (["spam", "--engine", "oracle"], "oracle"),
        (["spam", "--against", str(LIBRARY)], "needs a judge that reads policies"),
        (["spam", "--engine", "endpoint", "--against", "yesterday"], "neither a folder"),
        (["spam", "--engine", "endpoint", "--against", str(LIBRARY)], "nothing to compare"),
        (["spam", "--engine", "endpoint", "--against", "0123456789abcdef"], "--bigquery-project"),
        (["spam", "--engine", "endpoint"], "--endpoint-url is missing"),
    ],
)
def test_what_cannot_work_ends_with_a_sentence_and_exit_code_2(arguments, said):
    result = weir(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
