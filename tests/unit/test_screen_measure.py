"""``weir screen measure``: what a screen would ask of the judge for a file of posts."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.language_posts import ORDINARY
from weir.pipelines.commands.cli import app


def measure(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["screen", "measure", *map(str, arguments)])


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of English and German posts, and one with nothing to read."""
    random = np.random.default_rng(0)
    words = [text.split()[0] for texts in ORDINARY.values() for text in texts[:40]]
    english = [
        f"the {a} and the {b} are in the {c} {n}"
        for n, (a, b, c) in enumerate(random.choice(words, (800, 3)).tolist())
    ]
    file = tmp_path_factory.mktemp("posts") / "posts.jsonl"
    lines = [
        json.dumps({"id": str(n), "text": text})
        for n, text in enumerate([*english, *ORDINARY["German"], "\u200b"])
    ]
    file.write_text("\n".join(lines), "utf-8")
    return file


@pytest.fixture(scope="module")
def measured(posts: Path) -> dict:
    result = measure("--posts", posts, "--requests-per-1000", 400, "--reading", "off", "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_the_requests_are_about_what_was_asked_for(measured: dict) -> None:
    assert measured["posts"] == 901
    # Where languages have few posts each has one at the least, and their audits are twice as many.
    assert 380 <= measured["requests_per_1000"] <= 520
    assert sum(each["requests_per_1000"] for each in measured["policies"]) == pytest.approx(
        measured["requests_per_1000"], abs=1
    )


def test_languages_are_told_apart_the_largest_first(measured: dict) -> None:
    names = [each["name"] for each in measured["languages"]]
    assert names[0] == "en"
    assert "de" in names
    assert sum(each["posts"] for each in measured["languages"]) == measured["posts"]


def test_what_has_nothing_to_read_is_counted(measured: dict) -> None:
    assert measured["nothing_to_read"] == 1


def test_a_person_reads_it_in_a_sentence(posts: Path) -> None:
    result = measure("--posts", posts, "--reading", "off")
    assert result.exit_code == 0
    assert "requests per 1,000 posts: " in result.output
    assert "of the 901 posts untouched" in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--budget-per-head", "0"], "--budget-per-head is 0.0; give a share"),
        (["--requests-per-1000", "10"], "take all of the 10 requests"),
        (["--audit-rate", "2"], "give a share from 0 to 1"),
        (["--text-field", "body"], "fields that hold text are text, id"),
        (["--screen", "nowhere"], "cannot be read"),
    ],
)
def test_what_cannot_be_measured_is_said(posts: Path, arguments: list[str], said: str) -> None:
    result = measure("--posts", posts, *arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
