"""What a job of this machine says of itself, as Now shows it."""

import pytest

from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.now import pages
from weir.pipelines.console.now.jobs import Readings, job_of
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.rooms import ROOMS
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.templates import fill
from weir.pipelines.console.visit import RefusedError, Visit
from weir.transforms.write.bigquery.sink import BigQuerySettings

SETUP = Setup(BigQuerySettings("p", "d"), OnLoopback("ada"))


def visit(**query):
    return Visit(SETUP, Person("ada", Role.READER), "/now", query=query)


def said(written=1010.0, messages=100, **more):
    return {
        "run": "live",
        "pid": 7,
        "started": 1000.0,
        "written": written,
        "counts": {"messages": messages, "judge_requests": 5, "violations": 2, "deferred": 3},
        "gauges": {"in_flight": 4.0, "budget_used_percent": 50.0},
        "lag": {"posts[0]": 9, "posts[1]": 0},
        "lag_total": 9,
        "latency_ms": {"escalate": {"count": 2.0, "p50": 200.0, "p99": None}},
        "versions": {"screen": "s1"},
        "stale_seconds": 0.0,
    } | more


def test_posts_a_second_are_those_since_it_was_looked_at_last():
    readings = Readings()
    assert job_of(said(), readings).posts_a_second == 10
    assert job_of(said(1012.0, 300), readings).posts_a_second == 100
    assert job_of(said(1012.0, 300), readings).posts_a_second == 100


def test_posts_a_second_forget_what_was_long_ago():
    readings = Readings()
    for at, messages in ((1010.0, 10_000), (1100.0, 10_000), (1140.0, 10_400)):
        job = job_of(said(at, messages), readings)
    assert job.posts_a_second == 10


def test_another_job_of_the_same_number_is_another_job():
    readings = Readings()
    job_of(said(), readings)
    assert job_of(said(2010.0, 50, started=2000.0), readings).posts_a_second == 5


@pytest.fixture
def shown(monkeypatch):
    def shown(*jobs):
        monkeypatch.setattr(pages, "local_jobs", lambda: list(jobs))
        here = visit()
        answer = pages.show_jobs(here)
        return fill(answer.template, answer.values, bare=False, visit=here, rooms=ROOMS, said="")

    return shown


def test_a_job_shows_its_rate_lag_latency_judge_and_budget(shown):
    page = shown(said())
    for words in ("10.0", "<b>9</b>", "200 ms", "over 500 s", "requests at the judge", "50%"):
        assert words in page
    assert "/posts?run=live&amp;label=violates" in page
    assert "/dead-letters/deferred?run=live" in page


def test_a_job_that_writes_no_numbers_any_more_says_so(shown):
    assert "has written none for 42 s" in shown(said(stale_seconds=42.0))


def test_the_numbers_of_an_older_build_are_shown_without_what_it_does_not_say(shown):
    old = said(counts={}, gauges={}, lag={}, lag_total=0, latency_ms={})
    del old["versions"]
    assert "posts a second" in shown(old)


def test_jobs_of_other_runs_are_folded(shown):
    page = shown(said(run="other"))
    assert "1 other job of this machine" in page
    assert page.index("<details>") < page.index("posts a second") < page.index("</details>")


def test_a_job_of_another_dataset_is_folded_and_says_so(shown):
    page = shown(said(dataset="p.other"))
    assert "No job of the run live runs" in page
    assert "its rows go to another dataset, p.other" in page.partition("<details>")[2]


def test_no_job_is_said_kindly(shown):
    assert "No job of the run live runs" in shown()


@pytest.mark.parametrize("days", ["0", "2", "-1", "x", "7.0", "١"])
def test_days_that_are_no_choice_are_refused(days):
    with pytest.raises(RefusedError, match="days is none of 1, 7, 30"):
        pages.show(visit(days=days))
