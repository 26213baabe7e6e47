"""What needs no network asks for none: in one of its own every attempt is counted."""

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.listeners import Listener, listeners

# Runs the rest of its command line, and says how often anybody looked beyond loopback.
COUNTED = """
import subprocess, sys
from weir.infra.local.isolated import attempts, is_isolated
code = subprocess.call(sys.argv[1:])
print(is_isolated(), code, attempts())
"""


@dataclass(frozen=True)
class Alone:
    """What a command did in a network of its own."""

    is_isolated: bool  # or this machine gives no network of its own
    code: int
    attempts: int  # to reach what is not on loopback
    listeners: set[Listener]
    printed: str

    @property
    def code_and_attempts(self) -> tuple[int, int]:
        if not self.is_isolated:
            pytest.skip("this machine gives no network of its own")
        return self.code, self.attempts


def alone(*command: object, cwd: Path | None = None) -> Alone:
    isolated = [sys.executable, "-m", "weir.infra.local.isolated", sys.executable, "-c", COUNTED]
    seen = set()
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen([*isolated, *map(str, command)], stdout=said, cwd=cwd) as process,
    ):
        while process.poll() is None:
            seen |= listeners(process.pid)
            time.sleep(0.2)
        said.seek(0)
        *printed, counted = said.read().splitlines()
    where, code, attempts = counted.split()
    return Alone(where == "True", int(code), int(attempts), seen, "\n".join(printed))


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
    code, attempts = alone(sys.executable, "-c", f"import socket; {attempt}").code_and_attempts
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
    code, attempts = alone(sys.executable, "-c", ELSEWHERE).code_and_attempts
    if code == 77:
        pytest.skip("who is not root gets no second network here")
    assert (code, attempts) == (0, 0)
