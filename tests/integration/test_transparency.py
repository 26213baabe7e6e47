"""What was decided becomes statements of reasons that the DSA Transparency Database would take."""

import csv
import json
from datetime import UTC, datetime, timedelta

from kafka.admin import NewTopic
from typer.testing import CliRunner

from tests.integration.stored import put, service
from tests.rows import human_label, verdict
from weir.pipelines.commands.cli import app
from weir.pipelines.demo import Stack, moderate_once
from weir.pipelines.posts import SAMPLE, read_posts
from weir.pipelines.transparency.validator import faults
from weir.transforms.decode import DecodeSettings
from weir.transforms.kafka.settings import KafkaSettings

TERMS = ("--contractual", "Terms, part 4", "--action", "removed", "--territory", "EU")
MARCH = ("--since", "2026-03-01", "--until", "2026-03-31")


def export(settings, run, out, *more):
    said = ["transparency", "export", *service(settings), "--run", run, "--out", str(out), *more]
    return CliRunner().invoke(app, said)


def statements(folder):
    bodies = [json.loads(file.read_text("utf-8")) for file in sorted(folder.glob("*.json"))]
    return [each for body in bodies for each in body["statements"]]


def held_back(folder):
    with (folder / "held-back.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_an_export_of_the_demos_decisions_passes_row_by_row(kafka, bigquery, run, tmp_path):
    stack = Stack(KafkaSettings(kafka), bigquery)
    with stack.kafka.admin() as admin:
        admin.create_topics([NewTopic(run, 1, 1)])
    producer = stack.kafka.producer()
    posts = [value for _, value in read_posts(SAMPLE, DecodeSettings()).messages][:600]
    for value in posts:
        producer.send(run, value=value)
    producer.close()
    report = moderate_once(stack, [f"--topics={run}", "--reading=off"], run=run)
    assert report.problems == ()
    today = datetime.now(UTC).date()
    days = ("--since", str(today - timedelta(days=1)), "--until", str(today))
    done = export(bigquery, run, tmp_path, *days, *TERMS, "--json")
    assert done.exit_code == 0, done.output
    made = statements(tmp_path)
    assert len(made) == json.loads(done.stdout)["statements"] > 0
    assert [fault for each in made for fault in faults(each)] == []
    assert len({each["puid"] for each in made}) == len(made)
    written = "\n".join(file.read_text("utf-8") for file in tmp_path.glob("*.json"))
    texts = [json.loads(value)["text"] for value in posts]
    assert not [text for text in texts if len(text) > 20 and text in written]


def test_what_a_person_decided_is_what_is_stated(bigquery, run, tmp_path):
    put(
        bigquery,
        "verdicts",
        [verdict(run, n, "spam", found) for n, found in enumerate(["violates"] * 3 + ["safe"] * 2)],
    )
    put(
        bigquery,
        "human_labels",
        [human_label(run, n, "spam", found) for n, found in [(1, "violates"), (2, "safe")]]
        + [human_label(run, 3, "spam", "violates")],
    )
    assert export(bigquery, run, tmp_path, *MARCH, *TERMS).exit_code == 0
    assert sorted(each["automated_decision"] for each in statements(tmp_path)) == [
        "AUTOMATED_DECISION_FULLY",
        "AUTOMATED_DECISION_NOT_AUTOMATED",
        "AUTOMATED_DECISION_PARTIALLY",
    ]


def test_what_no_policy_says_is_named_for_each_row_and_nothing_is_lost(bigquery, run, tmp_path):
    made = [verdict(run, n, policy, "violates") for n, policy in enumerate(["spam", "spam", "own"])]
    put(bigquery, "verdicts", made)
    done = export(bigquery, run, tmp_path, *MARCH, "--action", "removed")
    assert done.exit_code == 1
    assert statements(tmp_path) == []
    assert [(row["policy_id"], row["why"]) for row in held_back(tmp_path)] == [
        ("own", "the policy is not in the folder of --policies, or retired"),
        *[("spam", "the policy names no legal or contractual ground, territory")] * 2,
    ]


def test_a_decision_of_another_month_or_in_shadow_is_none_to_state(bigquery, run, tmp_path):
    put(
        bigquery,
        "verdicts",
        [
            verdict(run, 1, "spam", "violates", judged_at=datetime(2026, 4, 1, tzinfo=UTC)),
            verdict(run, 2, "spam", "violates", mode="shadow"),
        ],
    )
    done = export(bigquery, run, tmp_path, *MARCH, *TERMS)
    assert done.exit_code == 2
    assert f"The run '{run}' restricted nothing from 2026-03-01 to 2026-03-31" in done.stderr


def weir(settings, *command):
    return CliRunner().invoke(app, [*command[:2], *service(settings), *command[2:]])


def test_a_years_counts_are_those_of_its_decisions_reviews_and_complaints(bigquery, run):
    put(bigquery, "verdicts", [verdict(run, n, "spam", "violates") for n in range(4)])
    put(bigquery, "verdicts", [verdict(run, 9, "spam", "safe")])
    put(bigquery, "human_labels", [human_label(run, n, "spam", "violates") for n in (0, 9)])
    opened = [
        weir(
            bigquery,
            *("complaint", "open", f"{run}-spam-v1-{n}", "--run", run),
            *("--received", "2026-03-10T12:00"),
        )
        for n in (1, 2, 3)
    ]
    taken_back, confirmed, _ = (done.stdout.strip() for done in opened)
    decide = ("complaint", "decide", "--outcome")
    weir(bigquery, *decide, "overturned", "--reviewer", "ann", taken_back)
    weir(bigquery, *decide, "upheld", "--automated", confirmed)
    done = weir(
        bigquery,
        *("transparency", "report", "--run", run, "--contractual", "Terms, part 4"),
        *("--since", "2026-01-01", "--until", "2026-12-31"),
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["santa_clara"] == {
        "posts_acted_on": 5,
        "decisions": 5,
        "decisions_by_policy": {"spam": 5},
        "found_by_automation": 4,
        "found_by_people": 1,
        "restored_after_review": 1,
        "appeals": 3,
        "appeals_by_policy": {"spam": 3},
        "appeals_that_succeeded": 1,
    }
    complaints = told["dsa"]["complaints"]
    assert complaints.pop("median_hours") > 0
    assert complaints == {
        "received": 3,
        "received_late": 0,
        "open": 1,
        "upheld": 1,
        "overturned": 1,
        "decided_by_people": 1,
        "decided_by_automation": 1,
    }
    assert told["dsa"]["automated_means"] == {
        "decisions": 4,
        "reviewed_by_people": 2,
        "taken_back": 1,
        "share_taken_back": 0.5,
    }
    assert [
        (each["ground"], each["category"], each["restriction"], each["decision"], each["measures"])
        for each in told["dsa"]["own_initiative"]
    ] == [
        ("terms", "STATEMENT_CATEGORY_OTHER_VIOLATION_TC", None, decision, measures)
        for decision, measures in [
            ("automated", 3),
            ("automated, a person confirmed", 1),
            ("person", 1),
        ]
    ]
