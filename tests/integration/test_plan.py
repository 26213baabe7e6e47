"""``weir plan --run``: what a run in BigQuery has asked for, counted from its rows."""

import json

import pytest
from typer.testing import CliRunner

from tests.integration.stored import put, service
from tests.rows import screening, verdict
from weir.pipelines.commands.cli import app


@pytest.fixture
def planned(bigquery):
    def planned(run, *arguments):
        command = ["plan", "--posts-per-second=1000", f"--run={run}", "--run-days=36500"]
        return CliRunner().invoke(app, [*command, *service(bigquery), *arguments])

    return planned


def screened(run, offset, stages, **routes):
    return screening(run, offset, stored={"mode": "enforce", "stages": stages}, **routes)


def test_a_plan_of_a_run_asks_what_the_run_asked(bigquery, run, planned):
    rows = [
        screened(run, 1, 2, spam="escalate", hate="audit"),
        screened(run, 2, 2, spam="clear", hate="clear"),
        screened(run, 3, 1, spam="escalate", hate="clear"),
        screened(run, 4, 1, spam="clear", hate="clear"),
    ]
    put(bigquery, "screenings", [*rows, *rows[:2]])  # some stored twice
    judged = [(1, "spam", "x" * 100), (1, "hate", "x" * 100), (3, "spam", "é" * 150)]
    put(bigquery, "verdicts", [verdict(run, n, p, "safe", text=text) for n, p, text in judged])
    done = planned(run, "--json")
    assert done.exit_code == 0, done.output
    workload = json.loads(done.stdout)["this plan"]["workload"]
    assert workload["policies"] == 2
    assert workload["requests_per_1000"] == 750
    assert workload["second_stage"] == 0.5
    assert workload["post_bytes"] == 200
    assert "4 posts of a run" in workload["measured"]


def test_what_a_shadow_screens_asks_is_no_part_of_a_plan(bigquery, run, planned):
    put(bigquery, "screenings", [screened(run, 1, 1, spam="clear")])
    shadow = {"mode": "shadow", "stages": 2}
    put(bigquery, "shadow_screenings", [screening(run, 1, stored=shadow, spam="escalate")])
    workload = json.loads(planned(run, "--json").stdout)["this plan"]["workload"]
    assert (workload["requests_per_1000"], workload["second_stage"]) == (0, 0)


def test_a_run_that_recorded_nothing_of_what_it_cleared_has_no_number_of_posts(
    bigquery, run, planned
):
    stored = {"mode": "enforce", "record_cleared": 0.0}
    put(bigquery, "screenings", [screening(run, 1, stored=stored, spam="escalate")])
    done = planned(run)
    assert done.exit_code == 2
    assert "has no posts" in " ".join(done.output.split())
    assert "--posts-file" in done.output


def test_what_is_said_goes_before_what_a_run_shows(bigquery, run, planned):
    put(bigquery, "screenings", [screened(run, 1, 1, spam="escalate")])
    done = planned(run, "--json", "--asked-per-1000=10", "--post-bytes=99")
    workload = json.loads(done.stdout)["this plan"]["workload"]
    assert (workload["requests_per_1000"], workload["post_bytes"]) == (10, 99)
