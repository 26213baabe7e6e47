"""The job with less stored: a part of the cleared posts, no text, pseudonyms, a deleted author."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.integration.stored import service
from tests.integration.test_moderate import Job
from weir.pipelines.commands.cli import app
from weir.pipelines.commands.forget import delete_author
from weir.pipelines.errors import OptionError
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.decode.pseudonyms import pseudonym
from weir.transforms.screen import Screen
from weir.transforms.secret import PSEUDONYM_KEY
from weir.transforms.text.features import BUCKETS, matrix

KEY = "a key of more than 16 bytes"
LIVE = "run = @run"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv(PSEUDONYM_KEY, KEY)


@pytest.fixture
def job(kafka, bigquery):
    return Job(kafka, bigquery)


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    """Return the folder of a screen that clears all but posts with the word aimbot."""
    ids = tuple(policy.policy_id for policy in load_policies(str(LIBRARY)).policies)
    weights = np.zeros((BUCKETS, len(ids)), np.float32)
    weights[matrix(["aimbot"]).indices, ids.index("game-cheating")] = 9
    made = Screen.of(
        ids, weights, np.ones(BUCKETS, np.float32), np.full(len(ids), -9.0), np.full(len(ids), 0.5)
    )
    folder = tmp_path_factory.mktemp("screen")
    made.save(folder, {})
    return folder


def post(number, text, **fields):
    return json.dumps({"id": f"p{number}", "text": text, "lang": "en"} | fields).encode()


def posts(cleared=400, escalated=20):
    return [
        *(post(n, f"a calm day in the garden {n}") for n in range(cleared)),
        *(post(1000 + n, f"aimbot {n}", user={"name": f"u{n % 5}"}) for n in range(escalated)),
    ]


def one(job, sql):
    (row,) = job.rows(sql)
    return row


def test_a_part_of_the_cleared_posts_is_stored_the_rest_counted_and_rates_are_right(job, screen):
    job.send(posts())
    counts = job.run(
        f"--screen={screen}", "--budget-per-head=off", "--record-cleared=25%", "--audit-rate=0.1"
    )
    assert counts.imbalances() == []
    assert counts.screenings == 420
    stored = one(job, f"SELECT COUNT(*) AS n FROM `{{dataset}}.screenings` WHERE {LIVE}")["n"]
    assert stored == counts.screenings - counts.screenings_unrecorded
    assert 90 < stored < 200
    (row,) = job.rows(f"SELECT * FROM `{{dataset}}.conservation` WHERE {LIVE}")
    assert (row["posts"], row["unrecorded"], row["unaccounted"]) == (
        *(stored, counts.screenings_unrecorded, 0),
    )
    (rates,) = job.rows(
        f"SELECT * FROM `{{dataset}}.daily_rates` WHERE {LIVE} AND policy_id = 'game-cheating'"
    )
    assert rates["escalated"] == 20
    assert rates["posts"] == pytest.approx(420, abs=90)  # four standard deviations
    assert rates["escalation_rate"] == pytest.approx(20 / rates["posts"], rel=0.02)


def test_with_none_recorded_every_cleared_post_is_counted_alone(job, screen):
    job.send(posts())
    counts = job.run(
        f"--screen={screen}", "--budget-per-head=off", "--record-cleared=none", "--audit-rate=0"
    )
    assert (counts.imbalances(), counts.screenings_unrecorded) == ([], 400)
    (row,) = job.rows(
        f"SELECT * FROM `{{dataset}}.daily_rates` WHERE {LIVE} AND policy_id = 'game-cheating'"
    )
    assert (row["posts"], row["violation_rate"], row["judged"]) == (None, None, 20)


def test_nothing_of_a_post_or_a_dead_message_is_stored_where_no_text_is_to_be(job, screen):
    job.send([*posts(5, 5), b'{"id": "x", "secret'])
    counts = job.run(
        f"--screen={screen}", "--budget-per-head=off", "--store-text=none", "--audit-rate=1"
    )
    assert counts.imbalances() == []
    assert counts.dead_letters == 1
    verdicts = job.rows(f"SELECT * FROM `{{dataset}}.verdicts` WHERE {LIVE}")
    assert len(verdicts) == counts.verdicts > 0
    kept = ("text", "attributes", "rationale", "reasoning", "answer")
    assert {tuple(row[name] for name in kept) for row in verdicts} == {("", *[None] * 4)}
    assert one(job, f"SELECT * FROM `{{dataset}}.dead_letters` WHERE {LIVE}")["value"] is None
    (letter,) = job.read("dead")
    assert (letter.key, letter.value) == (None, b"")
    assert dict(letter.headers)["weir-value"] == b"omitted"


def test_equal_posts_can_be_told_by_their_hash(job, screen):
    job.send([post(n, "aimbot for sale", n=n) for n in range(3)])
    job.run(f"--screen={screen}", "--budget-per-head=off", "--store-text=hash", "--audit-rate=0")
    texts = job.rows(f"SELECT text FROM `{{dataset}}.verdicts` WHERE {LIVE}")
    assert len(texts) == 3
    assert len({row["text"] for row in texts}) == 1
    assert texts[0]["text"].startswith("hmac-sha256:")


def weir_forget(job, *more):
    return CliRunner().invoke(app, ["forget", *service(job.bigquery), *more])


def authors(job, table):
    rows = job.rows(f"SELECT author_id FROM `{{dataset}}.{table}` WHERE {LIVE}")
    return {row["author_id"] for row in rows}


def test_one_authors_rows_go_and_all_others_stay(job, screen):
    job.send(posts())
    job.run(
        f"--screen={screen}", "--budget-per-head=off", "--author-field=user.name", "--audit-rate=0"
    )
    ann, bob = (pseudonym(KEY, name) for name in ("u1", "u2"))
    for table in ("screenings", "verdicts"):
        assert {ann, bob} < authors(job, table)
    assert "u1" not in str(job.rows(f"SELECT * FROM `{{dataset}}.verdicts` WHERE {LIVE}"))
    counted = delete_author(job.bigquery, ann, dry_run=True)
    assert (counted["screenings"], counted["verdicts"]) >= (4, 4)
    done = weir_forget(job, "--author", "u1")
    assert done.exit_code == 0, done.output
    for table in ("screenings", "verdicts"):
        assert ann not in authors(job, table)
        assert bob in authors(job, table)
    assert delete_author(job.bigquery, ann) == dict.fromkeys(counted, 0)


def test_an_author_may_be_sql_and_is_only_a_parameter(job, screen):
    job.send([post(1, "aimbot", user={"name": "' OR 1=1 --"}), post(2, "aimbot", user={"name": 7})])
    job.run(
        f"--screen={screen}", "--budget-per-head=off", "--author-field=user.name", "--audit-rate=0"
    )
    assert weir_forget(job, "--author", "' OR 1=1 --").exit_code == 0
    assert authors(job, "verdicts") == {pseudonym(KEY, "7")}
    assert weir_forget(job, "--pseudonym", "' OR 1=1 --").exit_code == 0
    assert authors(job, "verdicts") == {pseudonym(KEY, "7")}


@pytest.mark.parametrize("more", [[], ["--author", "a", "--pseudonym", "b"]])
def test_who_is_to_be_forgotten_must_be_clear(job, more):
    result = weir_forget(job, *more)
    assert result.exit_code == 2
    assert "--author and --pseudonym" in result.stderr


@pytest.mark.parametrize(
    ("option", "variable", "said"),
    [
        ("--record-cleared=some", KEY, "--record-cleared is 'some'"),
        ("--store-text=hash", "short", f"--store-text=hash needs a secret.*{PSEUDONYM_KEY}"),
        ("--author-field=user.name", "", f"--author-field=user.name needs.*{PSEUDONYM_KEY}"),
        ("--author-field=text", KEY, "lies at or below"),
    ],
)
def test_what_cannot_be_kept_is_said_before_anything_starts(
    job, monkeypatch, option, variable, said
):
    monkeypatch.setenv(PSEUDONYM_KEY, variable)
    with pytest.raises(OptionError, match=said):
        job.run(option)
