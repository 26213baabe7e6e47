"""Changes: who did what through the console, shown and kept."""

import csv
import io
import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.console import actions
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.changes import pages
from weir.pipelines.console.changes import rows as changes
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.visit import RefusedError, Visit

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def who():
    """A person that no other test has."""
    return f"=ada-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def visit(bigquery, who):
    def visit(**query):
        person = Person(who, Role.OPERATOR)
        return Visit(Setup(bigquery, OnLoopback()), person, "/changes", query=query, now=NOW)

    return visit


@pytest.fixture
def done(visit, who):
    """Three changes of the person, of which the last is the latest."""
    for n, what in enumerate(("policy-save", "policy-promote", "replay-start")):
        at = NOW - timedelta(days=3 - n)
        actions.record(visit(), what, f"spam-{n}", why="so\nit is", detail={"n": n}, done_at=at)


def shown(visit, **query):
    answer = pages.show(visit(**query))
    return [row["what"] for row in answer.values["rows"]]


@pytest.mark.usefixtures("done")
def test_changes_are_shown_the_latest_first_by_person_what_subject_and_days(visit, who):
    assert shown(visit, person=who) == ["replay-start", "policy-promote", "policy-save"]
    assert shown(visit, person=who, what="policy-save") == ["policy-save"]
    assert shown(visit, person=who, subject="spam-1") == ["policy-promote"]
    assert shown(visit, person=who, since="2026-03-02", until="2026-03-02") == ["policy-promote"]
    assert shown(visit, person="nobody") == []


@pytest.mark.usefixtures("done")
def test_older_changes_follow_on_the_next_page_none_twice(visit, who, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 2)
    first = pages.show(visit(person=who)).values
    rest = pages.show(visit(person=who, after=first["after"])).values
    found = [row["subject"] for page in (first, rest) for row in page["rows"]]
    assert found == ["spam-2", "spam-1", "spam-0"]
    assert rest["after"] == ""


@pytest.mark.usefixtures("done")
def test_all_are_kept_as_csv_without_formulas_and_as_json(visit, who, monkeypatch):
    monkeypatch.setattr(changes, "_BATCH", 2)
    saved = pages.save_csv(visit(person=who, what=""))
    rows = list(csv.DictReader(io.StringIO(b"".join(saved.content).decode())))
    assert [row["subject"] for row in rows] == ["spam-2", "spam-1", "spam-0"]
    assert {row["person"] for row in rows} == {f"'{who}"}
    assert saved.name == "weir-changes-2026-02-03-2026-03-04.csv"
    kept = pages.save_json(visit(person=who))
    said = [json.loads(line) for line in b"".join(kept.content).splitlines()]
    assert [each["detail"] for each in said] == [{"n": 2}, {"n": 1}, {"n": 0}]
    assert {each["person"] for each in said} == {who}


@pytest.mark.parametrize(
    "query",
    [
        {"since": "yesterday"},
        {"until": "2026-02-30"},
        {"since": "2026-03-05", "until": "2026-03-04"},
        {"since": "1900-01-01"},
        {"after": "x"},
    ],
)
def test_an_address_that_means_nothing_is_refused(visit, query):
    with pytest.raises(RefusedError):
        pages.show(visit(**query))


def test_a_reason_is_kept_within_bounds(visit, bigquery, who):
    actions.record(visit(), "policy-save", "spam", why="x" * 5_000, done_at=NOW)
    with open_dataset(bigquery) as dataset:
        sql = "SELECT why FROM `{dataset}.console_actions` WHERE person = @who"
        (row,) = dataset.rows(sql, who=who)
    assert len(row["why"]) == actions.MOST_WHY
