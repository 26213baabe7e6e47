"""Complaints about decisions: taken for six months, counted once, decided by somebody."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from tests.integration.stored import put, service
from tests.rows import screening, verdict
from weir.pipelines.commands.cli import app
from weir.pipelines.demo import query

NOW = datetime.now(UTC)
LABELS = "SELECT label, decided_by FROM `{dataset}.labels` WHERE run = @run"
OUTCOMES = (
    "SELECT state, decided_by, reviewer, late FROM `{dataset}.complaint_outcomes` WHERE run = @run"
)


@pytest.fixture
def decided(bigquery, run):
    """The id of a decision of today that a post violates a policy."""
    put(bigquery, "verdicts", [verdict(run, 1, "spam", "violates", judged_at=NOW)])
    return f"{run}-spam-v1-1"


def weir(settings, command, *more):
    return CliRunner().invoke(app, ["complaint", command, *service(settings), *more])


def opened(settings, run, decision, *more):
    done = weir(settings, "open", "--run", run, decision, *more)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def test_a_complaint_given_twice_is_one_and_is_open(bigquery, run, decided):
    assert opened(bigquery, run, decided) == opened(bigquery, run, decided)
    assert query(bigquery, OUTCOMES, run) == [
        {"state": "open", "decided_by": None, "reviewer": None, "late": False}
    ]


def test_a_person_who_overturns_a_decision_has_the_last_word_in_the_views(bigquery, run, decided):
    complaint = opened(bigquery, run, decided)
    for _ in range(2):
        more = ("--outcome", "overturned", "--reviewer", "ann", complaint)
        assert weir(bigquery, "decide", *more).exit_code == 0
    assert query(bigquery, LABELS, run) == [{"label": "safe", "decided_by": "human"}]
    assert query(bigquery, OUTCOMES, run) == [
        {"state": "overturned", "decided_by": "person", "reviewer": "ann", "late": False}
    ]
    rows = query(bigquery, "SELECT state FROM `{dataset}.complaints` WHERE run = @run", run)
    assert len(rows) == 2


def test_a_program_that_decides_is_told_from_a_person_and_changes_no_label(bigquery, run, decided):
    complaint = opened(bigquery, run, decided)
    weir(bigquery, "decide", "--outcome", "upheld", "--automated", complaint)
    assert query(bigquery, OUTCOMES, run)[0]["decided_by"] == "automated"
    assert query(bigquery, LABELS, run) == [{"label": "violates", "decided_by": "judge"}]


def test_a_complaint_after_six_months_is_refused_unless_it_is_taken_as_late(bigquery, run):
    long_ago = NOW - timedelta(days=190)
    put(bigquery, "verdicts", [verdict(run, 1, "spam", "violates", judged_at=long_ago)])
    done = weir(bigquery, "open", "--run", run, f"{run}-spam-v1-1")
    assert done.exit_code == 2
    assert "complaints about that decision were taken until" in done.stderr
    opened(bigquery, run, f"{run}-spam-v1-1", "--late")
    assert query(bigquery, OUTCOMES, run)[0]["late"] is True


def test_what_nobody_restricted_may_be_complained_about_too(bigquery, run):
    put(bigquery, "screenings", [screening(run, 1, screened_at=NOW, spam="clear", hate="clear")])
    decision = f"{run}-screen-s1-1"
    done = weir(bigquery, "open", "--run", run, decision)
    assert "that decision is on several policies; give --policy: hate, spam" in done.stderr
    complaint = opened(bigquery, run, decision, "--policy", "spam")
    weir(bigquery, "decide", "--outcome", "overturned", "--reviewer", "ann", complaint)
    labels = LABELS + " AND policy_id = 'spam'"
    assert query(bigquery, labels, run) == [{"label": "violates", "decided_by": "human"}]


def test_the_list_says_who_decided(bigquery, run, decided):
    complaint = opened(bigquery, run, decided)
    weir(bigquery, "decide", "--outcome", "upheld", "--reviewer", "ann", complaint)
    listed = json.loads(weir(bigquery, "list", "--run", run, "--json").stdout)
    assert [(each["complaint_id"], each["reviewer"]) for each in listed] == [(complaint, "ann")]
    assert (
        json.loads(weir(bigquery, "list", "--run", run, "--state", "open", "--json").stdout) == []
    )


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("open", "no-such-decision"), "has no such decision in force"),
        (("open", "d", "--received", "3000-01-01"), "that time has not come yet"),
        (("decide", "none", "--outcome", "upheld", "--reviewer", "ann"), "there is no complaint"),
        (("decide", "none", "--outcome", "upheld"), "Give one of --reviewer and --automated"),
        (("list", "--state", "lost"), "give open, upheld or overturned"),
    ],
)
def test_what_cannot_be_recorded_is_refused_in_a_sentence(bigquery, command, said):
    done = weir(bigquery, *command)
    assert done.exit_code == 2
    assert said in done.stderr
