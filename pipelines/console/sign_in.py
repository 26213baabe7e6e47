"""Who is there: signing in with a token, signing out, and what is shown to nobody known."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from weir.pipelines.console.access import SESSION_SECONDS
from weir.pipelines.console.cookies import set_cookie
from weir.pipelines.console.forms import read_form
from weir.pipelines.console.guard import is_from_here
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.templates import fill
from weir.pipelines.console.visit import RefusedError

_SESSION = "weir-session"


def person_of(setup: Setup, request: Request) -> Person | None:
    """Return who asks; None where nobody is known."""
    found = setup.access.person(request.headers, request.cookies.get(_SESSION, ""))
    if found and setup.read_only:
        return Person(found.name, min(found.role, Role.READER))
    return found


def ask_who(setup: Setup, request: Request) -> Response:
    """Return the way to sign in, or why there is none."""
    if setup.access.signs_in:
        to = quote(address_of(request), safe="")
        return RedirectResponse(f"/sign-in?to={to}", HTTPStatus.SEE_OTHER)
    return _page(
        "layout/plain.html.j2",
        HTTPStatus.UNAUTHORIZED,
        message="The proxy before the console names nobody who is known here.",
    )


async def sign_in(setup: Setup, request: Request) -> Response:
    """Return the form of a token, or what became of one."""
    to = local(request.query_params.get("to", "/"))
    if not setup.access.signs_in:
        return RedirectResponse(to, HTTPStatus.SEE_OTHER)
    wrong, status = "", HTTPStatus.OK
    if request.method == "POST":
        try:
            token = (await read_form(request)).fields.get("token", "").strip()
            if setup.access.person(request.headers, token):
                signed_in = RedirectResponse(to, HTTPStatus.SEE_OTHER)
                set_cookie(request, signed_in, _SESSION, token, SESSION_SECONDS)
                return signed_in
            wrong, status = "That is no token of anybody's here.", HTTPStatus.UNAUTHORIZED
        except RefusedError as error:
            wrong, status = f"{error}.", error.status
    return _page("layout/sign_in.html.j2", status, to=to, wrong=wrong)


async def sign_out(_setup: Setup, request: Request) -> Response:
    """Forget who is there, where a page of the console asks."""
    if not is_from_here(request.headers):
        said = "This was not asked for by a page of the console, so you are still signed in."
        return _page("layout/plain.html.j2", HTTPStatus.FORBIDDEN, message=said)
    left = RedirectResponse("/", HTTPStatus.SEE_OTHER)
    left.delete_cookie(_SESSION)
    return left


def local(to: str) -> str:
    """Return an address of the console; the beginning for one of anybody else's."""
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) else "/"


def address_of(request: Request) -> str:
    """Return the path and the query that are asked for."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _page(template: str, status: HTTPStatus, **values: Any) -> Response:
    content = fill(template, values, visit=None, rooms=(), said="", bare=False)
    return Response(content, status, media_type="text/html")
