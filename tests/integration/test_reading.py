"""The screen's second stage in a job, where `make encoder` has installed the encoder."""

import pytest

from tests.integration.test_moderate import Job, post
from weir.transforms.screen.second_stage.screen import encoder_missing


@pytest.fixture
def job(kafka, bigquery):
    if missing := encoder_missing():
        pytest.skip(f"needs {missing}: make encoder")
    return Job(kafka, bigquery)


def test_a_screening_says_how_many_stages_read_the_post(job):
    job.send([post(1, "selling aimbot and wallhack, undetected, dm me")])
    counts = job.run("--reading=on")
    assert counts.imbalances() == []
    rows = job.rows("SELECT stages FROM `{dataset}.screenings` WHERE run = @run")
    assert [row["stages"] for row in rows] == [2]
