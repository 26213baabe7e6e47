"""Live recall, as a view, as Python and as a command."""

import csv
import json
from contextlib import closing
from dataclasses import asdict
from datetime import date, timedelta

import pytest
from google.cloud.bigquery import ScalarQueryParameter
from typer.testing import CliRunner

from tests.integration.live_recall.cases import (
    NOON,
    Decision,
    counted,
    live_recall,
    sample_of,
    store,
    traffic,
)
from tests.integration.stored import service
from weir.pipelines.bigquery.queries import execute
from weir.pipelines.commands.cli import app
from weir.pipelines.screening.recall import added_up, audit_days
from weir.transforms.screen.live_certificate import Judged, certify
from weir.transforms.screen.live_recall import estimate


def test_the_view_says_what_python_counts_whatever_was_written_twice(bigquery, run):
    decisions, others = traffic(1), traffic(2)
    store(bigquery, run, decisions, audit_rate=0.05)
    store(bigquery, run, decisions[100:700], at=NOON + timedelta(hours=1), audit_rate=0.05)
    store(bigquery, f"{run}-b", others)
    for name, known, rate in ((run, decisions, 0.05), (f"{run}-b", others, None)):
        rows = live_recall(bigquery, name)
        assert len(rows) == 4
        for row in rows:
            part = [d for d in known if (d.policy, d.at.date()) == (row["policy_id"], row["day"])]
            assert sample_of(row) == counted(part, rate)
            assert row["forced"] == sum(d.route == "forced" for d in part)
            check_estimate(row)


def check_estimate(row):
    said = estimate(sample_of(row))
    expected = {
        "missed": said.missed.value,
        "missed_low": said.missed.low,
        "missed_high": said.missed.high,
        "recall": said.recall.value,
        "recall_low": said.recall.low,
        "recall_high": said.recall.high,
        "recall_lowest": said.lowest,
        "recall_highest": said.highest,
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize(
    ("caught", "missed", "audits", "chance", "beside"),
    [
        (0, 0, 50, 0.1, 0),
        (0, 2, 50, 0.1, 0),
        (9, 0, 50, 0.01, 0),
        (9, 1, 50, 0.01, 0),
        (5, 2, 9, 1.0, 0),
        (9, 0, 50, 0.01, 2),
        (0, 1, 50, 0.1, 1),
    ],
)
def test_the_view_and_python_agree_on_small_counts(
    bigquery, run, caught, missed, audits, chance, beside
):
    decisions = [Decision(n, "spam", NOON, "escalate", "violates") for n in range(caught)]
    outcomes = ["violates"] * missed + ["safe"] * (audits - missed)
    decisions += [
        Decision(100 + n, "spam", NOON, "audit", outcome, chance)
        for n, outcome in enumerate(outcomes)
    ]
    decisions += [Decision(300 + n, "spam", NOON, "beside", "violates") for n in range(beside)]
    decisions += [Decision(400, "spam", NOON, "beside", "safe")] if beside else []
    store(bigquery, run, decisions)
    (row,) = live_recall(bigquery, run)
    assert row["missed_seen"] == missed
    check_estimate(row)


def test_without_an_audit_the_view_knows_no_recall(bigquery, run):
    store(bigquery, run, [Decision(n, "spam", NOON, "escalate", "violates") for n in range(3)])
    (row,) = live_recall(bigquery, run)
    assert (row["caught"], row["recall"], row["missed"]) == (3, None, None)
    assert (row["recall_low"], row["recall_high"]) == (0, 1)


def test_a_day_with_two_screens_has_a_row_for_each(bigquery, run):
    store(bigquery, run, [Decision(1, "spam", NOON, "escalate", "violates")], version="old")
    store(bigquery, run, [Decision(2, "spam", NOON, "escalate", "violates")], version="new")
    assert {r["screen_version"]: r["caught"] for r in live_recall(bigquery, run)} == {
        "old": 1,
        "new": 1,
    }


def record_card(settings, version, *heads):
    sql = "INSERT INTO `{dataset}.screens` (screen_version, card) VALUES (@version, @card)"
    values = {"version": version, "card": json.dumps({"heads": heads})}
    parameters = [ScalarQueryParameter(name, "STRING", value) for name, value in values.items()]
    dataset = f"{settings.project}.{settings.dataset}"
    with closing(settings.client()) as client:
        execute(client, sql.replace("{dataset}", dataset), parameters)


def test_days_are_added_up_and_the_certificate_is_that_of_the_screen(bigquery, run):
    decisions = traffic(3)
    store(bigquery, run, decisions, version=run)
    head = {"policy_id": "spam", "certificate": {"certified": True, "recall": 0.95}}
    record_card(bigquery, run, head, {"policy_id": "hate", "certificate": None})
    hate, spam = added_up(audit_days(bigquery, run))
    assert spam.sample == counted([d for d in decisions if d.policy == "spam"])
    assert (spam.certified, hate.certified, spam.days) == (0.95, None, 2)
    (last,) = audit_days(bigquery, run, since=date(2026, 3, 5), policy_id="spam")
    assert (last.first, last.last) == (date(2026, 3, 5), date(2026, 3, 5))


def test_the_live_certificate_rests_on_the_judges_answers(bigquery, run):
    decisions = [d for d in traffic(5) if d.policy == "spam"]
    store(bigquery, run, decisions)
    (spam,) = added_up(audit_days(bigquery, run))
    audits = [d for d in decisions if d.route == "audit"]
    counts = [
        (chance, len(those), sum(d.outcome == "violates" for d in those))
        for chance in (0.1, 0.25)
        if (those := [d for d in audits if d.chance == chance and d.outcome])
    ]
    caught = sum((d.route, d.outcome) == ("escalate", "violates") for d in decisions)
    beside = [d for d in decisions if d.route == "beside"]
    expected = Judged(
        caught,
        tuple(counts),
        sum(d.outcome is None for d in audits),
        sum(d.outcome in ("violates", None) for d in beside),
    )
    assert spam.live_certificate == certify(expected)
    (said,) = json.loads(weir_audit(bigquery, run, "--json").stdout)
    assert said["live_certificate"] == asdict(spam.live_certificate)
    assert "at least" in weir_audit(bigquery, run).stdout


def test_posts_cleared_at_a_rate_of_which_none_is_audited_yet_are_not_taken_for_sound(
    bigquery, run
):
    caught = [Decision(n, "spam", NOON, "escalate", "violates") for n in range(48)]
    compared = [Decision(100 + n, "spam", NOON, "audit", "safe", 0.5) for n in range(20)]
    cleared = [Decision(200 + n, "spam", NOON, "clear") for n in range(60)]
    store(bigquery, run, caught + compared + cleared, audit_rate=0.001)
    (spam,) = added_up(audit_days(bigquery, run))
    assert spam.live_certificate == certify(Judged(48, ((0.5, 20, 0), (0.001, 0, 0))))
    (row,) = live_recall(bigquery, run)
    assert row["recall_low"] < 0.05
    check_estimate(row)


def test_a_run_that_audits_nothing_for_a_day_certifies_nothing_of_it(bigquery, run):
    audited = [Decision(n, "spam", NOON, "audit", "safe", 0.5) for n in range(20)]
    store(bigquery, run, audited, audit_rate=0.5)
    store(
        bigquery,
        run,
        [Decision(90, "spam", NOON + timedelta(days=1), "clear")],
        audit_rate=0.0,
    )
    (spam,) = added_up(audit_days(bigquery, run))
    assert spam.live_certificate is None


def test_an_audit_that_waits_counts_at_its_own_chance(bigquery, run):
    caught = [Decision(n, "spam", NOON, "escalate", "violates") for n in range(48)]
    compared = [Decision(100 + n, "spam", NOON, "audit", "safe", 0.5) for n in range(20)]
    waiting = [Decision(200, "spam", NOON, "audit", None, 0.01)]
    store(bigquery, run, caught + compared + waiting)
    (spam,) = added_up(audit_days(bigquery, run))
    assert spam.live_certificate == certify(Judged(48, ((0.5, 20, 0), (0.01, 0, 0)), unanswered=1))


def weir_audit(settings, run, *more):
    command = ["screen", "audit", *service(settings), "--run", run, "--days", "0", *more]
    return CliRunner().invoke(app, command)


def drifting(violating):
    """Return decisions of a run whose audit saw so many of the violations that were missed."""
    caught = [Decision(n, "spam", NOON, "escalate", "violates") for n in range(100)]
    outcomes = ["violates"] * violating + ["safe"] * (100 - violating)
    audits = [
        Decision(500 + n, "spam", NOON, "audit", outcome, 0.5) for n, outcome in enumerate(outcomes)
    ]
    return caught + audits


def test_drift_is_said_in_words_and_by_the_exit_code_where_that_is_asked_for(bigquery, run):
    store(bigquery, run, drifting(violating=20), version=run)
    record_card(
        bigquery, run, {"policy_id": "spam", "certificate": {"certified": True, "recall": 0.95}}
    )
    said = weir_audit(bigquery, run, "--json")
    assert said.exit_code == 0
    (spam,) = json.loads(said.stdout)
    assert spam["drift"]
    assert "below the 95.0% certified" in spam["verdict"]
    assert spam["recall"]["value"] == pytest.approx(100 / 140)
    assert weir_audit(bigquery, run, "--fail-on-drift").exit_code == 1


def test_a_fitting_certificate_does_not_fail(bigquery, run):
    store(bigquery, run, drifting(violating=2), version=run)
    record_card(
        bigquery, run, {"policy_id": "spam", "certificate": {"certified": True, "recall": 0.95}}
    )
    said = weir_audit(bigquery, run, "--fail-on-drift", "--by-day")
    assert said.exit_code == 0
    assert "2026-03-04" in said.stdout


def test_missed_posts_are_written_once_as_labels_of_every_policy_that_judged_them(
    bigquery, run, tmp_path
):
    decisions = [
        Decision(1, "spam", NOON, "audit", "violates", 0.1),
        Decision(1, "hate", NOON, "audit", "safe", 0.1),
        Decision(2, "spam", NOON, "deferred", "violates", 0.1),
        Decision(2, "hate", NOON, "escalate", "indeterminate"),
        Decision(3, "spam", NOON, "escalate", "violates"),
        Decision(4, "spam", NOON, "audit", "safe", 0.1),
    ]
    store(bigquery, run, decisions)
    store(bigquery, run, decisions)
    file = tmp_path / "missed.csv"
    said = weir_audit(bigquery, run, "--missed", str(file))
    assert said.exit_code == 0, said.output
    assert "post 1" not in said.output
    with file.open(encoding="utf-8", newline="") as lines:
        assert list(csv.DictReader(lines)) == [
            {"text": "post 1, with a comma", "hate": "0", "spam": "1"},
            {"text": "post 2, with a comma", "hate": "", "spam": "1"},
        ]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--run", "no-such-run"], "no-such-run"),
        (["--days", "-1"], "--days"),
        (["--bigquery-dataset", "no_such_dataset"], "no_such_dataset"),
    ],
)
def test_an_audit_of_nothing_ends_with_a_sentence_and_exit_code_2(bigquery, run, more, said):
    result = weir_audit(bigquery, run, *more)
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
