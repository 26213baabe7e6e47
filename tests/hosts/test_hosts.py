"""Three hosts: what holds the posts, and two with workers, of which any may be lost.

``WEIR_RATE`` (500) says how many posts a second come meanwhile, ``WEIR_BACKLOG`` (5,000) how many
at once, before and after, to see what two worker hosts do and what one does.
"""

import os
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from tests.listeners import listeners
from tests.runners.stream import POLICIES

RATE = float(os.environ.get("WEIR_RATE", "500"))
BACKLOG = int(os.environ.get("WEIR_BACKLOG", "5000"))

pytestmark = pytest.mark.timeout(1800)


def test_no_post_is_lost_or_counted_twice_when_hosts_are_cut_off_healed_and_killed(
    stream, job, rack, cluster
):
    both = {host.address for host in rack.others}
    stream.send(1000)
    with job() as running:
        stream.wait_until_screened()
        assert hosts_at_work(cluster) == both
        # What Beam opens in a task manager has no login: others reach Flink's own ports alone,
        # which are these and the one by which it is asked for metrics.
        for server, of_flink in zip(
            cluster.task_managers, ports_of_flink(cluster, rack), strict=True
        ):
            assert of_flink < opened(server)
            assert len(opened(server)) == len(of_flink) + 1
        print(f"two worker hosts: {throughput(stream):,.0f} posts a second", flush=True)
        with stream.sending(RATE):
            stream.wait_until_screened()
            lost = one_at_work(rack, cluster)
            with fault("cut off", stream, cluster, both - {lost.address}):
                lost.cut_off()
            with fault("healed", stream, cluster, both):
                lost.heal()
            dead = one_at_work(rack, cluster)
            with fault("killed", stream, cluster, both - {dead.address}):
                dead.machine.kill()
        stream.wait_until_screened()
        print(f"one worker host: {throughput(stream):,.0f} posts a second", flush=True)
        account = stream.wait_until_labelled()
        code, output = running.terminate()
    print(account, flush=True)
    assert code == 0, output[-3000:]
    assert account.labels == len(stream.sent) * POLICIES
    assert (account.lost, account.twice_in_view, account.unaccounted) == (0, 0, 0)


@contextmanager
def fault(name, stream, cluster, left):
    """Make a fault; wait until the job manager counts on the hosts that are left, and work on."""
    began = time.time()
    yield
    wait_until(lambda: task_managers(cluster) == left)
    stream.wait_until_screened()
    print(f"{name}: {stream.longest_gap(began):.1f} s without a screening", flush=True)


def task_managers(cluster):
    """Return the addresses of the hosts that the job manager counts on."""
    known = cluster.get("/taskmanagers").get("taskmanagers", [])
    return {each["id"].partition(":")[0] for each in known}


def opened(server):
    """Return the ports of a server that other hosts reach."""
    return {each.port for each in listeners(server.pid) if not each.on_loopback}


def ports_of_flink(cluster, rack):
    """Return the two ports of the task manager of each host."""
    known = cluster.get("/taskmanagers")["taskmanagers"]
    ports = {
        urlsplit(each["path"]).hostname: {urlsplit(each["path"]).port, each["dataPort"]}
        for each in known
    }
    return [ports[host.address] for host in rack.others]


def hosts_at_work(cluster):
    """Return the addresses of the hosts on which the job has tasks, while it runs."""
    jobs = cluster.get("/jobs").get("jobs", [])
    running = [each["id"] for each in jobs if each["status"] == "RUNNING"]
    found = set()
    for job in running:
        for step in cluster.get(f"/jobs/{job}").get("vertices", []):
            tasks = cluster.get(f"/jobs/{job}/vertices/{step['id']}/taskmanagers")
            endpoints = (each["endpoint"] for each in tasks.get("taskmanagers", []))
            found |= {each.partition(":")[0] for each in endpoints}
    return found


def one_at_work(rack, cluster):
    """Return a host on which the job has tasks, when it runs and both hosts are there."""
    both = {host.address for host in rack.others}
    at = wait_until(lambda: task_managers(cluster) == both and hosts_at_work(cluster))
    return next(host for host in rack.others if host.address in at)


def throughput(stream):
    """Send posts as fast as it goes; return how many a second the middle eight tenths came to."""
    before = set(stream.sent)
    stream.send(BACKLOG)
    stream.wait_until_screened()
    rows = stream.rows(
        "SELECT `partition`, `offset`, MIN(UNIX_MILLIS(screened_at)) AS at "
        "FROM `{dataset}.screenings` WHERE run = @run GROUP BY 1, 2"
    )
    places = stream.sent - before
    times = sorted(row["at"] for row in rows if (row["partition"], row["offset"]) in places)
    first, last = len(times) // 10, len(times) * 9 // 10
    return (last - first) / max(0.001, (times[last] - times[first]) / 1000)


def wait_until(true, seconds=300):
    """Wait until something is true, or is anything at all, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    return found
