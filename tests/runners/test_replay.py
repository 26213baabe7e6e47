"""One day out of thirty, decided anew under a changed policy, killed and started again.

``WEIR_REPLAY_POSTS`` (20000) says how many posts the thirty days have.
"""

import json
import os
import shutil
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from kafka import TopicPartition
from kafka.admin import NewTopic

from tests.runners.stream import Command, count, post
from tests.scripted_server import ScriptedServer, chat
from weir.errors import WeirError
from weir.pipelines.bigquery.rows import insert_once
from weir.pipelines.bigquery.tables import create_tables
from weir.pipelines.commands.replay import Plan, main
from weir.pipelines.demo import Stack, query
from weir.pipelines.job.provenance import draw_salt
from weir.transforms.kafka.settings import KafkaSettings

POSTS = int(os.environ.get("WEIR_REPLAY_POSTS", "20000"))
DAYS = 30
FIRST = datetime(2025, 6, 1, tzinfo=UTC)
DAY = FIRST + timedelta(days=12)
OF_A_DAY = range(-(-12 * POSTS // DAYS), -(-13 * POSTS // DAYS))
JUDGING_SECONDS = 40

LABELS = (
    "SELECT topic, `partition`, `offset`, content_id, created_at, policy_id, label, verdict, "
    "probability, route, score, inclusion_probability, policy_version, screen_version, decision_id "
    "FROM `{dataset}.labels` WHERE run = @run "
    "ORDER BY topic, `partition`, `offset`, policy_id"
)


class Judge(ScriptedServer):
    """Answers by what is in the question, and takes its time."""

    delay = 0.0

    async def _answer(self, request, reader, writer):
        if request.method == "POST":
            asked = json.dumps(request.body)
            violation = int(sum(map(ord, asked)) % 3 == 0)
            answer = {"violation": violation, "rule_ids": [], "rationale": f"it is {len(asked)}"}
            self.then = replace(chat(json.dumps(answer)), delay=self.delay)
        return await super()._answer(request, reader, writer)


@pytest.fixture
def judge():
    server = Judge()
    yield server
    server.close()


@pytest.fixture(scope="module")
def month(apache_kafka):
    """A topic with a post every few minutes for thirty days."""
    name, kafka = f"month-{uuid.uuid4().hex[:8]}", KafkaSettings(apache_kafka.bootstrap)
    admin = kafka.admin()
    admin.create_topics([NewTopic(name, 2, 1, topic_configs={"retention.ms": "-1"})])
    admin.close()
    producer = kafka.producer()
    step = timedelta(days=DAYS) / POSTS
    sent = [
        producer.send(
            name,
            value=post(number),
            key=b"k%d" % number,
            timestamp_ms=int((FIRST + number * step).timestamp() * 1000) + 1,
        )
        for number in range(POSTS)
    ]
    producer.flush()
    for each in sent:
        each.get(timeout=300)
    producer.close()
    return name


@pytest.fixture(scope="module")
def changed(policies, tmp_path_factory):
    """The policies, one of them with a sentence more."""
    folder = tmp_path_factory.mktemp("changed") / "policies"
    shutil.copytree(policies, folder)
    spam = folder / "spam" / "policy.md"
    spam.write_text(spam.read_text("utf-8") + "\nOffers to sell cheats for a game are spam.\n")
    return folder


class Replay:
    """A replay of the day, in a dataset of its own or another's."""

    def __init__(self, kafka, bigquery, topic, screen, policies, name):
        self.kafka, self.bigquery, self.name = kafka, bigquery, name
        # The stack's own topic comes first, and the last one given counts.
        self.stack = [a for a in Stack(kafka, bigquery).arguments() if "--topics" not in a]
        self.common = [
            f"--screen={screen}",
            "--budget-per-head=off",
            "--audit-rate=0.02",
            "--cache-mb=0",
        ]
        self.topic, self.policies = topic, policies

    def arguments(self, *more):
        return [
            *self.stack,
            *self.common,
            f"--policies={self.policies}",
            f"--topics={self.topic}",
            f"--from={DAY:%Y-%m-%d}",
            f"--to={DAY + timedelta(days=1):%Y-%m-%d}",
            f"--run={self.name}",
            *more,
        ]

    def command(self, log, *more):
        return Command(self.arguments(*more), log, module=("weir.pipelines.commands.replay",))

    def rows(self, sql):
        return query(self.bigquery, sql, self.name)

    def stored(self, table):
        sql = f"SELECT COUNT(DISTINCT decision_id) AS n FROM `{{dataset}}.{table}` WHERE run = @run"
        return self.rows(sql)[0]["n"]


def another_dataset(bigquery):
    settings = replace(bigquery, dataset=f"weir_{uuid.uuid4().hex[:12]}")
    create_tables(settings, create_dataset=True)
    # Each dataset has a secret of its own, by which audits are drawn.
    row: dict = {"purpose": "draws", "salt": draw_salt(bigquery), "recorded_at": datetime.now(UTC)}
    insert_once(settings, "salts", "purpose", row)
    return settings


def asking(server):
    return [
        "--engine=endpoint",
        f"--endpoint-url={server.url}",
        "--endpoint-form=chat",
        "--endpoint-concurrency=4",
    ]


@pytest.fixture(scope="module")
def datasets(bigquery):
    return bigquery, another_dataset(bigquery)


@pytest.fixture
def replays(apache_kafka, datasets, month, screen, changed):
    """The same replay in two datasets: to be killed in one, and left alone in the other."""
    kafka, name = KafkaSettings(apache_kafka.bootstrap), f"replay-{uuid.uuid4().hex[:8]}"
    return [Replay(kafka, dataset, month, screen, changed, name) for dataset in datasets]


def killed_on_the_way(replay, arguments, log, enough):
    """Start a replay, and kill it -9 once so many posts are screened."""
    with replay.command(log, *arguments) as job:
        deadline = time.monotonic() + 800
        while replay.stored("screenings") < enough:
            assert job.process.poll() is None, log.read_text("utf-8", "replace")[-3000:]
            assert time.monotonic() < deadline
            time.sleep(0.2)
        job.process.kill()
        job.process.wait()


def test_a_replay_that_was_killed_ends_as_one_that_was_not(replays, prism, judge, tmp_path):
    killed, whole = replays
    arguments = [*prism, *asking(judge)]
    with whole.command(tmp_path / "whole", *arguments) as job:
        code, output = job.wait()
    assert code == 0, output[-3000:]
    assert count(output, "messages") == len(OF_A_DAY)
    expected = whole.rows(LABELS)
    assert len(expected) == 2 * len(OF_A_DAY)

    requests = whole.stored("verdicts")
    judge.delay = 4 * JUDGING_SECONDS / requests  # four are asked at once
    killed_on_the_way(killed, arguments, tmp_path / "killed", len(OF_A_DAY) // 4)
    before = killed.stored("verdicts")
    assert before < requests
    judge.delay, asked = 0.0, len(judge.questions)
    with killed.command(tmp_path / "again", *arguments) as job:
        code, output = job.wait()
    assert code == 0, output[-3000:]
    assert "are decided already" in output
    assert count(output, "screenings") < len(OF_A_DAY)
    assert killed.rows(LABELS) == expected
    # What was stored is not asked again; two questions more are what the server takes.
    assert len(judge.questions) - asked == requests - before + 2
    print(f"killed with {before} of {requests} verdicts stored", flush=True)


def test_in_process_too_and_a_third_start_has_nothing_to_do(replays, judge, tmp_path):
    killed, whole = replays
    with whole.command(tmp_path / "whole", *asking(judge)) as job:
        code, output = job.wait()
    assert code == 0, output[-3000:]
    asked = len(judge.questions)
    judge.delay = 1.0
    with killed.command(tmp_path / "killed", *asking(judge)) as job:
        while len(judge.questions) < asked + 8:
            assert job.process.poll() is None, (tmp_path / "killed").read_text()[-3000:]
            time.sleep(0.1)
        job.process.kill()
        job.process.wait()
    judge.delay = 0.0
    with killed.command(tmp_path / "again", *asking(judge)) as job:
        code, output = job.wait()
    assert code == 0, output[-3000:]
    assert killed.rows(LABELS) == whole.rows(LABELS)
    with killed.command(tmp_path / "third", *asking(judge)) as job:
        code, output = job.wait()
    assert code == 0, output[-3000:]
    assert "is finished" in output


def test_live_views_never_see_a_replay(replays, month, policies, tmp_path):
    replay, _ = replays
    live = f"live-{uuid.uuid4().hex[:8]}"
    day = [f"--start={DAY:%Y-%m-%d}", f"--stop={DAY + timedelta(days=1):%Y-%m-%d}"]
    arguments = [*replay.stack, *replay.common, *day, f"--topics={month}", f"--run={live}"]
    with Command([*arguments, f"--policies={policies}"], tmp_path / "live") as job:
        code, output = job.wait()
    assert code == 0, output[-3000:]
    before = query(replay.bigquery, LABELS, live)
    with replay.command(tmp_path / "replay", "--only-escalated", f"--of={live}") as job:
        code, output = job.wait()
    assert code == 0, output[-3000:]
    assert count(output, "flagged messages") == 0
    escalated = {row["content_id"] for row in before if row["route"] in ("escalate", "forced")}
    assert {row["content_id"] for row in replay.rows(LABELS)} == escalated
    assert count(output, "left out") == len(OF_A_DAY) - len(escalated)
    assert query(replay.bigquery, LABELS, live) == before


def test_what_cannot_be_replayed_is_said_in_a_sentence(replays):
    replay, _ = replays
    assert main(replay.arguments("--sample=10%")) == 0
    for more, said in (
        (["--sample=20%"], r"other settings \(sample\)"),
        (["--sample=10%", "--audit-rate=0.5"], r"other settings \(audit rate\)"),
        (["--run=x", "--from=2025-08-01"], "not before"),
        (["--run=x", "--from=2025-08-01", "--to=2025-08-02"], "is empty"),
        (["--run=x", "--only-judged-by=nothing"], "no version that decided here"),
        (["--run=x", "--only-escalated", "--of=nobody"], "nobody escalated no post"),
    ):
        with pytest.raises(WeirError, match=said):
            Plan.of(replay.arguments(*more))


def test_what_retention_has_removed_is_replayed_only_in_part(replays, month):
    replay, _ = replays
    name, kafka = f"cut-{uuid.uuid4().hex[:8]}", replay.kafka
    admin = kafka.admin()
    admin.create_topics([NewTopic(name, 1, 1, topic_configs={"retention.ms": "-1"})])
    producer = kafka.producer()
    for number in range(100):
        when = DAY + timedelta(minutes=number)
        producer.send(name, value=post(number), timestamp_ms=int(when.timestamp() * 1000))
    producer.flush()
    producer.close()
    admin.delete_records({TopicPartition(name, 0): 40})
    admin.close()
    replay.topic = name
    offsets = ['--from={"0": 10}', '--to={"0": 50}']
    with pytest.raises(WeirError, match=r"removed 30 offsets of cut-.*--accept-loss"):
        Plan.of(replay.arguments("--run=cut", *offsets))
    with pytest.raises(WeirError, match=r"removed the first 0:40:00 of cut-.*at 2025-06-13T00:40Z"):
        Plan.of(replay.arguments("--run=cut"))
    plan = Plan.of(replay.arguments("--run=cut", *offsets, "--accept-loss"))
    assert [each[2:4] for each in plan.replayed.slices] == [(40, 50)]
