"""Starting and stopping replays in the console: once, and on record, whatever happens meanwhile."""

import errno
import fcntl
import json
import os
from dataclasses import asdict
from datetime import UTC, datetime

import pytest

from tests.rows import NOON
from weir.pipelines.bigquery.errors import TablesError
from weir.pipelines.bigquery.rows import insert
from weir.pipelines.console import actions
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.runs import claims, pages, processes
from weir.pipelines.console.runs.processes import FORECAST, Asked
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.visit import RefusedError, Visit

LATELY = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    """Where a console keeps what it started."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def visit(bigquery):
    """Return a visit of an operator."""

    def visit(form=(), person="ann"):
        who = Person(person, Role.OPERATOR)
        return Visit(Setup(bigquery, OnLoopback()), who, "/runs", form=dict(form), now=NOON)

    return visit


@pytest.fixture
def ready(bigquery, run, monkeypatch):
    """A forecast that is done, and the runs whose processes are started after it."""
    place = processes.folder_of(bigquery, run)
    asked = Asked(run, FORECAST, ("--run=mine",), {"name": run}, "ann", NOON.isoformat())
    processes._write(place / "asked", json.dumps(asdict(asked)))
    processes.write_code(place, 0)
    started: list[str] = []
    monkeypatch.setattr(processes, "start", lambda _, asked, __: started.append(asked.run))
    return started


def recorded(visit, run):
    sql = "SELECT person FROM `{dataset}.console_actions` WHERE subject = @run"
    return [row["person"] for row in visit().rows(sql, run=run)]


def away(*_args, **_more):
    raise TablesError("BigQuery does not answer.")


def full(*_args):
    raise OSError(errno.ENOSPC, "No space left on device")


def elsewhere(monkeypatch, host):
    """Be on another machine from now on."""
    monkeypatch.setattr(claims, "machine", lambda: f"{host} /run")


def test_a_start_that_cannot_be_recorded_is_not_made_and_sent_again_it_is_made_once(
    visit, run, ready, monkeypatch
):
    with monkeypatch.context() as patched:
        patched.setattr(actions, "record", away)
        with pytest.raises(TablesError):
            pages.start(visit(form={"name": run}))
    assert ready == []
    pages.start(visit(form={"name": run}))
    assert (ready, recorded(visit, run)) == ([run], ["ann"])


def test_a_replay_that_another_machine_may_run_is_started_once_somebody_says_it_does_not(
    visit, run, ready, monkeypatch
):
    elsewhere(monkeypatch, "host-b")
    pages.start(visit(form={"name": run}, person="bob"))
    elsewhere(monkeypatch, "host-a")
    with pytest.raises(RefusedError, match=r"bob started .* on host-b at 2026-03-04 12:00") as told:
        pages.start(visit(form={"name": run}))
    assert (told.value.status, ready) == (409, [run])
    assert told.value.ways == {f"Back to {run}": f"/runs/{run}"}
    pages.start(visit(form={"name": run, "anyway": "yes"}))
    assert ready == [run, run]
    sql = (
        "SELECT person FROM `{dataset}.console_actions` "
        "WHERE subject = @run AND JSON_VALUE(detail, '$.anyway') = 'true'"
    )
    assert visit().rows(sql, run=run) == [{"person": "ann"}]


def test_a_replay_that_ended_elsewhere_is_gone_on_with_here(
    bigquery, visit, run, ready, monkeypatch
):
    elsewhere(monkeypatch, "host-b")
    pages.start(visit(form={"name": run}, person="bob"))
    insert(bigquery, "runs", {"run": run, "mode": "replay", "ended_at": LATELY})
    elsewhere(monkeypatch, "host-a")
    pages.start(visit(form={"name": run}))
    assert ready == [run, run]


def test_of_two_machines_that_start_at_once_the_second_is_told_and_does_not_hold_up_the_first(
    visit, run, ready, monkeypatch
):
    record = actions.record

    def beside(visit, what, *args, **more):
        if what == "run-start":
            theirs = {"detail": {"machine": "host-b /run"}, "action_id": f"{run}-b"}
            record(visit, what, *args, **more | theirs)
        return record(visit, what, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(actions, "record", beside)
        with pytest.raises(RefusedError, match="on host-b"):
            pages.start(visit(form={"name": run}))
    assert ready == []
    elsewhere(monkeypatch, "host-b")
    pages.start(visit(form={"name": run}, person="bob"))
    assert ready == [run]


def test_a_process_that_could_not_be_started_holds_up_no_other_machine(
    visit, run, ready, monkeypatch
):
    with monkeypatch.context() as patched:
        patched.setattr(processes, "start", full)
        with pytest.raises(OSError, match="No space left"):
            pages.start(visit(form={"name": run}))
    elsewhere(monkeypatch, "host-b")
    pages.start(visit(form={"name": run}, person="bob"))
    assert ready == [run]


def test_a_stop_that_was_not_recorded_is_recorded_when_sent_again_and_stops_nothing_at_once(
    bigquery, visit, run, ready, monkeypatch
):
    place = processes.folder_of(bigquery, run)
    processes._write(place / "pid", "1")
    told: list[int] = []
    monkeypatch.setattr(os, "kill", lambda number, _: told.append(number))
    with (place / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with monkeypatch.context() as patched:
            patched.setattr(actions, "record", away)
            with pytest.raises(TablesError):
                pages.stop(visit(form={"name": run}))
        for _ in range(2):
            pages.stop(visit(form={"name": run}))
    assert (told, recorded(visit, run)) == ([1], ["ann"])
