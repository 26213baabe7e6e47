"""Runs and comparisons in the console, against the views and ``weir compare``."""

import json
import os
import shutil
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from tests.integration.stored import put, service
from tests.integration.test_compare import A, B, store
from tests.integration.test_moderate import POSTS, Job
from tests.rows import NOON, dead_letter
from weir.pipelines.bigquery.rows import insert
from weir.pipelines.commands.cli import app
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.dead_letters import pages as dead_letters
from weir.pipelines.console.now import pages as now
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.posts import pages as posts
from weir.pipelines.console.review import pages as review
from weir.pipelines.console.runs import named, pages, processes
from weir.pipelines.console.runs.comparison import show_compared, show_comparison
from weir.pipelines.console.runs.replays import OF_DEFERRED
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.templates import fill
from weir.pipelines.console.visit import RefusedError, Visit
from weir.pipelines.errors import OptionError
from weir.policies.loading import LIBRARY

LATELY = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    """Where jobs write what they are doing, and a console what it started."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def setup(bigquery):
    return Setup(bigquery, OnLoopback(), policies=str(LIBRARY))


@pytest.fixture
def visit(setup):
    """Return a visit of an operator."""

    def visit(query=(), form=(), setup=setup, person="ann", **path):
        who = Person(person, Role.OPERATOR)
        return Visit(setup, who, "/runs", path, dict(query), dict(form), now=NOON)

    return visit


def html(shown, visit):
    return fill(shown.template, shown.values, visit=visit, rooms=(), said="", bare=False)


def test_a_run_is_listed_with_what_it_counted_and_its_account_is_that_of_the_view(
    bigquery, visit, run
):
    store(bigquery, run, f"v-{run}", A)
    counts = {"screenings": 40, "violations": 10, "dead_letters": 0, "conservation": "ok"}
    row = {"run": run, "mode": "enforce", "counts": json.dumps(counts), "ended_at": NOON}
    insert(bigquery, "runs", row)
    asked = visit()
    (listed,) = [each for each in pages.show(asked).values["runs"] if each.name == run]
    assert (listed.counts, listed.ended_at) == (counts, NOON)
    assert f"/runs/{run}" in html(pages.show(asked), asked)
    view = asked.rows("SELECT * FROM `{dataset}.conservation` WHERE run = @run", run=run)
    part = visit({"run": run})
    assert pages.show_accounts(part).values["rows"] == view
    assert "unaccounted" in html(pages.show_accounts(part), part)


def test_a_box_for_a_run_offers_the_live_one_and_each_that_is_listed(bigquery, visit, setup, run):
    insert(bigquery, "runs", {"run": run, "mode": "enforce", "ended_at": NOON})
    asked = visit()
    offered = html(pages.show_names(asked), asked)
    assert offered.count(f'<option value="{run}">') == 1
    assert offered.count(f'<option value="{setup.run}">') == 1


def test_a_runs_counts_by_policy_are_those_of_the_daily_rates(bigquery, visit, run):
    store(bigquery, run, f"v-{run}", A)
    asked = visit({"run": run})
    (row,) = pages.show_policies(asked).values["rows"]
    (view,) = asked.rows(
        "SELECT posts, violating, safe, cleared FROM `{dataset}.daily_rates` WHERE run = @run",
        run=run,
    )
    assert {name: row[name] for name in view} == view
    assert "spam" in html(pages.show_policies(asked), asked)
    page = visit(run=run)
    assert "/run-parts/policies" in html(pages.show_run(page), page)


OF_RUNS = (
    (now.show, "/now", "run"),
    (posts.show, "/posts", "run"),
    (review.show, "/review", "run"),
    (dead_letters.show, "/dead-letters", "run"),
    (show_comparison, "/compare", "run"),
    (show_comparison, "/compare", "other"),
)


@pytest.mark.parametrize(("page", "path", "field"), OF_RUNS)
def test_a_page_about_a_run_that_is_none_is_not_found_and_offers_those_there_are(
    bigquery, visit, run, page, path, field
):
    insert(bigquery, "runs", {"run": run, "mode": "enforce", "ended_at": LATELY})
    asked = replace(visit({field: "nope"}), address=f"{path}?{field}=nope")
    with pytest.raises(RefusedError, match="nope") as refused:
        page(asked)
    assert refused.value.status == 404
    assert refused.value.ways["live"] == f"{path}?{field}=live"
    assert refused.value.ways[run] == f"{path}?{field}={run}"


def test_a_run_that_has_begun_opens_before_it_has_a_row_of_a_post(
    bigquery, visit, run, monkeypatch
):
    begun = {"run": run, "configuration": "{}", "digest": "d", "slices": "[]", "sample": 1.0}
    insert(bigquery, "replays", begun | {"begun_at": NOON})
    assert now.show(visit({"run": run})).status == 200
    monkeypatch.setattr(named, "jobs_of_dataset", lambda _: [{"run": "only-here"}])
    assert now.show(visit({"run": "only-here"})).status == 200


def test_a_version_of_a_policy_is_a_side_of_a_comparison(bigquery, visit, run):
    store(bigquery, run, f"v-{run}", A)
    assert show_comparison(visit({"run": f"{run}@v-{run}", "other": f"v-{run}"})).status == 200


@pytest.mark.parametrize(
    "name", ["no-such", "<script>alert(1)</script>", "'; DROP TABLE x", "é\u202e"]
)
def test_a_run_that_is_none_is_not_found_and_the_way_out_is_said(visit, name):
    with pytest.raises(RefusedError, match="/runs lists") as refused:
        pages.show_run(visit(run=name))
    assert refused.value.status == 404


def test_a_run_of_dead_letters_alone_has_a_page(bigquery, visit, run):
    put(bigquery, "dead_letters", [dead_letter(run, 1, "decode", "invalid_json")])
    page = visit(run=run)
    assert "/run-parts/accounts" in html(pages.show_run(page), page)


def test_a_comparison_says_what_weir_compare_says(bigquery, visit, run):
    store(bigquery, run, f"v-{run}", A)
    store(bigquery, f"{run}-b", f"w-{run}", B)
    asked = visit({"run": run, "other": f"{run}-b"})
    values = show_compared(asked).values
    printed = CliRunner().invoke(app, ["compare", run, f"{run}-b", *service(bigquery), "--json"])
    said = json.loads(printed.stdout)
    total = values["found"].counted.total
    assert total.flips.pairs == said["total"]["pairs"]
    assert total.flips.newly_flagged.low == said["total"]["newly_flagged"]["low"]
    assert values["words"] == said["words"]
    assert [f.offset for f in values["found"].flips] == [f["offset"] for f in said["flips"]]
    text = html(show_compared(asked), asked)
    flip = values["found"].flips[0]
    assert f"/posts/{flip.a.decision_id}?day=2026-03-04&amp;run={run}" in text
    decisions = asked.rows(
        "SELECT decision_id FROM `{dataset}.decisions` WHERE run = @run AND `offset` = @at",
        run=run,
        at=flip.offset,
    )
    assert decisions == [{"decision_id": flip.a.decision_id}]


def test_a_comparison_of_what_is_not_there_says_which_runs_are(visit, run):
    with pytest.raises(OptionError, match="There is no run"):
        show_compared(visit({"run": run, "other": "live"}))
    with pytest.raises(RefusedError, match="Name two"):
        show_compared(visit({"run": run}))


@pytest.fixture
def topic(kafka, bigquery):
    """A topic of posts."""
    made = Job(kafka, bigquery)
    made.send(POSTS[240:])
    return made


@pytest.fixture
def one_policy(tmp_path):
    """A folder with one policy."""
    shutil.copytree(LIBRARY / "spam", tmp_path / "policies/spam")
    return str(tmp_path / "policies")


@pytest.fixture
def to_replay(setup, topic, one_policy):
    setup = replace(setup, policies=one_policy)
    return replace(
        setup, kafka=topic.kafka, topics=(topic.name,), job=("--reading=off", "--engine=exemplar")
    )


@pytest.fixture
def form(topic, one_policy):
    """What an operator types, for all of the topic."""
    return {
        "topics": topic.name,
        "start": "earliest",
        "stop": "latest",
        "name": topic.name,
        "policies": one_policy,
        "sample": "100%",
    }


def ended(bigquery, run):
    """Return a process once it has ended."""
    for _ in range(600):
        kept = processes.find(bigquery, run)
        if not kept.running:
            return kept
        time.sleep(0.2)
    raise AssertionError(kept.lines)


def test_a_replay_is_forecast_started_and_decides_its_slice(
    bigquery, topic, to_replay, form, visit
):
    pages.forecast(visit(form=form, setup=to_replay))
    kept = ended(bigquery, topic.name)
    assert kept.ready, kept.lines
    assert any("posts to decide" in line for line in kept.lines)
    assert topic.rows("SELECT run FROM `{dataset}.screenings` WHERE run = @run") == []
    begin = visit(form={"name": topic.name, "why": "a new policy"}, setup=to_replay)
    pages.start(begin)
    assert pages.start(begin).said.startswith("It runs already, started by ann")
    kept = ended(bigquery, topic.name)
    assert (kept.state, kept.code) == ("The replay is done", 0), kept.lines
    (row,) = topic.rows("SELECT COUNT(*) AS posts FROM `{dataset}.screenings` WHERE run = @run")
    assert row["posts"] == len(POSTS[240:])
    (action,) = visit().rows(
        "SELECT person, what, why FROM `{dataset}.console_actions` WHERE subject = @run",
        run=topic.name,
    )
    assert action == {"person": "ann", "what": "run-start", "why": "a new policy"}
    (listed,) = [r for r in pages.show(visit()).values["runs"] if r.name == topic.name]
    assert listed.is_replay


def test_a_replay_that_cannot_start_shows_its_sentence(bigquery, topic, to_replay, form, visit):
    pages.forecast(visit(form=form | {"topics": "no-such-topic"}, setup=to_replay))
    kept = ended(bigquery, topic.name)
    assert (kept.state, kept.ready) == ("The forecast could not start", False)
    part = visit({"run": topic.name}, setup=to_replay)
    assert "no-such-topic" in html(pages.show_process(part), part)
    with pytest.raises(RefusedError, match="forecast is not done"):
        pages.start(visit(form={"name": topic.name}, setup=to_replay))


def test_one_that_was_stopped_or_killed_is_known_as_that_by_another_console(
    bigquery, topic, to_replay, form, visit, monkeypatch
):
    pages.forecast(visit(form=form, setup=to_replay))
    with pytest.raises(RefusedError, match="runs already, started by ann"):
        pages.forecast(visit(form=form, setup=to_replay, person="bob"))
    part = visit({"run": topic.name}, setup=to_replay)
    assert "It is starting" in html(pages.show_process(part), part)
    pages.stop(visit(form={"name": topic.name}, setup=to_replay, person="bob"))
    assert ended(bigquery, topic.name).state == "The forecast was stopped by bob"
    with pytest.raises(RefusedError, match="stopped there, by Ctrl-C"):
        pages.stop(visit(form={"name": topic.name}, setup=to_replay))
    pages.forecast(visit(form=form, setup=to_replay))
    (file,) = processes.base().glob("*/pid")
    os.kill(int(file.read_text()), signal.SIGKILL)
    assert ended(bigquery, topic.name).state == "The forecast was killed"


def test_what_was_deferred_is_judged_by_a_process_that_an_operator_starts(
    bigquery, topic, to_replay, form, visit
):
    setup = replace(to_replay, deferred_topic=f"{topic.name}-deferred")
    topic.run(
        f"--policies={to_replay.policies}",
        f"--deferred-topic={setup.deferred_topic}",
        "--budget-share=0.5",
    )
    waits = "SELECT deferred, judged FROM `{dataset}.conservation` WHERE run = @run"
    (before,) = topic.rows(waits)
    assert before["deferred"] > 0
    pages.start_deferred(visit(form={"why": "all is well again"}, setup=setup))
    kept = ended(bigquery, OF_DEFERRED)
    assert kept.state == "The judging of what was deferred is done", kept.lines
    (after,) = topic.rows(waits)
    assert after == {"deferred": 0, "judged": before["judged"] + before["deferred"]}
