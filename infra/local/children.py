"""Servers as child processes: on loopback, ready when they say so, gone when their parent is."""

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Self

from weir.errors import WeirError

_TETHER = Path(__file__).with_name("tether.py")
_LOG_TAIL = 1000  # characters of a server's log in an error


class StackError(WeirError, RuntimeError):
    """The local stack cannot start; the message says why and what to do."""


def free_ports(count: int) -> list[int]:
    """Return that many different loopback ports that nothing listens on."""
    with ExitStack() as sockets:
        bound = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in bound:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in bound]


def connects(port: int) -> bool:
    """Return whether something listens on the loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def answers(port: int, path: str, *, seconds: float = 5.0, address: str = "127.0.0.1") -> bool:
    """Return whether what listens on the port answers 200 there, in so many seconds."""
    connection = http.client.HTTPConnection(address, port, timeout=seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def child(
    name: str,
    command: Sequence[str],
    ready: Callable[[], bool],
    *,
    seconds: float,
    grace: float = 5.0,
    environment: Mapping[str, str] | None = None,
    log_file: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; enter it once ``ready`` is true.

    The kernel kills the child when the thread that entered is gone, so enter in the main one.
    Raises StackError where it ends, or is not ready within ``seconds``; it is
    killed where it has not ended ``grace`` seconds after it was asked to. What it says is kept
    only where a ``log_file`` is named.
    """
    with _log(log_file) as log:
        process = subprocess.Popen(  # noqa: S603 - the caller's own command, without a shell
            [sys.executable, "-S", str(_TETHER), str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(os.environ) | dict(environment or {}),
            start_new_session=True,  # Ctrl-C is for the parent, which then stops its children
        )
        try:
            deadline = time.monotonic() + seconds
            while not ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_TAIL))
                    said = log.read().decode("utf-8", "replace").strip()
                    how = (
                        f"was not ready after {seconds:.0f} seconds"
                        if process.poll() is None
                        else f"ended with exit code {process.returncode}"
                    )
                    raise StackError(f"{name} {how}. It said: {said or 'nothing'}")
                time.sleep(0.02)
            yield process
        finally:
            stop(process, grace)


def _log(path: Path | None) -> IO[bytes]:
    return tempfile.TemporaryFile() if path is None else path.open("a+b")


class Server:
    """A child that can be killed and started again, to see what comes of it."""

    def __init__(
        self, start: Callable[[], AbstractContextManager[subprocess.Popen[bytes]]]
    ) -> None:
        self._start = start
        self._running = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop it, if it runs."""
        self._running.close()

    @property
    def pid(self) -> int:
        """Return its process id, also of the process that was killed last."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it is ready; StackError where it is not."""
        self._process = self._running.enter_context(self._start())

    def kill(self) -> None:
        """End it as a machine does that loses power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._running.close()


def stop(process: subprocess.Popen[bytes], grace: float) -> None:
    """End the process politely, then with force after ``grace`` seconds."""
    process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
