"""The whole job: real broker, real emulator, Beam's in-process runner."""

import json
import time
import uuid
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pytest
from kafka import TopicPartition
from kafka.admin import NewTopic

from tests.hostile import EITHER, READABLE, UNREADABLE
from weir.pipelines.demo import TOPIC, Stack, fill, moderate_once, query, with_edit
from weir.pipelines.job import moderate
from weir.pipelines.job.provenance import draw_salt
from weir.pipelines.runners import job_options
from weir.pipelines.screening.stream_thresholds import start_thresholds
from weir.pipelines.settings import ModerationSettings
from weir.transforms.counts import Counts
from weir.transforms.kafka.settings import KafkaSettings, ensure_topics
from weir.transforms.screen import STARTER, Screen
from weir.transforms.screen.route import draw_posts


class Job:
    """A topic of its own, and the job run over it."""

    def __init__(self, bootstrap: str, bigquery) -> None:
        self.name = f"job-{uuid.uuid4().hex[:8]}"
        self.kafka = KafkaSettings(bootstrap)
        self.bigquery = bigquery
        admin = self.kafka.admin()
        names = [self.name, f"{self.name}-flagged", f"{self.name}-dead"]
        admin.create_topics([NewTopic(n, 2 if n == self.name else 1, 1) for n in names])
        admin.close()

    def send(self, values: Iterable[bytes | None]) -> None:
        producer = self.kafka.producer(max_request_size=16 << 20, compression_type="gzip")
        sent = [
            producer.send(self.name, value=value, key=b"k%d" % (number % 7))
            for number, value in enumerate(values)
        ]
        producer.flush()
        for acknowledgement in sent:
            acknowledgement.get(timeout=240)
        producer.close()

    def arguments(self) -> list[str]:
        return [
            *Stack(self.kafka, self.bigquery).arguments(),
            f"--topics={self.name}",
            f"--flagged-topic={self.name}-flagged",
            f"--dead-letter-topic={self.name}-dead",
            f"--run={self.name}",
            "--stop=latest",
            "--reading=off",  # at twenty milliseconds a post, where the encoder is installed
        ]

    def run(self, *more: str) -> Counts:
        return moderate.run([*self.arguments(), "--start=earliest", *more])

    def rows(self, sql: str) -> list[dict]:
        return query(self.bigquery, sql, self.name)

    def read(self, suffix: str) -> list:
        consumer = self.kafka.consumer(consumer_timeout_ms=2000)
        topic = f"{self.name}-{suffix}"
        consumer.assign([TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic)])
        consumer.seek_to_beginning()
        records = list(consumer)
        consumer.close()
        return records


@pytest.fixture
def job(kafka, bigquery):
    return Job(kafka, bigquery)


def post(number: int, text: str) -> bytes:
    return json.dumps({"id": f"p{number}", "text": text, "lang": "en"}).encode()


POSTS = [post(n, f"what a lovely day for gardening number {n}") for n in range(300)] + [
    post(1000 + n, f"selling aimbot and wallhack for ranked, undetected, dm me {n}")
    for n in range(20)
]


def test_every_message_is_screened_or_a_dead_letter_whatever_it_holds(job):
    hostile = [*UNREADABLE.values(), *READABLE.values(), *EITHER.values()]
    job.send([*POSTS[:150], *hostile, *POSTS[150:]])
    counts = job.run()
    assert counts.imbalances() == []
    assert counts.messages == len(POSTS) + len(hostile)
    assert counts.dead_letters_judge == counts.dead_letters_write == 0
    assert len(UNREADABLE) <= counts.dead_letters <= len(UNREADABLE) + len(EITHER)
    kept = {record.value for record in job.read("dead")}
    assert set(UNREADABLE.values()) <= kept
    stored = job.rows(
        "SELECT COUNT(*) AS n, COUNT(DISTINCT decision_id) AS ids FROM `{dataset}.screenings` "
        "WHERE run = @run"
    )[0]
    assert stored == {"n": counts.screenings, "ids": counts.screenings}


def test_a_message_that_no_row_can_hold_has_one_and_the_view_agrees_with_the_command(job):
    job.send([*POSTS[:5], b"no JSON" * 1_400_000])
    counts = job.run()
    assert (counts.messages, counts.screenings, counts.dead_letters) == (6, 5, 1)
    (letter,) = job.rows("SELECT * FROM `{dataset}.dead_letters` WHERE run = @run")
    assert letter["value"].startswith(b"no JSONno JSON")
    assert "bytes of the message are left out here" in letter["error"]
    (view,) = job.rows("SELECT * FROM `{dataset}.conservation` WHERE run = @run")
    assert (view["posts"], view["dead_before_screen"]) == (counts.screenings, counts.dead_letters)
    assert (view["judged"], view["unaccounted"]) == (counts.verdicts, 0)


def test_a_bad_message_leaves_its_neighbours_their_own_offsets(job):
    job.send([POSTS[0], UNREADABLE["two objects, one newline"], POSTS[1], READABLE["HTML"]])
    job.run()
    labelled = job.rows(
        "SELECT content_id FROM `{dataset}.screenings` WHERE run = @run ORDER BY content_id"
    )
    assert [row["content_id"] for row in labelled] == ["hostile-10", "p0", "p1"]


def test_a_second_run_over_the_same_topic_leaves_the_views_as_they_were(job):
    job.send(POSTS)
    labels = (
        "SELECT topic, `partition`, `offset`, policy_id, decided_by, verdict FROM "
        "`{dataset}.labels` WHERE run = @run ORDER BY 1, 2, 3, 4"
    )
    first_counts = job.run("--budget-per-head=off")
    first = job.rows(labels)
    second_counts = job.run("--budget-per-head=off")
    assert second_counts == first_counts
    assert job.rows(labels) == first
    assert len(first) == len(POSTS) * 8


def test_a_violation_reaches_the_flagged_topic_once_with_the_posts_key(job):
    job.send(POSTS)
    counts = job.run()
    flagged = job.read("flagged")
    assert counts.violations > 0
    assert len(flagged) == counts.flagged_messages == counts.violations
    ids = {dict(record.headers)["ce_id"] for record in flagged}
    assert len(ids) == len(flagged)
    assert {record.key[:1] for record in flagged} == {b"k"}


def test_screenings_name_thresholds_that_have_rows_and_the_next_start_knows_them(job):
    job.send(POSTS)
    job.run()
    unknown = job.rows(
        "SELECT DISTINCT s.threshold_version FROM `{dataset}.screenings` AS s "
        "LEFT JOIN (SELECT DISTINCT threshold_version, run FROM `{dataset}.thresholds`) AS t "
        "USING (run, threshold_version) WHERE s.run = @run AND t.run IS NULL"
    )
    assert unknown == []
    sent_before = time.time()
    settings = start_thresholds(ModerationSettings.from_options(job_options(job.arguments())))
    (start,) = settings.shares.starts
    assert sent_before - 600 < start.taken_at < sent_before
    assert {("spam", "en"), ("hate", "en")} <= {
        (each.policy_id, each.language) for each in start.known
    }
    assert all(0 < each.within < 1 for each in start.known)  # an hour is half a logit


def test_the_demo_report_agrees_with_what_lies_in_bigquery(kafka, bigquery):
    stack = Stack(KafkaSettings(kafka), bigquery)
    job = Job(kafka, bigquery)
    job.send(POSTS[:50])
    report = moderate_once(stack, job.arguments()[6:], run=job.name)
    assert report.problems == ()
    assert report.counts.messages == 50
    assert sum(each.sample.escalated + each.sample.cleared for each in report.recall) == 50 * 8
    assert TOPIC not in job.name


def test_the_audits_lot_is_drawn_by_a_secret_of_the_dataset_that_stays(job):
    salt = draw_salt(job.bigquery)
    assert len(salt) == 32
    job.send(POSTS)
    job.run("--audit-rate=0.5")
    audited_here = "SELECT DISTINCT content_id FROM `{dataset}.verdicts` WHERE run = @run "
    drawn = {row["content_id"] for row in job.rows(audited_here + "AND route = 'audit'")}
    screened = job.rows("SELECT DISTINCT content_id FROM `{dataset}.screenings` WHERE run = @run")
    ids = pa.array(sorted(row["content_id"] for row in screened))

    def lot(secret):
        return set(ids.filter(pa.array(draw_posts(ids, 0.5, secret))).to_pylist())

    assert drawn <= lot(salt)
    assert not drawn <= lot("")
    assert draw_salt(job.bigquery) == salt


def test_a_sentence_of_a_policy_changes_and_with_it_verdicts_on_the_same_posts(kafka, bigquery):
    stack = Stack(KafkaSettings(kafka), bigquery)
    ensure_topics(stack.kafka, [TOPIC], 1)
    sold = "Main account for sale: 4 years, rank Immortal, 61 skins, original email changes hands."
    fill(stack, [(None, post(n, text)) for n, text in enumerate([sold, "a lovely day"])])
    compared = with_edit(stack, moderate_once(stack, [])).edited.compared
    assert [(each.text, each.a.label, each.b.label) for each in compared.flips] == [
        (sold, "violates", "safe")
    ]
    (change,) = compared.changes
    assert change.policy_id == "game-cheating"
    assert change.passages


def test_a_second_screen_beside_the_first_changes_nothing_but_the_comparison(job, tmp_path):
    job.send(POSTS)
    fixed = ("--audit-rate=0.5", "--budget-per-head=off")
    alone = job.run(*fixed)
    labels = "SELECT * FROM `{dataset}.labels` WHERE run = @run ORDER BY `partition`, `offset`, "
    before = job.rows(labels + "policy_id")
    starter = Screen.load(STARTER)
    starter.with_thresholds(np.ones(len(starter.policy_ids))).save(tmp_path, {"note": "clears all"})
    beside = job.run(*fixed, f"--shadow-screen={tmp_path}")
    assert beside == alone
    assert job.rows(labels + "policy_id") == before
    compared = job.rows("SELECT * FROM `{dataset}.screen_comparison` WHERE run = @run")
    assert sum(row["posts"] for row in compared) == len(POSTS) * 8
    assert sum(row["sent_by_both"] + row["sent_by_shadow_alone"] for row in compared) == 0
    assert sum(row["sent_by_live_alone"] for row in compared) == alone.escalations - alone.audits
    (screen,) = {row["shadow_version"] for row in compared}
    card = "SELECT card FROM `{dataset}.screens` WHERE screen_version = @run"
    recorded = query(job.bigquery, card, screen)[0]["card"]
    assert "clears all" in recorded
    assert '"selectivity": [' in recorded  # what a share of a stream finds, for the report


def test_a_wrong_text_field_fails_and_the_fields_that_hold_text_are_named(job, capsys):
    job.send(POSTS[:3])
    assert moderate.main([*job.arguments(), "--text-field=body"]) == 1
    shown = capsys.readouterr()
    assert "there is no text in the field body; the fields that hold text are text, id" in shown.err
    assert "dead, decode: missing_text:" in shown.out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("--topics=no-such-topic", "no-such-topic"),
        ("--brokers=127.0.0.1:1", "127.0.0.1:1"),
        ("--bigquery-dataset=no_such_dataset", "no_such_dataset"),
        ("--policies=no/such/folder", "no/such/folder"),
        ("--screen=no/such/screen", "no/such/screen"),
        ("--shadow-screen=no/such/screen", "no/such/screen"),
        ("--start=yesterday-ish", "--start"),
        ("--audit-rate=2", "--audit-rate"),
    ],
)
def test_what_cannot_work_ends_at_start_with_a_sentence_and_exit_code_2(job, capsys, change, said):
    with pytest.raises(SystemExit) as stopped:
        moderate.main([*job.arguments(), change])
    message = capsys.readouterr().err
    assert stopped.value.code == 2
    assert said in message
    assert len(message.splitlines()) <= 2
