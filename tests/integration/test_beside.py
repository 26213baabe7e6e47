"""What the screen cleared of posts that several policies are asked about at once, end to end."""

import json
import shutil
from collections import Counter

import numpy as np
import pytest

from tests.integration.test_moderate import post
from tests.integration.test_stages import Halves
from tests.scripted_server import SAFE, ScriptedServer, chat
from weir.pipelines.screening.recall import added_up, audit_days
from weir.policies.loading import LIBRARY
from weir.transforms.screen import Screen
from weir.transforms.text.features import BUCKETS, matrix

WORDS = {"harassment": "gamma", "hate": "beta", "spam": "alpha"}  # what the screen escalates for
POSTS = {
    "alpha beta": ("harassment", "spam"),  # the policies that the judge finds violated
    "alpha beta again": ("harassment",),
    "alpha": ("spam",),
    "nothing": (),
}


def answer(violated):
    found = {p: {"violation": int(p in violated), "rationale": "Because."} for p in WORDS}
    return chat(json.dumps(found))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the options of a job with three policies and a screen that knows a word for each."""
    folder = tmp_path_factory.mktemp("beside")
    for policy_id in WORDS:
        shutil.copytree(LIBRARY / policy_id, folder / "policies" / policy_id)
    weights = np.zeros((BUCKETS, 3), np.float32)
    for head, word in enumerate(WORDS.values()):
        weights[matrix([word]).indices, head] = 9
    ones = np.ones(BUCKETS, np.float32)
    screen = Screen.of(tuple(WORDS), weights, ones, np.full(3, -9.0), np.full(3, 0.5))
    screen.save(folder / "screen", {})
    return [f"--policies={folder / 'policies'}", f"--screen={folder / 'screen'}"]


class Together(Halves):
    options: list[str]


@pytest.fixture
def job(kafka, bigquery, made):
    server = ScriptedServer()
    server.then = chat(SAFE)
    server.by_post = {text: answer(violated) for text, violated in POSTS.items()}
    job = Together(kafka, bigquery)
    job.send(post(number, text) for number, text in enumerate(POSTS))
    job.options = [*made, "--engine=endpoint", f"--endpoint-url={server.url}", "--judge-together"]
    job.options += ["--budget-per-head=off", "--audit-rate=1"]
    yield job
    server.close()


def routes(job, table):
    sql = f"SELECT route FROM `{{dataset}}.{table}` WHERE run = @run"
    return Counter(row["route"] for row in job.rows(sql))


def test_what_was_cleared_of_a_post_that_is_asked_together_is_an_audit_with_probability_one(job):
    counts = job.whole(*job.options)
    assert counts.imbalances() == []
    assert (counts.verdicts, counts.dead_letters) == (12, 0)
    assert routes(job, "verdicts") == {"escalate": 5, "beside": 2, "audit": 5}
    sql = "SELECT * FROM `{dataset}.labels` WHERE run = @run AND route = 'beside'"
    for row in job.rows(sql):
        assert (row["policy_id"], row["label"], row["decided_by"]) == (
            "harassment",
            "violates",
            "judge",
        )
        assert row["inclusion_probability"] == 1
    sql = "SELECT ROUND(SUM(requests)) AS n FROM `{dataset}.verdicts` WHERE run = @run"
    assert job.rows(sql) == [{"n": len(POSTS)}]
    flagged = Counter(json.loads(each.value)["policy_id"] for each in job.read("flagged"))
    assert flagged == {"harassment": 2, "spam": 2}
    (harassment, _, spam) = added_up(audit_days(job.bigquery, job.name))
    sample = harassment.sample
    assert (sample.beside, sample.beside_missed, sample.audits, sample.caught) == (2, 2, 2, 0)
    assert harassment.estimate.missed.value == 2
    assert (harassment.live_certificate.missed, harassment.live_certificate.recall) == (2, 0)
    assert (spam.sample.caught, spam.sample.beside, spam.estimate.recall.value) == (2, 0, 1)


def test_what_is_beside_is_deferred_and_judged_later_with_its_post(job):
    first = job.whole(*job.options, "--budget-share=0")
    assert (first.verdicts, first.deferred, first.imbalances()) == (0, 12, [])
    assert routes(job, "deferrals")["beside"] == 2
    later = job.part("--source=deferred", *job.options)
    assert (later.verdicts, later.imbalances()) == (12, [])
    assert routes(job, "verdicts")["beside"] == 2
