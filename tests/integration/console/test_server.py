"""The console's server: from the command's options to an answer, and what it lets nobody do."""

import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from tests.integration.stored import service
from weir.pipelines.console import server as served
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.server import console_beside
from weir.pipelines.console.setup import Setup
from weir.transforms.write.bigquery.sink import BigQuerySettings

AWAY = BigQuerySettings("p", "d", rest_endpoint="http://127.0.0.1:1", grpc_endpoint="127.0.0.1:1")

AT = r"console is at (http://\S+/)\n"


@contextmanager
def weir(*options):
    """Run a command until the block ends; give it and the address that it prints."""
    command = [sys.executable, "-m", "weir.pipelines.commands.cli", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stdout:
            if found := re.search(AT, line):
                yield process, found[1]
                break
        else:
            pytest.fail(process.stderr.read())
    finally:
        process.kill()
        process.communicate()


def get(address, **headers):
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def whole(address):
    """Return a part of a page once nothing of it is still being counted."""
    while "data-soon" in (page := get(address)[1]):
        time.sleep(0.2)
    return page


def test_the_command_serves_what_is_stored_until_it_is_told_to_end(bigquery, tmp_path):
    policies = tmp_path / "policies"
    (policies / "broken").mkdir(parents=True)
    (policies / "broken/policy.md").write_text("no policy")
    more = ["--port", "0", "--policies", str(policies), "--run", "nothing"]
    with weir("console", *service(bigquery), *more) as (process, address):
        assert get(f"{address}now")[0] == 200
        assert "No post of the last day" in whole(f"{address}now/labels")
        assert "does not load" in get(f"{address}now/decides")[1]
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Traceback" not in said


@pytest.fixture
def beside():
    with console_beside(Setup(AWAY, OnLoopback("ada"))) as address:
        yield address


def test_without_bigquery_a_page_says_what_is_wrong(beside, capfd):
    status, page = get(f"{beside}now/labels?run=a-secret-name")
    assert status == 503
    assert "cannot be reached" in page
    assert get(f"{beside}now")[0] == 200
    assert "a-secret-name" not in "".join(capfd.readouterr())


def test_the_names_of_others_are_not_answered_to(beside):
    assert get(f"{beside}now", Host="rebound.example")[0] == 421


def raw(address, sent, least=1):
    """Return what comes back of bytes that are sent, until the server closes."""
    host, port = re.search(r"//([\d.]+):(\d+)/", address).groups()
    with socket.create_connection((host, int(port)), timeout=120) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_headers_beyond_bounds_and_what_is_no_http_are_refused(beside):
    long = b"GET /now HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 70_000
    assert raw(beside, long).startswith(b"HTTP/1.1 400")
    assert raw(beside, b"\x16\x03\x01 hello\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_whoever_connects_and_asks_for_nothing_is_let_go(monkeypatch):
    monkeypatch.setattr(served, "_SECONDS", 0.3)
    with console_beside(Setup(AWAY, OnLoopback("ada"))) as address:
        assert raw(address, b"") == b""
        assert raw(address, b"GET /now HT") == b""
        assert get(f"{address}now")[0] == 200


def test_a_slow_answer_is_waited_for_by_the_server(monkeypatch):
    monkeypatch.setattr(served, "_SECONDS", 0.2)
    from weir.pipelines.console.now import pages

    def slow(*_):
        time.sleep(1.0)
        return []

    monkeypatch.setattr(pages, "local_jobs", slow)
    with console_beside(Setup(AWAY, OnLoopback("ada"))) as address:
        assert "No job of the run live runs" in get(f"{address}now/jobs")[1]
