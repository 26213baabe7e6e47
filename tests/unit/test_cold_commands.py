"""``weir screen add``, and what it says where it cannot work."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.cold_posts import SAFE, VIOLATING, stream
from weir.pipelines.commands.cli import app
from weir.transforms.screen import Screen

POLICY = """---
id: {id}
title: Cheats
owner: Trust & Safety
labels:
  "1": violates
  "0": safe
---
## Instruction

Decide.
"""


def library(folder: Path, violating=VIOLATING, safe=SAFE, policy_id: str = "cheats") -> str:
    (folder / policy_id).mkdir(parents=True, exist_ok=True)
    (folder / policy_id / "policy.md").write_text(POLICY.format(id=policy_id), "utf-8")
    labelled = [(t, "violates") for t in violating] + [(t, "safe") for t in safe]
    lines = "".join(f'"{text}",{label},,\n' for text, label in labelled)
    (folder / policy_id / "examples.csv").write_text("text,label,rule_id,note\n" + lines, "utf-8")
    return str(folder)


def posts(folder: Path, count: int = 600) -> str:
    path = folder / "posts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in stream(count)), "utf-8")
    return str(path)


def weir(*arguments: str):
    return CliRunner().invoke(app, ["screen", *arguments])


def test_a_policy_without_a_head_gets_one_and_the_card_says_what_to_expect(tmp_path: Path) -> None:
    out = tmp_path / "out"
    policies, sample = library(tmp_path / "p"), posts(tmp_path)
    with Path(sample).open("a", encoding="utf-8") as file:
        file.write("\n[]")
    ran = weir("add", "--policies", policies, "--posts", sample, "--out", str(out))
    assert ran.exit_code == 0, ran.output
    assert "; no posts are line " in ran.stderr
    assert "not promised" in " ".join(ran.output.split())
    screen = Screen.load(out)
    assert screen.policy_ids == (*Screen.load("starter").policy_ids, "cheats")
    card = json.loads((out / "card.json").read_text("utf-8"))
    assert card["screen_version"] == screen.version
    assert card["heads"][-1]["certified"] is False


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"safe": ()}, "no safe posts to learn from"),
        ({"violating": ()}, "no violating posts to learn from"),
    ],
)
def test_a_policy_with_examples_of_one_kind_is_refused(tmp_path: Path, change, sentence) -> None:
    policies, sample = library(tmp_path / "p", **change), posts(tmp_path)
    ran = weir("add", "--policies", policies, "--posts", sample, "--out", str(tmp_path / "o"))
    assert ran.exit_code == 2
    assert sentence in ran.stderr
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "No posts are named"),
        (["--posts", "nowhere.jsonl"], "there is no such file"),
        (["--policy", "unknown"], "there is no policy 'unknown'"),
        (["--budget", "2"], "give a share above 0"),
        (["--budget", "0.01"], "takes the whole budget"),
        (["--screen", "nowhere"], "cannot be read"),
    ],
)
def test_wrong_options_end_in_one_sentence(tmp_path: Path, arguments, sentence: str) -> None:
    policies = library(tmp_path / "p")
    ran = weir("add", "--policies", policies, "--out", str(tmp_path / "o"), *arguments)
    assert ran.exit_code == 2
    assert sentence in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_too_few_posts_are_refused_with_the_number_that_is_needed(tmp_path: Path) -> None:
    policies, sample = library(tmp_path / "p"), posts(tmp_path, 20)
    ran = weir("add", "--policies", policies, "--posts", sample, "--out", str(tmp_path / "o"))
    assert ran.exit_code == 2
    assert "There are 20 posts of the stream" in ran.stderr


def test_nothing_to_do_is_said(tmp_path: Path) -> None:
    policies = library(tmp_path / "p", policy_id="spam")
    ran = weir("add", "--policies", policies, "--posts", posts(tmp_path), "--out", str(tmp_path))
    assert ran.exit_code == 2
    assert "Every policy has a head" in ran.stderr
