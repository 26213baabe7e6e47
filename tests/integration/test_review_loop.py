"""Verdicts go to reviewers, and their decisions come back into every view and into training."""

import csv
import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from tests.integration.stored import put, service
from tests.rows import screening, verdict
from weir.pipelines.commands.cli import app
from weir.pipelines.demo import query
from weir.pipelines.reviews.reviews import UNDONE, Review, store_reviews
from weir.transforms.screen.training.label_files import read_labels

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def run(bigquery):
    """Return the name of a run with ten violating posts of spam and one cleared post."""
    name = f"run-{uuid.uuid4().hex[:8]}"
    put(bigquery, "screenings", [screening(name, n, spam="escalate") for n in range(10)])
    put(bigquery, "screenings", [screening(name, 99, spam="clear", hate="clear")])
    put(
        bigquery,
        "verdicts",
        [verdict(name, n, "spam", "violates", text=f"=post {n}") for n in range(10)],
    )
    return name


def weir(settings, command, *more):
    return CliRunner().invoke(app, ["review", command, *service(settings), *more])


def export(settings, run, path, *more):
    return weir(settings, "export", "--run", run, "--days", "0", "--out", str(path), *more)


def lines_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def decide(path, decisions):
    """Fill in the decisions of the first rows, as a reviewer would."""
    rows = lines_of(path)
    for row, decision in zip(rows, decisions, strict=False):
        row["decision"] = decision
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return rows


def test_what_is_exported_decided_and_imported_is_what_the_views_say(bigquery, run, tmp_path):
    path = tmp_path / "sample.csv"
    assert export(bigquery, run, path, "--per-stratum", "6").exit_code == 0
    rows = decide(path, ["safe", "violates", "safe", ""])
    assert len(rows) == 6
    assert all(row["text"].startswith("'=post") for row in rows)
    done = weir(bigquery, "import", str(path), "--run", run, "--reviewer", "ann")
    assert done.exit_code == 0, done.output
    assert "3 reviews stored, 3 not decided yet, 0 bad" in done.stdout
    (day,) = query(
        bigquery,
        "SELECT * FROM `{dataset}.daily_rates` WHERE run = @run AND policy_id = 'spam'",
        run,
    )
    assert (day["reviewed"], day["safe"], day["violating"]) == (3, 2, 8)
    sql = "SELECT * FROM `{dataset}.disagreements` WHERE run = @run"
    found = query(bigquery, sql, run)
    assert {(row["machine_label"], row["human_verdict"], row["reviewer"]) for row in found} == {
        ("violates", "safe", "ann")
    }
    assert len(found) == 2


def test_the_next_sample_has_none_that_a_person_decided(bigquery, run, tmp_path):
    path = tmp_path / "sample.csv"
    export(bigquery, run, path, "--per-stratum", "10")
    decided = decide(path, ["safe"] * 4)[:4]
    weir(bigquery, "import", str(path), "--run", run, "--reviewer", "ann")
    export(bigquery, run, path, "--per-stratum", "10")
    left = {row["decision_id"] for row in lines_of(path)}
    assert len(left) == 6
    assert not left & {row["decision_id"] for row in decided}
    export(bigquery, run, path, "--per-stratum", "10", "--again")
    assert len(lines_of(path)) == 10


def test_a_file_given_twice_counts_once_and_a_changed_mind_counts_last(bigquery, run, tmp_path):
    path = tmp_path / "sample.csv"
    export(bigquery, run, path, "--per-stratum", "1")
    for decision in ("safe", "safe", "violates"):
        decide(path, [decision])
        weir(bigquery, "import", str(path), "--run", run, "--reviewer", "ann")
    sql = "SELECT human_verdict FROM `{dataset}.labels` WHERE run = @run AND decided_by = 'human'"
    assert query(bigquery, sql, run) == [{"human_verdict": "violates"}]


def test_bad_rows_are_named_by_line_and_the_good_ones_stored(bigquery, run, tmp_path):
    path = tmp_path / "sample.csv"
    export(bigquery, run, path, "--per-stratum", "3")
    rows = decide(path, ["safe", "perhaps", "safe"])
    path.write_text(path.read_text("utf-8").replace(rows[2]["decision_id"], "no-such-id"), "utf-8")
    done = weir(bigquery, "import", str(path), "--run", run, "--reviewer", "ann")
    assert done.exit_code == 1
    first, second = done.stderr.splitlines()
    assert first.startswith(f"{path}:3: the decision is neither violates nor safe")
    assert second.startswith(f"{path}:4: the run {run!r} has no such decision")
    assert "1 reviews stored, 0 not decided yet, 2 bad" in done.stdout


def test_a_cleared_post_may_be_reviewed_too(bigquery, run, tmp_path):
    path = tmp_path / "appeals.csv"
    cleared = f"{run}-screen-s1-99"
    path.write_text(
        f"decision_id,policy_id,created_at,decision\n{cleared},hate,{NOON.isoformat()},violates\n",
        "utf-8",
    )
    assert weir(bigquery, "import", str(path), "--run", run, "--reviewer", "bea").exit_code == 0
    sql = "SELECT * FROM `{dataset}.labels` WHERE run = @run AND `offset` = 99 ORDER BY policy_id"
    hate, spam = query(bigquery, sql, run)
    assert (hate["label"], hate["machine_label"], spam["label"]) == (
        *("violates", "cleared", "cleared"),
    )


def test_disagreements_are_labels_and_examples(bigquery, run, tmp_path):
    path = tmp_path / "sample.csv"
    export(bigquery, run, path, "--per-stratum", "2")
    decide(path, ["safe", "violates"])
    weir(bigquery, "import", str(path), "--run", run, "--reviewer", "ann")
    out = tmp_path / "labels.csv"
    days = ["--run", run, "--days", "0", "--out", str(out)]
    assert weir(bigquery, "learn", *days).exit_code == 0
    (post,) = read_labels(out, ["spam"]).labelled.posts
    assert dict(post.labels) == {"spam": False}
    assert weir(bigquery, "learn", *days, "--as", "examples", "--policy", "spam").exit_code == 0
    (example,) = lines_of(out)
    assert (example["label"], example["rule_id"]) == ("safe", "")


def test_items_for_coop_name_the_decision(bigquery, run, tmp_path):
    path = tmp_path / "items.json"
    more = ["--form", "coop", "--item-type", "t1", "--per-stratum", "2", "--blind"]
    assert export(bigquery, run, path, *more).exit_code == 0
    items = json.loads(path.read_text("utf-8"))["items"]
    assert {item["typeId"] for item in items} == {"t1"}
    assert all(item["data"]["text"].startswith("=post") for item in items)
    assert "rationale" not in items[0]["data"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["export", "--run", "no-such-run", "--out", "x.csv"], "no-such-run"),
        (["export", "--per-stratum", "51", "--out", "x.csv"], "give 1 to 50"),
        (["export", "--days", "-1", "--out", "x.csv"], "--days is -1"),
        (["import", "no-such-file.csv"], "there is no such file"),
        (["learn", "--as", "examples", "--out", "x.csv"], "name it by --policy"),
        (["learn", "--as", "examples", "--policy", "nope", "--out", "x.csv"], "there are"),
        (["learn", "--run", "no-such-run", "--out", "x.csv"], "Nobody contradicts"),
    ],
)
def test_what_cannot_work_is_one_sentence_and_exit_code_2(bigquery, command, said):
    result = weir(bigquery, *command)
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_what_a_reviewer_undid_counts_no_longer_and_the_decision_of_another_stands(bigquery, run):
    def say(offset, reviewer, verdict, hour):
        review = Review(1, f"{run}-spam-v1-{offset}", "spam", NOON, verdict, reviewer, None)
        assert store_reviews(bigquery, run, [review], NOON + timedelta(hours=hour)).stored == 1

    say(1, "ann", "safe", 1)
    say(1, "bea", "violates", 2)
    say(1, "bea", UNDONE, 3)
    say(2, "bea", "safe", 2)
    say(2, "bea", UNDONE, 3)
    say(3, "ann", "safe", 1)
    say(3, "ann", UNDONE, 2)
    say(3, "ann", "safe", 3)
    sql = "SELECT * FROM `{dataset}.%s` WHERE run = @run ORDER BY `offset`"
    labels = query(bigquery, sql % "labels", run)
    assert [(row["offset"], row["human_verdict"], row["reviewer"]) for row in labels[:4]] == [
        (0, None, None),
        (1, "safe", "ann"),
        (2, None, None),
        (3, "safe", "ann"),
    ]
    latest = query(bigquery, sql % "latest_reviews", run)
    assert [(row["offset"], row["reviewer"], row["human_verdict"]) for row in latest] == [
        (1, "ann", "safe"),
        (3, "ann", "safe"),
    ]


def test_a_review_of_a_cleared_post_is_of_the_version_that_its_reviewer_read(bigquery, run):
    review = Review(1, f"{run}-screen-s1-99", "hate", NOON, "safe", "ann", None, "v7")
    assert store_reviews(bigquery, run, [review], NOON).stored == 1
    (row,) = query(bigquery, "SELECT * FROM `{dataset}.latest_reviews` WHERE run = @run", run)
    assert row["policy_version"] == "v7"
