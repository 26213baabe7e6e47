"""A live job in a process of its own that is told to stop, or killed, and started again."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from tests.integration.test_moderate import Job, post
from tests.scripted_server import HANGS, SAFE, ScriptedServer, chat
from weir.pipelines.job import moderate
from weir.policies.loading import LIBRARY
from weir.transforms.kafka.commits import committed_offsets

_SECONDS = 400.0  # on a machine that does much else
_AHEAD = 400  # messages that wait at most: a slow machine has no more to do than a quick one


def offer(number: int) -> str:
    return f"buy cheap pills now, offer {number}"


class Live(Job):
    """The job without an end, beside a producer."""

    def __init__(self, policies, *arguments) -> None:
        super().__init__(*arguments)
        self.policies = policies
        self.sent = self.done = 0

    def arguments(self) -> list[str]:
        return [*super().arguments(), f"--policies={self.policies}"]

    def command(self, *more: str) -> list[str]:
        kept = [a for a in self.arguments() if not a.startswith("--stop")]
        group = ["--start=group", "--audit-rate=0.2", "--drain-seconds=300"]
        return [sys.executable, "-m", "weir.pipelines.job.moderate", *kept, *group, *more]

    @contextmanager
    def started(self, *more: str):
        process = subprocess.Popen(
            self.command(*more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()

    def produce(self, count: int) -> None:
        self.send(post(self.sent + n, offer(n)) for n in range(count))
        self.sent += count

    @contextmanager
    def producing(self):
        ended = threading.Event()

        def run() -> None:
            while not ended.is_set():
                if self.sent < self.done + _AHEAD:
                    self.produce(40)
                time.sleep(0.3)

        producer = threading.Thread(target=run)
        producer.start()
        try:
            yield
        finally:
            ended.set()
            producer.join()

    def screened(self) -> dict[int, int]:
        """Return how many different offsets of each partition have a screening."""
        found = self.rows(
            "SELECT `partition` AS p, COUNT(DISTINCT `offset`) AS n FROM `{dataset}.screenings` "
            "WHERE run = @run GROUP BY 1"
        )
        return {row["p"]: row["n"] for row in found}

    def undecided(self) -> int:
        """Return how many escalations of what was screened have no answer."""
        return self.rows("SELECT * FROM `{dataset}.conservation` WHERE run = @run")[0][
            "unaccounted"
        ]

    def committed(self) -> dict[int, int]:
        held = committed_offsets(self.kafka, f"weir-{self.name}", {self.name})
        return {partition.partition: each.offset for partition, each in held.items()}

    def count_done(self) -> int:
        """Return how many messages are committed."""
        self.done = sum(self.committed().values())
        return self.done

    def wait_for(self, process, committed: int) -> None:
        """Wait until so many messages are committed."""
        deadline = time.monotonic() + _SECONDS
        while self.count_done() < committed:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.5)

    def finish(self) -> None:
        """Go on to the end of what was sent, as a bounded run of the same group."""
        counts = moderate.run([*self.arguments(), "--start=group", "--audit-rate=0.2"])
        assert counts.imbalances() == []
        assert self.count_done() == self.sent


@pytest.fixture
def job(kafka, bigquery, tmp_path):
    # Each process fits a judge of all policies that there are.
    shutil.copytree(LIBRARY / "spam", tmp_path / "spam")
    return Live(tmp_path, kafka, bigquery)


def test_a_signal_under_load_ends_with_0_and_all_that_was_read_is_decided(job):
    job.produce(50)
    for number in (signal.SIGTERM, signal.SIGINT):
        with job.started() as process, job.producing():
            job.wait_for(process, job.count_done() + 100)
            process.send_signal(number)
            said = process.communicate(timeout=_SECONDS)
            assert process.returncode == 0, said
        assert "conservation: ok" in said[0]
        assert job.committed() == job.screened()  # nothing lost, and nothing to be done again
        assert job.undecided() == 0

    job.finish()
    assert sum(job.screened().values()) == job.sent
    assert job.undecided() == 0


def test_a_job_that_is_killed_goes_on_from_its_group_and_loses_nothing(job):
    job.produce(50)
    for seconds in (0.0, 3.0):
        with job.producing(), job.started() as process:
            job.wait_for(process, job.count_done() + 40)
            time.sleep(seconds)
            process.kill()
            process.wait()
    job.finish()
    assert sum(job.screened().values()) == job.sent
    assert job.undecided() == 0


@pytest.fixture
def stuck(job):
    """A job whose judge never answers, when it has been asked."""
    server = ScriptedServer()
    server.then = chat(SAFE)  # to whoever asks whether it works at all
    server.by_post = {offer(number): HANGS for number in range(50)}
    job.produce(50)

    @contextmanager
    def started(*more):
        engine = ["--engine=endpoint", f"--endpoint-url={server.url}"]
        with job.started(*engine, *more) as process:
            while not server.was_asked_about(server.by_post):
                assert server.arrived.acquire(timeout=_SECONDS)
            yield process

    yield started
    server.close()
    assert set(job.committed().values()) <= {0}


def test_a_second_signal_stops_at_once(stuck):
    with stuck("--drain-seconds=1000") as process:
        process.send_signal(signal.SIGTERM)
        assert any("again to stop now" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        assert process.wait(_SECONDS) == 128 + signal.SIGINT


def test_a_job_that_cannot_finish_is_stopped_at_its_deadline(stuck):
    with stuck("--drain-seconds=1") as process:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=_SECONDS)
        assert process.returncode == 1
        assert "not done after 1 s" in said
