"""A topic that posts go on arriving in, the job as a person starts it, and what came of both."""

import json
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from kafka import TopicPartition
from kafka.admin import NewTopic

from weir.pipelines.demo import Stack, query
from weir.transforms.kafka.settings import KafkaSettings

POLICIES = 2
_QUIET = "what a lovely day for gardening number {}"
_LOUD = "selling aimbot and wallhack for ranked, undetected, dm me {}"


def post(number: int) -> bytes:
    text = (_LOUD if number % 20 == 0 else _QUIET).format(number)
    return json.dumps({"id": f"p{number}", "text": text, "lang": "en"}).encode()


class Stream:
    """A topic of its own, and a run over it."""

    def __init__(self, bootstrap, bigquery, screen, policies, partitions=2):
        self.name = f"run-{uuid.uuid4().hex[:8]}"
        self.kafka = KafkaSettings(bootstrap)
        self.bigquery = bigquery
        self.screen = screen
        self.policies = policies
        self.sent = set()
        self._number = 0
        admin = self.kafka.admin()
        names = {self.name: partitions, f"{self.name}-flagged": 1, f"{self.name}-dead": 1}
        appended = {"message.timestamp.type": "LogAppendTime"}
        admin.create_topics(
            [NewTopic(name, count, 1, topic_configs=appended) for name, count in names.items()]
        )
        admin.close()

    def send(self, posts):
        """Send posts, as fast as it goes."""
        self._send(posts, rate=0, stopped=threading.Event())

    def sending(self, rate):
        """Return a thread that sends so many posts a second until it is stopped."""
        return _Sending(self, rate)

    def _send(self, posts, rate, stopped):
        producer = self.kafka.producer(delivery_timeout_ms=300_000)
        waiting: list = []
        began = time.monotonic()
        while not stopped.is_set() and (posts is None or len(waiting) < posts):
            due = began + len(waiting) / rate if rate else 0
            if due > time.monotonic():
                stopped.wait(min(0.05, due - time.monotonic()))
                continue
            sending = producer.send(self.name, post(self._number), key=b"k%d" % self._number)
            sending.add_callback(lambda record: self.sent.add((record.partition, record.offset)))
            waiting.append(sending)
            self._number += 1
        producer.flush()
        for each in waiting:
            each.get(timeout=300)
        producer.close()

    def arguments(self):
        return [
            *Stack(self.kafka, self.bigquery).arguments(),
            f"--topics={self.name}",
            f"--flagged-topic={self.name}-flagged",
            f"--dead-letter-topic={self.name}-dead",
            f"--run={self.name}",
            f"--screen={self.screen}",
            "--budget-per-head=off",
            f"--policies={self.policies}",
            "--audit-rate=0",
            "--drain-seconds=300",  # on a machine that does much else
        ]

    def rows(self, sql):
        return query(self.bigquery, sql, self.name)

    def committed(self):
        """Return the offsets that the run's group holds, by partition."""
        consumer = self.kafka.consumer(group_id=f"weir-{self.name}")
        partitions = consumer.partitions_for_topic(self.name)
        found = {n: consumer.committed(TopicPartition(self.name, n)) or 0 for n in partitions}
        consumer.close()
        return found

    def wait_until_committed(self, messages, seconds=800):
        """Wait until the run's group holds that so many messages are decided."""
        deadline = time.monotonic() + seconds
        while sum(self.committed().values()) < messages:
            assert time.monotonic() < deadline, self.committed()
            time.sleep(1)

    def screened(self):
        """Return how often each offset stands in the base table."""
        rows = self.rows(
            "SELECT `partition`, `offset`, COUNT(*) AS n FROM `{dataset}.screenings` "
            "WHERE run = @run GROUP BY 1, 2"
        )
        return Counter({(row["partition"], row["offset"]): row["n"] for row in rows})

    def _screened_count(self):
        """Return how many offsets are screened: less to ask for, again and again, than which."""
        rows = self.rows(
            "SELECT COUNT(*) AS n FROM (SELECT DISTINCT `partition`, `offset` "
            "FROM `{dataset}.screenings` WHERE run = @run)"
        )
        return rows[0]["n"]

    def wait_until_labelled(self, seconds=800):
        """Wait until every offset that was sent is screened, and judged where it must be."""
        deadline = time.monotonic() + seconds
        while True:
            if self.sent and self._screened_count() >= len(self.sent):
                account = self.account()
                if not account.lost and not account.unaccounted:
                    return account
            assert time.monotonic() < deadline, self.account()
            time.sleep(2)

    def wait_until_screened(self, seconds=800):
        """Wait until what was sent by now, and that is something, is screened."""
        deadline = time.monotonic() + seconds
        while not self.sent:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        sent = set(self.sent)
        while self._screened_count() < len(sent) or sent - set(self.screened()):
            assert time.monotonic() < deadline, f"not all of {len(sent)} are screened"
            time.sleep(1)

    def longest_gap(self, since, until=float("inf")):
        """Return the longest time in which nothing was screened, in seconds, between two epochs."""
        rows = self.rows(
            "SELECT DISTINCT UNIX_MILLIS(screened_at) AS at FROM `{dataset}.screenings` "
            "WHERE run = @run"
        )
        times = [since, *sorted(at for row in rows if since <= (at := row["at"] / 1000) < until)]
        return max((b - a for a, b in pairwise(times)), default=float("inf"))

    def account(self):
        screened = self.screened()
        labels = self.rows(
            "SELECT COUNT(*) AS pairs, SUM(IF(n > 1, 1, 0)) AS twice FROM (SELECT `partition`, "
            "`offset`, policy_id, COUNT(*) AS n FROM `{dataset}.labels` WHERE run = @run "
            "GROUP BY 1, 2, 3)"
        )[0]
        kept = self.rows("SELECT * FROM `{dataset}.conservation` WHERE run = @run")
        return Account(
            sent=len(self.sent),
            lost=len(self.sent - set(screened)),
            twice_in_view=labels["twice"] or 0,
            labels=labels["pairs"],
            duplicates=screened.total() - len(screened),
            unaccounted=kept[0]["unaccounted"] if kept else 0,
            judged=kept[0]["judged"] if kept else 0,
        )

    def assert_exact_at_the_end_of(self, job):
        """Wait for a bounded job: every post that was sent is labelled once, and counted so."""
        code, output = job.wait()
        assert code == 0, output[-3000:]
        sent = len(self.sent)
        assert count(output, "messages") == count(output, "screenings") == sent
        account = self.account()
        assert account.labels == sent * POLICIES
        assert (account.lost, account.twice_in_view, account.duplicates) == (0, 0, 0)
        assert account.unaccounted == 0
        assert account.judged == count(output, "verdicts") == sent / 20


@dataclass(frozen=True)
class Account:
    """What became of what was sent."""

    sent: int
    lost: int  # without a screening
    twice_in_view: int
    labels: int
    duplicates: int  # rows of the base table beyond the first of each offset
    unaccounted: int  # pairs that were escalated and came to nothing
    judged: int


class _Sending(threading.Thread):
    def __init__(self, stream, rate):
        super().__init__(daemon=True)
        self._stream, self._rate = stream, rate
        self._stopped = threading.Event()
        self._error = None

    def run(self):
        try:
            self._stream._send(None, self._rate, self._stopped)
        except Exception as error:  # noqa: BLE001 - raised again by who stops it
            self._error = error

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Send no more, and wait until all that was sent is acknowledged."""
        self._stopped.set()
        self.join()
        if self._error:
            raise self._error


class Command:
    """``weir run``, or another job, in a process of its own."""

    def __init__(
        self, arguments, log: Path, module=("weir.pipelines.job.moderate",), *, command=None
    ):
        self.log = log
        command = command or [sys.executable, "-m", *module, *arguments]
        with log.open("ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def wait(self, seconds=1600):
        code = self.process.wait(seconds)
        return code, self.log.read_text("utf-8", "replace")

    def terminate(self, seconds=800):
        self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)


def count(output, name):
    """Return one of the counts that the command printed."""
    lines = [line for line in output.splitlines() if line.startswith(f"{name}:")]
    assert lines, output[-3000:]
    return int(lines[-1].partition(":")[2].replace(",", ""))
