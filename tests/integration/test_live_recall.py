"""The audit in BigQuery: what the views and the command say of rows written for the purpose."""

import csv
import json
import random
import uuid
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import pyarrow as pa
import pytest
from google.cloud.bigquery import ScalarQueryParameter
from typer.testing import CliRunner

from tests.rows import deferral, screening, verdict
from weir.pipelines.bigquery.queries import execute
from weir.pipelines.commands.cli import app
from weir.pipelines.demo import query
from weir.pipelines.screening.recall import added_up, audit_days
from weir.transforms.records import DEFERRAL, SCREENING, VERDICT
from weir.transforms.screen.live_certificate import Judged, certify
from weir.transforms.screen.live_recall import Sample, estimate
from weir.transforms.write.bigquery.appender import Appender
from weir.transforms.write.bigquery.connection import AppendConnection
from weir.transforms.write.bigquery.rows import ROWS, project

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
SCHEMAS = {
    "screenings": SCREENING,
    "shadow_screenings": SCREENING,
    "verdicts": VERDICT,
    "deferrals": DEFERRAL,
}


@pytest.fixture
def run():
    return f"run-{uuid.uuid4().hex[:8]}"


class Decision(NamedTuple):
    """What became of one post and policy; ``outcome`` is None while it waits to be judged."""

    offset: int
    policy: str
    at: datetime
    route: str
    outcome: str | None = None
    chance: float = 1.0


def put(settings, table, rows):
    appender = Appender(
        lambda: AppendConnection(settings.write_client(), settings.stream(table)), table
    )
    appender.append(project(pa.RecordBatch.from_pylist(rows, SCHEMAS[table]), ROWS[table]))
    assert not appender.drain()
    appender.close()


def store(settings, run, decisions, version="s1", at=NOON):
    """Write the rows of a run, as a job would that processes them at this time."""
    routes, verdicts, deferrals = {}, [], []
    for d in decisions:
        screened = "audit" if d.route == "deferred" else d.route
        routes.setdefault((d.offset, d.at), {})[d.policy] = screened
        row = {"created_at": d.at, "screen_version": version, "route": d.route}
        row["inclusion_probability"] = d.chance
        if d.outcome:
            text = f"post {d.offset}, with a comma"
            row |= {"judged_at": at, "text": text}
            verdicts.append(verdict(run, d.offset, d.policy, d.outcome, **row))
        elif d.route != "clear":
            deferrals.append(deferral(run, d.offset, d.policy, **row | {"deferred_at": at}))
    screened = [
        screening(run, offset, screened_at=at, screen_version=version, **chosen)
        | {"created_at": created}
        for (offset, created), chosen in routes.items()
    ]
    for table, rows in (
        ("screenings", screened),
        ("verdicts", verdicts),
        ("deferrals", deferrals),
    ):
        if rows:
            put(settings, table, rows)


def traffic(seed, posts=500):
    """Return decisions of two policies over two days, of every kind."""
    draw, decisions = random.Random(seed), []
    for offset in range(posts):
        at = NOON + timedelta(days=offset % 2)
        for policy in ("hate", "spam"):
            (route,) = draw.choices(
                ["clear", "escalate", "audit", "deferred", "forced"], [60, 20, 15, 2, 3]
            )
            (outcome,) = draw.choices(["violates", "safe", "indeterminate", None], [2, 6, 1, 1])
            chance = draw.choice([0.1, 0.25]) if route in ("audit", "deferred") else 1.0
            outcome = None if route == "clear" else outcome
            decisions.append(Decision(offset, policy, at, route, outcome, chance))
    return decisions


def counted(decisions):
    """Return what is known of decisions, counted one by one."""
    answered = [d for d in decisions if d.outcome in ("violates", "safe")]
    escalated = [d for d in answered if d.route == "escalate"]
    audits = [d for d in answered if d.route == "audit"]
    missed = [d for d in audits if d.outcome == "violates"]
    routes = [d.route for d in decisions]
    return Sample(
        escalated=routes.count("escalate"),
        escalated_answered=len(escalated),
        caught=sum(d.outcome == "violates" for d in escalated),
        cleared=sum(route in ("clear", "audit", "deferred") for route in routes),
        audits=routes.count("audit"),
        audits_answered=len(audits),
        missed_seen=len(missed),
        audit_weight=pytest.approx(sum(1 / d.chance for d in audits)),
        audit_squares=pytest.approx(sum(d.chance**-2 for d in audits)),
        missed_weight=pytest.approx(sum(1 / d.chance for d in missed)),
        missed_squares=pytest.approx(sum(d.chance**-2 for d in missed)),
    )


def live_recall(settings, run):
    sql = "SELECT * FROM `{dataset}.live_recall` WHERE run = @run ORDER BY policy_id, day"
    return query(settings, sql, run)


def sample_of(row):
    return Sample(**{name: row[name] for name in Sample.__dataclass_fields__})


def test_the_view_says_what_python_counts_whatever_was_written_twice(bigquery, run):
    decisions, others = traffic(1), traffic(2)
    store(bigquery, run, decisions)
    store(bigquery, run, decisions[100:700], at=NOON + timedelta(hours=1))
    store(bigquery, f"{run}-b", others)
    for name, known in ((run, decisions), (f"{run}-b", others)):
        rows = live_recall(bigquery, name)
        assert len(rows) == 4
        for row in rows:
            part = [d for d in known if (d.policy, d.at.date()) == (row["policy_id"], row["day"])]
            assert sample_of(row) == counted(part)
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
    ("caught", "missed", "audits", "chance"),
    [(0, 0, 50, 0.1), (0, 2, 50, 0.1), (9, 0, 50, 0.01), (9, 1, 50, 0.01), (5, 2, 9, 1.0)],
)
def test_the_view_and_python_agree_on_small_counts(bigquery, run, caught, missed, audits, chance):
    decisions = [Decision(n, "spam", NOON, "escalate", "violates") for n in range(caught)]
    outcomes = ["violates"] * missed + ["safe"] * (audits - missed)
    decisions += [
        Decision(100 + n, "spam", NOON, "audit", outcome, chance)
        for n, outcome in enumerate(outcomes)
    ]
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
    expected = Judged(caught, tuple(counts), sum(d.outcome is None for d in audits))
    assert spam.live_certificate == certify(expected)
    (said,) = json.loads(weir_audit(bigquery, run, "--json").stdout)
    assert said["live_certificate"] == asdict(spam.live_certificate)
    assert "at least" in weir_audit(bigquery, run).stdout


def weir_audit(settings, run, *more):
    command = [
        "screen",
        "audit",
        "--bigquery-project",
        settings.project,
        "--bigquery-dataset",
        settings.dataset,
    ]
    command += [
        "--bigquery-rest",
        settings.rest_endpoint,
        "--bigquery-grpc",
        settings.grpc_endpoint,
    ]
    return CliRunner().invoke(app, [*command, "--run", run, "--days", "0", *more])


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


def comparison(settings, run):
    sql = "SELECT * FROM `{dataset}.screen_comparison` WHERE run = @run ORDER BY policy_id"
    return query(settings, sql, run)


def test_a_second_screen_is_compared_by_what_it_would_send_and_catch(bigquery, run):
    # Route of the first screen, verdict, and what the second screen would have done.
    pairs = [
        ("escalate", "violates", 1.0, "escalate"),
        ("escalate", "violates", 1.0, "clear"),
        ("escalate", "safe", 1.0, "clear"),
        ("audit", "violates", 0.25, "escalate"),
        ("audit", "safe", 0.25, "escalate"),
        ("clear", None, 1.0, "clear"),
        ("deferred", "violates", 0.25, "escalate"),
        ("escalate", "indeterminate", 1.0, "escalate"),
    ]
    decisions = [
        Decision(n, "spam", NOON, route, outcome, chance)
        for n, (route, outcome, chance, _) in enumerate(pairs)
    ]
    store(bigquery, run, decisions)
    shadow = [
        screening(run, n, screen_version="second", spam=route)
        for n, (*_, route) in enumerate(pairs)
    ]
    put(bigquery, "shadow_screenings", [*shadow, *shadow[:5]])
    (row,) = comparison(bigquery, run)
    assert {
        "screen_version": "s1",
        "shadow_version": "second",
        "head": True,
        "shadow_head": True,
        "posts": 8,
        "sent_by_both": 2,
        "sent_by_live_alone": 2,
        "sent_by_shadow_alone": 3,
        "cleared_by_both": 1,
        "violating": 3,
        "violating_live_alone": 1,
        "violating_shadow_alone": 1,
        "violations": 6.0,
        "caught": 2.0,
        "shadow_caught": 5.0,
        "lost": 1.0,
        "gained": 4.0,
        "escalation_rate": 4 / 8,
        "shadow_escalation_rate": 5 / 8,
        "recall": pytest.approx(2 / 6),
        "shadow_recall": pytest.approx(5 / 6),
    }.items() <= row.items()


def test_a_policy_without_a_head_in_one_screen_is_sent_whole_by_it(bigquery, run):
    store(
        bigquery,
        run,
        [
            Decision(1, "new", NOON, "forced", "violates"),
            Decision(2, "new", NOON, "forced", "safe"),
            Decision(1, "old", NOON, "clear"),
            Decision(2, "old", NOON, "audit", "violates", 0.5),
        ],
    )
    shadow = [
        screening(run, 1, screen_version="second", new="escalate", old="forced"),
        screening(run, 2, screen_version="second", new="clear", old="forced"),
    ]
    put(bigquery, "shadow_screenings", shadow)
    new, old = comparison(bigquery, run)
    assert (new["head"], new["shadow_head"], old["head"], old["shadow_head"]) == (
        *(False, True),
        *(True, False),
    )
    assert (new["escalation_rate"], new["shadow_escalation_rate"]) == (1, 0.5)
    assert (new["recall"], new["shadow_recall"]) == (1, 1)
    assert (old["escalation_rate"], old["shadow_escalation_rate"]) == (0, 1)
    assert (old["recall"], old["shadow_recall"]) == (0, 1)


def test_no_view_of_the_live_screen_sees_the_second_one(bigquery, run):
    store(bigquery, run, traffic(4, posts=40))
    views = {
        "labels": "`offset`, policy_id",
        "daily_rates": "day, policy_id",
        "conservation": "run",
        "live_recall": "day, policy_id",
    }

    def seen():
        sql = "SELECT * FROM `{dataset}.VIEW` WHERE run = @run ORDER BY "
        return {
            view: query(bigquery, sql.replace("VIEW", view) + order, run)
            for view, order in views.items()
        }

    before = seen()
    put(
        bigquery,
        "shadow_screenings",
        [screening(run, n, screen_version="second", spam="escalate") for n in range(60)],
    )
    assert seen() == before
