"""Every port that a command opens, in every way of running that needs nothing but Python."""

import subprocess
import sys
import time
import uuid
from contextlib import contextmanager

import pytest

from tests.listeners import family, is_running, listening
from weir.infra.local.children import free_ports
from weir.pipelines.demo import Stack
from weir.transforms.kafka.settings import KafkaSettings, ensure_topics

WEIR = [sys.executable, "-m", "weir.pipelines.commands.cli"]


@contextmanager
def started(log, *arguments):
    """Run weir in a process of its own; kill it with the block, and all it started ends too."""
    with (
        log.open("wb") as said,
        subprocess.Popen([*WEIR, *arguments], stdout=said, stderr=said) as process,
    ):
        try:
            yield process
            started_by_it = family(process.pid)
        finally:
            process.kill()
            print(log.read_text()[-2000:])
    ended_with_it(started_by_it)


def ended_with_it(processes):
    deadline = time.monotonic() + 240
    while left := {each for each in processes if is_running(each)}:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


@pytest.fixture
def job(kafka, bigquery):
    name = f"ports-{uuid.uuid4().hex[:8]}"
    settings = KafkaSettings(kafka)
    ensure_topics(settings, [name], 1)
    return [
        "run",
        *Stack(settings, bigquery).arguments(),
        f"--topics={name}",
        f"--flagged-topic={name}-flagged",
        f"--dead-letter-topic={name}-dead",
        f"--run={name}",
    ]


def test_a_job_in_this_process_opens_the_port_of_its_numbers_alone(job, tmp_path):
    (port,) = free_ports(1)
    with started(tmp_path / "log", *job, f"--metrics-port={port}") as weir:
        seen = listening(weir, bool)
    assert {(each.on_loopback, each.port) for each in seen} == {(True, port)}


def test_the_ports_of_several_processes_are_on_loopback(job, tmp_path):
    processes = ["--direct-running-mode=multi_processing", "--direct-num-workers=2"]
    with started(tmp_path / "log", *job, *processes) as weir:
        # Two workers, each with ports for control, data, state and logging.
        seen = listening(weir, lambda seen: len(seen) >= 6)
    assert all(each.on_loopback for each in seen), sorted(seen)
