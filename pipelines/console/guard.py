"""What stands before every page: which requests are answered, and what browsers may then do."""

from collections.abc import Mapping
from http import HTTPStatus
from ipaddress import ip_address

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


class Guard:
    """Answers only to names that the console has, and puts the headers on every answer.

    A page elsewhere that has its own name lead here (DNS rebinding) is refused by the first.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        host = headers.get("host", "")
        if not is_own(host, self._hosts):
            await _refuse(
                send, "The console does not answer to this name; it is told by hosts: in --access"
            )
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message["headers"] if name != b"server"]
                ours = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                present = {name for name, _ in kept}
                message["headers"] = kept + [each for each in ours if each[0] not in present]
            await send(message)

        await self._app(scope, receive, send_guarded)


async def _refuse(send: Send, said: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    status = HTTPStatus.MISDIRECTED_REQUEST
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


def is_from_here(headers: Mapping[str, str]) -> bool:
    """Return whether a request that changes something comes from a page of the console.

    Browsers say where a request comes from (Fetch Metadata, W3C), and older ones the origin of a
    form at least; who says neither is no browser that a stranger's page could have sent.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] == headers.get("host")
