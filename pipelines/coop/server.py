"""Receives Coop's callbacks: POST /actions and POST /appeals, signed, and stored once each."""

import logging
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from weir.pipelines.coop.callbacks import CallbackError, is_signed

MOST_BYTES = 1 << 20
_SECONDS = 10.0  # that a client may take for its request
_log = logging.getLogger(__name__)

Store = Callable[[bytes], str]  # what a body comes to; CallbackError where it says nothing


def serving(host: str, port: int, key: Any, stores: dict[str, Store]) -> ThreadingHTTPServer:
    """Return a server that stores what is signed by the key, each path by its own; not yet begun.

    It answers 401 without a signature, 404 elsewhere, 400 for what says nothing, 503 where it could
    not be stored: Coop sends a callback again that is not answered with success.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = _SECONDS
        server_version, sys_version = "weir", ""

        def do_POST(self) -> None:
            self._answer(*self._stored())

        def _stored(self) -> tuple[int, str]:
            store = stores.get(self.path)
            length = self.headers.get("Content-Length", "")
            if store is None:
                return 404, "there are " + ", ".join(stores)
            if not (length.isascii() and length.isdecimal()) or int(length) > MOST_BYTES:
                return 413, f"give a body of at most {MOST_BYTES} bytes, with its length"
            body = self.rfile.read(int(length))
            if not is_signed(key, body, self.headers.get("Coop-Signature")):
                return 401, "the signature is not Coop's"
            try:
                return 200, store(body)
            except CallbackError as error:
                return 400, str(error)
            except Exception as error:  # noqa: BLE001 - whatever it is, Coop tries again
                _log.warning("A callback could not be stored: %s", type(error).__name__)
                return 503, "it could not be stored; send it again"

        def _answer(self, status: int, said: str) -> None:
            body = f"{said}\n".encode()
            self.close_connection = True
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            """Say nothing: a path may be anything."""

    return ThreadingHTTPServer((host, port), Handler)
