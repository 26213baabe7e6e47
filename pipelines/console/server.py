"""The console's server, in this process."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.web import application
from weir.pipelines.errors import OptionError

_MOST_AT_ONCE = 200  # connections; whoever comes beside is told to come again
_MOST_HEADER_BYTES = 32 << 10
_SECONDS = 20.0  # that a connection may be open without a question


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
        why = (error.strerror or "").partition(" (while")[0]  # as create_server adds a tuple to it
        raise OptionError(
            f"--host {host} --port {port}: {why}; give another --port, 0 is any free one"
        ) from error


def address_of(listening: socket.socket) -> str:
    """Return where a browser of this machine finds the console."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - all there are
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class _Brisk(H11Protocol):
    """Lets go of a connection on which nobody asks anything, whatever comes of it byte by byte."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Look at it again in a while."""
        super().connection_made(transport)
        self.loop.call_later(_SECONDS, self._look, self.cycle)

    def _look(self, before: object) -> None:
        answered = self.cycle is None or self.cycle.response_complete
        if answered and self.cycle is before:
            self.transport.close()
        elif not self.transport.is_closing():
            self.loop.call_later(_SECONDS, self._look, self.cycle)


def server(setup: Setup) -> uvicorn.Server:
    """Return the server of a console, which writes no log: addresses hold what people look for."""
    config = uvicorn.Config(
        application(setup),
        # What else is installed beside it has other bounds.
        http=_Brisk,
        ws="none",
        loop="asyncio",
        h11_max_incomplete_event_size=_MOST_HEADER_BYTES,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        limit_concurrency=_MOST_AT_ONCE,
        timeout_keep_alive=int(_SECONDS),
        timeout_graceful_shutdown=10,
    )
    return uvicorn.Server(config)


def serve(setup: Setup, listening: socket.socket) -> None:
    """Serve the console until Ctrl-C, after which requests that are under way still end."""
    with suppress(KeyboardInterrupt):
        server(setup).run([listening])


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
