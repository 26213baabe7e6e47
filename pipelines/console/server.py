"""The console's server, in this process."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import uvicorn

from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.web import application
from weir.pipelines.errors import OptionError

PORT = 8766
_MOST_AT_ONCE = 200  # requests; whoever comes beside is told to come again


def require_access(setup: Setup, host: str) -> None:
    """Raise OptionError where others than this machine would reach a console that asks nobody."""
    if isinstance(setup.access, OnLoopback) and not _is_loopback(host):
        raise OptionError(
            f"--host {host} is reached by others, and nothing says who may do what: give --access "
            "FILE with people and their tokens, or with the proxy that signs them in"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(setup: Setup, host: str, port: int) -> socket.socket:
    """Return a socket that the console will answer on; 0 is any free port. OptionError."""
    require_access(setup, host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_MOST_AT_ONCE)
    except OSError as error:
        raise OptionError(
            f"--host {host} --port {port}: {error.strerror}; give another --port, 0 is any free one"
        ) from error


def address_of(listening: socket.socket) -> str:
    """Return where a browser finds the console."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def server(setup: Setup) -> uvicorn.Server:
    """Return the server of a console, which writes no log: addresses hold what people look for."""
    config = uvicorn.Config(
        application(setup),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        limit_concurrency=_MOST_AT_ONCE,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=10,
    )
    return uvicorn.Server(config)


@contextmanager
def console_beside(setup: Setup, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve the console beside what this process does, and give its address."""
    with listen(setup, host, port) as listening:
        running = server(setup)
        thread = threading.Thread(
            target=running.run, args=([listening],), name="weir-console", daemon=True
        )
        thread.start()
        try:
            yield address_of(listening)
        finally:
            running.should_exit = True
            thread.join(timeout=30)
