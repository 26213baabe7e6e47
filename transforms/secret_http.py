"""HTTP that carries a secret: to the place that was named and to no other."""

import urllib.request
from typing import Any
from urllib.parse import urlsplit

from weir.transforms.loopback import is_loopback

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def sends_in_the_clear(url: str) -> bool:
    """Return whether what is sent to a URL leaves this machine for all to read."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in _THIS_MACHINE


def opener(url: str) -> urllib.request.OpenerDirector:
    """Return what opens requests to a URL: by no redirect, and to this machine by no proxy."""
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
    if is_loopback(url):  # no proxy knows it
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_named: Any) -> None:
        """Follow none: the secret is for the place that was named."""
