"""What stands before every page: which requests are answered, and what browsers may then do."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# No script, style, picture or connection of anybody else's, and nothing inline: what a post says
# runs nowhere, even where a page forgot to escape it.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types weir",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_LOCAL = frozenset({"localhost", "localhost.localdomain"})
_MOST_QUERY = 8 << 10  # bytes; what is typed at length is sent as a form
_LOG = logging.getLogger(__name__)


class Guard:
    """Answers only who may ask, and puts the headers on every answer.

    A page elsewhere that has its own name lead here (DNS rebinding) is refused, and so are the
    pictures, frames and scripts of one, each of which would be a question that is billed.
    """

    def __init__(self, app: ASGIApp, hosts: Callable[[], frozenset[str]]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http":
            return  # nothing here speaks anything else
        begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                present = {name for name, _ in message["headers"]}
                ours = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [
                    *message["headers"],
                    *(each for each in ours if each[0] not in present),
                ]
            await send(message)

        if refused := self._refused(scope):
            await _say(send_guarded, *refused)
            return
        try:
            await self._app(scope, receive, send_guarded)
        except Exception as error:  # noqa: BLE001 - what it says may hold a post, and a server logs that
            _LOG.error("an answer broke off: %s", type(error).__name__)
            if not begun:
                said = "The console has a defect here"
                await _say(send_guarded, HTTPStatus.INTERNAL_SERVER_ERROR, said)

    def _refused(self, scope: Scope) -> tuple[HTTPStatus, str] | None:
        headers = Headers(scope=scope)
        if not is_own(headers.get("host", ""), self._hosts()):
            return (
                HTTPStatus.MISDIRECTED_REQUEST,
                "The console does not answer to this name; hosts: in the file of --access says to "
                "which it does",
            )
        if len(scope["query_string"]) > _MOST_QUERY:
            return HTTPStatus.REQUEST_URI_TOO_LONG, "This address is too long"
        if is_embedded(headers):
            return HTTPStatus.FORBIDDEN, "This was asked for by a page that is not the console's"
        return None


async def _say(send: Send, status: HTTPStatus, said: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{said}\n".encode()})


def is_own(host: str, hosts: frozenset[str]) -> bool:
    """Return whether the value of a Host header is loopback, or one of these names."""
    name = host_name(host)
    if name in _LOCAL or name in hosts:
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """Return a Host header without its port, in small letters."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def is_embedded(headers: Mapping[str, str]) -> bool:
    """Return whether a page elsewhere asks for this as a part of itself, and follows no link."""
    if headers.get("sec-fetch-site") not in ("cross-site", "same-site"):
        return False
    followed = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
    return followed != ("navigate", "document")


def is_from_here(headers: Mapping[str, str]) -> bool:
    """Return whether a request that changes something comes from a page of the console.

    Browsers say where a request comes from (Fetch Metadata, W3C), and older ones, or over plain
    HTTP, the origin of a form at least. Who says neither is refused.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] == headers.get("host")
