"""What a browser keeps for the console, and no script reads."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from starlette.requests import Request
from starlette.responses import Response

from weir.pipelines.console.guard import is_own

_SAID = "weir-said"
_SAID_SECONDS, _MOST_SAID = 60, 1_000  # of what the next page says; a cookie holds 4,096 bytes


def set_cookie(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    """Set a cookie that no script reads; over plain HTTP only on loopback.

    It comes along where a person follows a link from elsewhere, such as one that a colleague sent:
    what changes something is held to where it comes from (``is_from_here``).
    """
    local = is_own(request.headers.get("host", ""), frozenset())
    response.set_cookie(
        name, value, max_age=seconds, httponly=True, samesite="lax", secure=not local
    )


def say(request: Request, response: Response, text: str) -> None:
    """Have the next page say something."""
    said = urlsafe_b64encode(text[:_MOST_SAID].encode()).decode()
    set_cookie(request, response, _SAID, said, _SAID_SECONDS)


def read_said(request: Request) -> str:
    """Return what the page before has to say; it is shown as text, so whoever wrote it."""
    try:
        return urlsafe_b64decode(request.cookies.get(_SAID, "")).decode()
    except ValueError:
        return ""


def forget_said(response: Response) -> None:
    """Have it said once."""
    response.delete_cookie(_SAID)
