"""``weir screen measure``: what a screen would ask of the judge for a file of posts."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tests.language_posts import ORDINARY
from weir.pipelines.commands.cli import app
from weir.pipelines.screening.measure import sample
from weir.policies.loading import LIBRARY
from weir.transforms.screen.model import Screen
from weir.transforms.screen.selectivity import SHARES, Selectivity
from weir.transforms.screen.thresholds.allocation import divide
from weir.transforms.text.features import BUCKETS, matrix


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
    return json.loads(result.stdout)


def test_the_requests_are_about_what_was_asked_for(measured: dict) -> None:
    assert measured["posts"] == 901
    # Where languages have few posts each has one at the least, and their audits are twice as many.
    assert 380 <= measured["requests_per_1000"] <= 520
    assert sum(each["requests_per_1000"] for each in measured["policies"]) == pytest.approx(
        measured["requests_per_1000"], abs=1
    )


def test_copies_are_counted_each_and_that_is_said(posts: Path, tmp_path: Path) -> None:
    lines = posts.read_text("utf-8").splitlines()[:100]
    file = tmp_path / "copies.jsonl"
    file.write_text("\n".join([*lines, *lines[:30]]), "utf-8")
    said = measure("--posts", file, "--reading", "off")
    assert "30 are copies of others among them, and each is counted here" in said.stdout
    assert json.loads(measure("--posts", file, "--reading", "off", "--json").stdout)["copies"] == 30
    assert "copies" not in measure("--posts", posts, "--reading", "off").stdout


def test_rows_that_are_no_posts_are_named(posts: Path, tmp_path: Path) -> None:
    lines = posts.read_text("utf-8").splitlines()[:120]
    file = tmp_path / "broken.jsonl"
    file.write_text("\n".join([*lines, "[]", '{"id": "1"}']), "utf-8")
    named = "broken.jsonl: 122 rows, 120 posts; no posts are line 121: "
    assert named in measure("--posts", file, "--reading", "off").stdout
    as_json = measure("--posts", file, "--reading", "off", "--json")
    assert json.loads(as_json.stdout)["posts"] == 120
    assert named in as_json.stderr
    planned = ["plan", "--posts-per-second", "1", "--posts-file", str(file), "--reading", "off"]
    assert named in CliRunner().invoke(app, planned).stderr
    assert named in measure("--posts", file, "--reading", "off", "--most", 99).output


def test_languages_are_told_apart_the_largest_first(measured: dict) -> None:
    names = [each["name"] for each in measured["languages"]]
    assert names[0] == "en"
    assert "de" in names
    assert sum(each["posts"] for each in measured["languages"]) == measured["posts"]


def test_what_has_nothing_to_read_is_counted(measured: dict) -> None:
    assert measured["nothing_to_read"] == 1


def test_a_point_of_recall_more_has_a_price_in_requests_and_seconds(measured: dict) -> None:
    prices = [each["point"] for each in measured["policies"] if each["point"] is not None]
    assert prices
    assert min(prices) > 0
    assert measured["point"] == pytest.approx(sum(prices), abs=0.1)
    assert measured["point_gpu_seconds"] == pytest.approx(measured["point"] / 46.7, abs=0.01)


def test_a_person_reads_what_a_point_of_recall_more_takes(posts: Path) -> None:
    said = " ".join(measure("--posts", posts, "--reading", "off").output.split())
    assert "A point of recall more in each of these policies: " in said
    assert "seconds of an H100 at the published 46.7 requests a second" in said


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
        (["--most", "0"], "--most is 0; give 100 or more"),
        (["--text-field", "body"], "fields that hold text are text, id"),
        (["--screen", "nowhere"], "cannot be read"),
    ],
)
def test_what_cannot_be_measured_is_said(posts: Path, arguments: list[str], said: str) -> None:
    result = measure("--posts", posts, *arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a screen whose scores of a file's posts are known, and that file.

    Its first head finds nearly all with a few posts, and its second needs many.
    """
    folder = tmp_path_factory.mktemp("known")
    random = np.random.default_rng(0)
    words = [f"w{n}" for n in range(900)]
    weights = np.zeros((BUCKETS, 2), np.float32)
    buckets = matrix(words).indices
    weights[buckets] = random.normal(0, 2, (len(buckets), 2))
    curves = (np.minimum(1, np.array(SHARES) * 50), np.array(SHARES))
    screen = Screen.of(
        ("hate", "spam"),
        weights,
        np.ones(BUCKETS, np.float32),
        np.zeros(2),
        np.zeros(2),
        selectivity_of=[
            Selectivity(name, ("en",), tuple(curve.tolist()))
            for name, curve in zip(("hate", "spam"), curves, strict=True)
        ],
    )
    screen.save(folder / "screen", {})
    policies = folder / "policies"
    for policy_id in screen.policy_ids:
        shutil.copytree(Path(LIBRARY) / policy_id, policies / policy_id)
    posts = folder / "posts.jsonl"
    texts = [f"the {a} is on the {b} and the {c}" for a, b, c in random.choice(words, (3000, 3))]
    posts.write_text("\n".join(json.dumps({"id": t, "text": t}) for t in texts), "utf-8")
    return folder, posts


@pytest.mark.parametrize("asked", [60, 300, 900])
def test_known_scores_ask_for_the_requests_that_were_asked_for(
    known: tuple[Path, Path], asked: int
) -> None:
    folder, posts = known
    options = ("--screen", folder / "screen", "--policies", folder / "policies", "--json")
    given = ("--posts", posts, "--requests-per-1000", asked, "--most", 3000)
    result = measure(*given, *options)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    # Thresholds are quantiles of 1,500 posts and tried on 1,500: three standard errors of both.
    error = 3 * np.sqrt(2 * asked * 1000 / 1500)
    assert found["requests_per_1000"] == pytest.approx(asked, abs=error)
    # The first head is full with a fiftieth; the rest of the requests is for the second.
    shares = divide(asked / 1000 - 0.02, _curves(folder))
    for policy, share in zip(found["policies"], shares.tolist(), strict=True):
        assert policy["requests_per_1000"] == pytest.approx(1000 * share + 10, abs=error)


def test_of_a_few_posts_it_is_said_what_their_stream_costs_and_not_its_beginning(
    known: tuple[Path, Path],
) -> None:
    folder, posts = known  # the file's own thresholds have every post judged
    options = ("--screen", folder / "screen", "--policies", folder / "policies", "--json")
    result = measure("--posts", posts, "--requests-per-1000", 300, "--most", 250, *options)
    assert json.loads(result.stdout)["requests_per_1000"] == pytest.approx(300, abs=150)


def test_of_a_policy_without_a_head_it_is_said_what_a_run_does(known: tuple[Path, Path]) -> None:
    folder, posts = known
    result = measure("--posts", posts, "--screen", folder / "screen", "--most", 300)
    assert "violence: no head in this screen, so each post is counted here. A run " in result.stdout
    assert "spam: no head" not in result.stdout
    policies = ("--policies", folder / "policies")
    result = measure("--posts", posts, "--screen", folder / "screen", "--most", 300, *policies)
    assert "no head" not in result.stdout


def test_languages_that_no_head_has_seen_are_named(posts: Path) -> None:
    said = measure("--posts", posts, "--reading", "off").stdout
    assert "Heads that learned from no violating posts of a language: " in said
    assert "8 of 8 of de" in said
    assert " of en" not in said.split("What they find")[0]


def test_what_asks_for_more_than_was_set_says_why(
    posts: Path, known: tuple[Path, Path], tmp_path: Path
) -> None:
    lines = posts.read_text("utf-8").splitlines()
    file = tmp_path / "german.jsonl"
    file.write_text("\n".join(lines[800:900]), "utf-8")
    result = measure("--posts", file, "--reading", "off", "--requests-per-1000", 304)
    few = "More than the 304 that were asked for, by fewer than 200 posts of de"
    assert few in result.stdout
    assert "twice the audits in languages that heads have not seen" in result.stdout
    folder, posts = known
    options = ("--screen", folder / "screen", "--policies", folder / "policies", "--most", 3000)
    assert "More than" not in measure("--posts", posts, *options).stdout


def _curves(folder: Path) -> list[tuple[float, ...]]:
    return [each.recall or () for each in Screen.load(folder / "screen").selectivity]


def test_a_sample_is_drawn_from_all_of_a_file_and_said_to_be_one(known: tuple[Path, Path]) -> None:
    folder, posts = known
    options = ("--screen", folder / "screen", "--policies", folder / "policies")
    result = measure("--posts", posts, "--most", 500, *options)
    assert "By linear heads alone, on a sample of 500 of the 3,000 posts" in result.output
    drawn = sample([str(n) for n in range(3000)], 500)
    assert len(set(drawn)) == 500
    assert np.mean([int(each) for each in drawn]) == pytest.approx(1500, abs=150)
