import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from weir.infra.local import StackError
from weir.infra.local.downloads import flink_jar, kafka_libraries
from weir.infra.local.tethered import tethered
from weir.transforms.kafka.settings import KafkaSettings, ensure_topics


def test_what_a_broker_acknowledged_is_there_after_it_was_killed(apache_kafka):
    settings = KafkaSettings(apache_kafka.bootstrap)
    ensure_topics(settings, ["kept"], 1)
    producer = settings.producer()
    producer.send("kept", b"before", partition=0).get(timeout=240)
    apache_kafka.server.kill()
    apache_kafka.server.start()
    assert producer.send("kept", b"after", partition=0).get(timeout=240).offset == 1
    producer.close()


@pytest.mark.parametrize("fetched", [kafka_libraries, flink_jar])
def test_what_was_not_fetched_is_an_error_that_says_how(fetched, monkeypatch, tmp_path):
    monkeypatch.setenv("WEIR_CACHE", str(tmp_path))
    with pytest.raises(StackError, match=r"python -m weir\.infra\.local\.downloads"):
        fetched()


def test_a_tethered_program_is_gone_with_whoever_started_it(monkeypatch, tmp_path):
    monkeypatch.setenv("WEIR_CACHE", str(tmp_path))
    program = (
        "import subprocess, sys, time\n"
        "print(subprocess.Popen([sys.argv[1], '600']).pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", program, str(tethered("/bin/sleep"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        keeper = int(parent.stdout.readline())  # on loopback
        children = Path(f"/proc/{keeper}/task/{keeper}/children")
        _wait_until(lambda: children.read_text())
        child = int(children.read_text())
        comm = Path(f"/proc/{child}/comm")
        _wait_until(lambda: comm.read_text() == "sleep\n")
        parent.send_signal(signal.SIGKILL)
    _wait_until(lambda: not comm.exists() or _is_zombie(child))


def test_an_isolated_command_sees_loopback_alone():
    command = [sys.executable, "-m", "weir.infra.local.isolated", "cat", "/proc/net/dev"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    if "own network" in done.stderr:
        pytest.skip("this machine gives no network of its own")
    interfaces = [line.split(":")[0].strip() for line in done.stdout.splitlines()[2:]]
    assert interfaces == ["lo"]


def _is_zombie(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] == "Z"


def _wait_until(true):
    deadline = time.monotonic() + 240
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
