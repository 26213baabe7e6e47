"""What needs no network asks for none: in one of its own every attempt is counted."""

import json
import subprocess
import sys
import time

import pytest

from tests.listeners import listeners

# Runs the rest of its command line, and says how often anybody looked beyond loopback.
COUNTED = """
import subprocess, sys
from weir.infra.local.isolated import attempts, is_isolated
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print("isolated" if is_isolated() else "open", code, attempts())
"""


def alone(*command):
    """Return a command's exit code and its attempts to reach anything, and what it listened on."""
    isolated = [sys.executable, "-m", "weir.infra.local.isolated", sys.executable, "-c", COUNTED]
    seen = set()
    with subprocess.Popen([*isolated, *command], stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            seen |= listeners(process.pid)
            time.sleep(0.2)
        where, code, attempts = process.stdout.read().split()
    if where == "open":
        pytest.skip("this machine gives no network of its own")
    return int(code), int(attempts), seen


def test_the_demo_asks_for_no_network_and_is_on_loopback(tmp_path):
    posts = tmp_path / "posts.jsonl"
    posts.write_text(
        "".join(json.dumps({"id": n, "text": f"buy now {n}"}) + "\n" for n in range(3))
    )
    weir = [sys.executable, "-m", "weir.pipelines.commands.cli"]
    code, attempts, seen = alone(*weir, "demo", "--posts", str(posts))
    assert (code, attempts) == (0, 0)
    assert len(seen) >= 3  # Kafka's, and BigQuery's of REST and gRPC
    assert all(each.on_loopback for each in seen), sorted(seen)


@pytest.mark.outside
@pytest.mark.parametrize(
    "attempt",
    [
        "socket.getaddrinfo('example.com', 80)",
        "socket.create_connection(('192.0.2.1', 80))",
        "socket.create_connection(('2001:db8::1', 80))",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
    ],
)
def test_an_attempt_is_counted(attempt):
    code, attempts, _ = alone(sys.executable, "-c", f"import socket; {attempt}")
    assert code != 0
    assert attempts > 0


# Exits with 0 where its own attempt was counted in the network that it went to.
ELSEWHERE = """
import socket
from contextlib import suppress
from weir.infra.local.isolated import another_network, attempts
try:
    with another_network():
        with suppress(OSError):
            socket.create_connection(("192.0.2.1", 80))
        counted = attempts()
except PermissionError:
    raise SystemExit(77)
raise SystemExit(counted == 0)
"""


def test_what_asks_in_another_network_is_counted_there_alone():
    code, attempts, _ = alone(sys.executable, "-c", ELSEWHERE)
    if code == 77:
        pytest.skip("who is not root gets no second network here")
    assert (code, attempts) == (0, 0)
