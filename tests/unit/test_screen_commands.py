"""The ``weir screen`` commands: what they print, write and refuse."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.screen_posts import posts
from weir.pipelines.commands.cli import app
from weir.pipelines.settings import screens
from weir.transforms.screen.model import Screen
from weir.transforms.screen.second_stage.screen import has_reader


def weir(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["screen", *map(str, arguments)])


def write(path: Path, policy_id: str, count: int, bad: int, seed: int = 0) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", policy_id])
        for post in posts(count, bad, policy_id, seed):
            rows.writerow([post.text, int(post.labels[policy_id])])
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("screen")
    hate = write(folder / "hate.csv", "hate", 1000, 400)
    spam = write(folder / "spam.csv", "spam", 200, 40, seed=1)
    options = ("--licence", "CC0", "--date", "2026-01-02", "--reading", "off")
    return folder / "out", weir("train", "--labels", hate, spam, "--out", folder / "out", *options)


def test_files_of_labels_become_a_screen_with_its_card(trained: tuple[Path, Result]) -> None:
    out, result = trained
    assert result.exit_code == 0, result.output
    assert Screen.load(out).policy_ids == ("hate", "spam")
    card = json.loads((out / "card.json").read_text("utf-8"))
    assert card["date"] == "2026-01-02"
    assert [each["licence"] for each in card["sets"]] == ["CC0", "CC0", "Apache-2.0"]


def test_training_says_what_is_certified_and_how_much_is_missing(
    trained: tuple[Path, Result],
) -> None:
    _, result = trained
    assert "recall 0.95, confidence 0.95" in result.output
    assert "that violate count, label" in " ".join(result.output.split())
    assert "6 policies have no labels" in result.output


def test_violating_rows_that_are_near_duplicates_count_once_and_that_is_said(
    tmp_path: Path,
) -> None:
    labels = write(tmp_path / "hate.csv", "hate", 200, 40)
    rows = labels.read_text("utf-8").splitlines()
    labels.write_text("\n".join([*rows, *(f"{row[:-2]}!,1" for row in rows if row[-1] == "1")]))
    result = weir("train", "--labels", labels, "--out", tmp_path / "s", "--reading", "off")
    assert "none: 40 that violate count, label 19 more" in " ".join(result.output.split())
    shown = " ".join(weir("show", tmp_path / "s").output.split())
    assert "Of violating posts that are near-duplicates one counts." in shown
    assert "one counts" not in weir("show").output


@pytest.mark.parametrize("card", [None, "[]", '{"heads": [', "{}"])
def test_show_says_of_a_card_that_is_none_that_its_figures_are_left_out(
    trained: tuple[Path, Result], tmp_path: Path, card: str | None
) -> None:
    folder = tmp_path / "s"
    shutil.copytree(trained[0], folder)
    said = "its card.json is missing or damaged, so what it knows of the heads is left out"
    assert said not in weir("show", folder).output
    (folder / "card.json").unlink()
    if card is not None:
        (folder / "card.json").write_text(card, "utf-8")
    assert said in " ".join(weir("show", folder).stderr.split())


def test_training_again_gives_the_same_bytes(trained: tuple[Path, Result], tmp_path: Path) -> None:
    out, _ = trained
    files = (out.parent / "spam.csv", out.parent / "hate.csv")
    assert weir("train", "--out", tmp_path, "--reading", "off", "--labels", *files).exit_code == 0
    assert (tmp_path / "screen.npz").read_bytes() != b""
    again = tmp_path / "again"
    assert weir("train", "--out", again, "--reading", "off", "--labels", *files).exit_code == 0
    for name in ("screen.npz", "card.json"):
        assert (tmp_path / name).read_bytes() == (again / name).read_bytes()


@pytest.mark.parametrize("command", ["train", "add"])
def test_a_file_in_the_way_of_the_screen_is_refused_before_the_work(
    tmp_path: Path, command: str
) -> None:
    (tmp_path / "out").touch()
    refused = weir(command, "--out", tmp_path / "out", "--policies", tmp_path / "nowhere")
    assert refused.exit_code == 2
    assert "is a file; name a folder" in refused.stderr


def test_one_head_is_one(tmp_path: Path) -> None:
    labels = write(tmp_path / "spam.csv", "spam", 200, 40)
    out = tmp_path / "out"
    weir("train", "--labels", labels, "--no-examples", "--reading", "off", "--out", out)
    assert ", 1 head\n" in weir("show", out).output


def test_show_prints_the_certificates(trained: tuple[Path, Result]) -> None:
    out, _ = trained
    assert "12 of 400" in weir("show", out).output
    shown = json.loads(weir("show", out, "--json").stdout)
    assert shown["screen_version"] == Screen.load(out).version
    assert shown["certificates"]["hate"]["certified"] is True
    assert shown["certificates"]["spam"]["labels_needed"] > 0


def test_show_has_what_is_escalated_of_ordinary_posts_beside_safe_ones_and_the_prevalence(
    tmp_path: Path,
) -> None:
    labels = write(tmp_path / "hate.csv", "hate", 300, 100)
    street = tmp_path / "street.jsonl"
    street.write_text(
        "\n".join(json.dumps({"id": p.text, "text": p.text}) for p in posts(250, 0, seed=9))
        + "\n[]"
    )
    options = ("--posts", street, "--no-examples", "--reading", "off")
    trained = weir("train", "--labels", labels, "--out", tmp_path / "out", *options)
    assert trained.exit_code == 0
    assert "street.jsonl: 251 rows, 250 posts; no posts are line 251: " in trained.stderr
    shown = " ".join(weir("show", tmp_path / "out").output.split())
    assert "escalates of safe and of ordinary posts" in shown
    assert "unknown" not in shown
    assert "hate: measured on hate, of which 33.3% violate." in shown
    figures = json.loads(weir("show", tmp_path / "out", "--json").stdout)["figures"]["hate"]
    assert 0 <= figures["ordinary_escalated"] <= 1


def test_training_without_the_encoder_says_what_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(screens, "encoder_missing", lambda: "tokenizers")
    labels = write(tmp_path / "hate.csv", "hate", 120, 60)
    options = ("--labels", labels, "--no-examples", "--out", tmp_path / "out")
    assert weir("train", *options).exit_code == 0
    assert "linear heads alone escalate more safe posts" in caplog.text
    assert not has_reader(tmp_path / "out")
    refused = weir("train", *options, "--reading", "on")
    assert refused.exit_code == 2
    assert "--reading=on needs tokenizers" in refused.output


def test_show_says_what_a_share_of_the_stream_buys_where_nothing_is_certified() -> None:
    shown = weir("show").output
    assert "never calibrated" not in shown
    (row,) = [line for line in shown.splitlines() if line.startswith("self-harm")]
    found = [int(cell.strip("%")) for cell in row.split()[1:]]
    assert len(found) == 5
    assert found == sorted(found)


def test_show_prints_those_of_the_starter_where_no_screen_is_named() -> None:
    result = weir("show")
    assert result.exit_code == 0
    assert "8 heads" in result.output


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"text,hate\na,2\n", "other than 1, 0 or nothing in line 2"),
        (b"text,hate\n\xff,1\n", "not UTF-8"),
        (b"text,hate\none post,1\n", "No policy has both"),
        (b"text,hate\na,0\nb,0\nc,0\n", "No policy has both"),
        (b"text,nothing\na,1\n", "no column for any policy"),
    ],
)
def test_labels_that_cannot_be_used_end_in_one_sentence_and_exit_2(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    arguments = ("--labels", tmp_path / "labels.csv", "--out", tmp_path / "out")
    result = weir("train", "--no-examples", *arguments)
    assert result.exit_code == 2
    assert complaint in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((), "nothing to learn from"),
        (("--data", "/nowhere"), "public sets are not in"),
        (("--labels", "/nowhere.csv"), "there is no such file"),
        (("--from-verdicts",), "--from-verdicts and --bigquery-project go together"),
        (("--bigquery-project", "p"), "--from-verdicts and --bigquery-project go together"),
        (("--labels", "/nowhere.csv", "--recall", "2"), "recall is 2"),
    ],
)
def test_options_that_cannot_work_end_in_one_sentence_and_exit_2(
    tmp_path: Path, options: tuple[str, ...], complaint: str
) -> None:
    result = weir("train", "--out", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert complaint in result.output


def test_a_damaged_screen_is_shown_as_such_with_exit_2(tmp_path: Path) -> None:
    (tmp_path / "screen.npz").write_bytes(b"PK")
    result = weir("show", tmp_path)
    assert result.exit_code == 2
    assert "damaged" in result.output
