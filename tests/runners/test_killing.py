"""Every part of the system is killed while posts arrive, and no post goes without its labels.

``WEIR_KILLS`` (1) says how often each is killed, ``WEIR_RATE`` (200) how many posts a second come.
"""

import os
import random
import signal
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.runners.stream import POLICIES, Command
from weir.infra.local.children import Server, child, connects, free_ports

KILLS = int(os.environ.get("WEIR_KILLS", "1"))
RATE = float(os.environ.get("WEIR_RATE", "200"))
DOWN_SECONDS = 5

pytestmark = [
    pytest.mark.timeout(3600 + 600 * KILLS),
    # The client that sends leaves the sockets of refused connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def down_for_a_while(server):
    server.kill()
    time.sleep(DOWN_SECONDS)
    server.start()


def of_pools(leaders):
    """Return the processes in the sessions of some pools, without the pools."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = stat.read_text().rsplit(")", 1)
        except OSError:  # it ended meanwhile
            continue
        if int(rest.split()[3]) in leaders and rest.split()[0] != "Z":
            found.add(int(name.split()[0]))
    return {each for each in found - leaders if not is_pool(each)}


def is_pool(process):
    """Return whether a process is a pool: what began its session only keeps it on loopback."""
    try:
        return b"worker_pool_main" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


class Workers:
    """Beam's pool of workers, and what it started: a worker outlives its pool."""

    def __init__(self, pool):
        self._pool, self._pools = pool, {pool.pid}

    def kill_harness(self):
        workers = of_pools(self._pools)
        assert workers
        for each in workers:
            os.kill(each, signal.SIGKILL)

    def replace_pool(self):
        replace(self._pool)
        self._pools.add(self._pool.pid)


def replace(server):
    server.kill()
    server.start()


@pytest.fixture
def judge():
    """An engine in a process of its own, and the arguments that point at it."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "tests.scripted_server", str(port)]
    server = Server(lambda: child("The judge", command, lambda: connects(port), seconds=240))
    with server:
        url = f"http://127.0.0.1:{port}/v1"
        # A minute in which it is down must be no reason to give a request up.
        arguments = ["--engine=endpoint", f"--endpoint-url={url}", "--judge-timeout=300"]
        yield server, arguments


def survive(stream, arguments, faults, log, module=("weir.pipelines.job.moderate",)):
    """Run the job while each fault comes KILLS times, and print what each cost."""
    with Command([*stream.arguments(), *arguments], log, module) as job:
        with stream.sending(RATE):
            stream.wait_until_screened()
            for name, fault in faults * KILLS:
                time.sleep(random.uniform(1, 3))  # anywhere between two checkpoints
                began = time.time()
                fault()
                time.sleep(2)
                stream.wait_until_screened()
                assert job.process.poll() is None, log.read_text("utf-8", "replace")[-3000:]
                gap = stream.longest_gap(began)
                print(f"{name}: {gap:.1f} s without a screening", flush=True)
        end(stream, job)


def end(stream, job):
    """End the job when all that was sent has its labels, once each; return the account."""
    account = stream.wait_until_labelled()
    code, output = job.terminate()
    print(account, flush=True)
    assert code == 0, output[-3000:]
    assert account.labels == len(stream.sent) * POLICIES
    assert account.twice_in_view == 0
    return account


def test_prism_labels_every_post_whatever_it_depends_on_is_killed(
    stream, prism, apache_kafka, emulator, judge, tmp_path
):
    engine, judged_by = judge
    faults = [
        ("broker", lambda: down_for_a_while(apache_kafka.server)),
        ("emulator", lambda: down_for_a_while(emulator.server)),
        ("engine", lambda: down_for_a_while(engine)),
    ]
    survive(stream, [*prism, *judged_by], faults, tmp_path / "log")


def test_flink_labels_every_post_whatever_is_killed(
    stream, flink, cluster, apache_kafka, emulator, judge, tmp_path
):
    workers, (engine, judged_by) = Workers(*cluster.worker_pools), judge
    to_raise = tmp_path / "raise"
    faults = [
        ("broker", lambda: down_for_a_while(apache_kafka.server)),
        ("emulator", lambda: down_for_a_while(emulator.server)),
        ("engine", lambda: down_for_a_while(engine)),
        ("a step that raises", to_raise.touch),
        ("harness", workers.kill_harness),
        ("task manager", lambda: replace(*cluster.task_managers)),
        ("worker pool", workers.replace_pool),
    ]
    arguments, module = [*flink, *judged_by], ("tests.runners.altered", "raise", str(to_raise))
    survive(stream, arguments, faults, tmp_path / "log", module)
    assert not to_raise.exists()


def test_flink_goes_on_from_its_last_checkpoint_whenever_its_job_manager_is_killed(
    stream, flink, cluster, tmp_path
):
    kept = f"--checkpoints={(tmp_path / 'kept').as_uri()}"
    arguments, killed = [*stream.arguments(), *flink, kept], []
    with stream.sending(RATE) as sending:
        for _ in range(KILLS):
            with Command(arguments, tmp_path / "killed") as job:
                wait_until_running(cluster, job)
                stream.wait_until_screened()
                wait_for_a_checkpoint(cluster)
                time.sleep(random.uniform(0, 4))
                killed.append(time.time())
                cluster.job_manager.kill()
            cluster.job_manager.start()
            arguments = [*arguments, "--resume"]
        first = len(stream.screened())
        with Command(arguments, tmp_path / "last") as job:
            wait_until_running(cluster, job)
            stream.wait_until_screened()
            sending.stop()
            account = end(stream, job)
    for since, until in pairwise([*killed, time.time()]):
        gap = stream.longest_gap(since, until)
        print(f"job manager: {gap:.1f} s without a screening", flush=True)
    assert account.duplicates < first  # it did not begin anew


def wait_for_a_checkpoint(cluster):
    """Wait for one that begins after this, and has what was screened by now."""
    jobs = cluster.get("/jobs")["jobs"]
    (running,) = [each["id"] for each in jobs if each["status"] == "RUNNING"]

    def completed():
        return cluster.get(f"/jobs/{running}/checkpoints")["counts"]["completed"]

    under_way, deadline = completed() + 1, time.monotonic() + 800
    while completed() <= under_way:
        assert time.monotonic() < deadline
        time.sleep(0.5)


def wait_until_running(cluster, job):
    """Wait for the job itself: tasks of the one before go on for a while without their manager."""
    deadline = time.monotonic() + 800
    while not cluster.get("/overview").get("jobs-running"):
        assert time.monotonic() < deadline
        assert job.process.poll() is None, job.log.read_text("utf-8", "replace")[-3000:]
        time.sleep(0.5)
