"""Servers as child processes: on loopback, ready when they say so, gone when their parent is."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

_TETHER = Path(__file__).with_name("tether.py")
_LOG_TAIL = 1000  # characters of a server's log in an error


class StackError(RuntimeError):
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


@contextmanager
def child(
    name: str,
    command: Sequence[str],
    ready: Callable[[], bool],
    *,
    seconds: float,
    grace: float = 5.0,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; enter it once ``ready`` is true.

    The kernel kills the child when the thread that entered is gone, so enter in the main one.
    Raises StackError where it ends, or is not ready within ``seconds``; it is
    killed where it has not ended ``grace`` seconds after it was asked to.
    """
    with tempfile.TemporaryFile() as log:
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


def stop(process: subprocess.Popen[bytes], grace: float) -> None:
    """End the process politely, then with force after ``grace`` seconds."""
    process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
