"""The console as a web application: the only place that knows HTTP.

Every page of the rooms is asked and answered here, so that roles, bounds, errors and escaping are
said once.
"""

import logging
import traceback
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from importlib.resources import files
from itertools import chain
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from weir.errors import WeirError
from weir.pipelines.console.access import SESSION_SECONDS
from weir.pipelines.console.forms import read_form
from weir.pipelines.console.guard import Guard, is_from_here, is_own
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.rooms import ROOMS
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.templates import fill
from weir.pipelines.console.visit import Answer, Moved, Page, RefusedError, Saved, Shown, Visit

_LOG = logging.getLogger(__name__)

_SESSION, _SAID = "weir-session", "weir-said"
_SAID_SECONDS, _MOST_SAID = 60, 1_000  # of what the next page says; a cookie holds 4,096 bytes
FRAGMENT = "x-weir-fragment"  # of a request that replaces a part of a page
_STATIC = {"console.css": "text/css", "console.js": "text/javascript", "icon.svg": "image/svg+xml"}
_NOBODY = Person("nobody", Role.READER)


def application(setup: Setup) -> Starlette:
    """Return the console of a setup, for a server of ASGI."""
    pages = [page for room in ROOMS for page in room.pages]
    routes = [
        Route("/", partial(_home, setup), methods=["GET"]),
        Route("/static/{name}", _static, methods=["GET"]),
        Route("/sign-in", partial(_sign_in, setup), methods=["GET", "POST"]),
        Route("/sign-out", partial(_sign_out, setup), methods=["POST"]),
        *(
            Route(
                page.path, partial(_serve, setup, page), methods=["POST" if page.changes else "GET"]
            )
            for page in pages
        ),
    ]
    guard = Middleware(Guard, hosts=setup.access.hosts)
    handlers: Mapping[Any, Any] = {HTTPException: partial(_missing, setup)}
    app = Starlette(routes=routes, middleware=[guard], exception_handlers=handlers)
    app.router.redirect_slashes = False  # which would say http:// behind a proxy that ends TLS
    return app


async def _serve(setup: Setup, page: Page, request: Request) -> Response:
    person = _person(setup, request)
    if person is None and not page.changes:
        return _unknown(setup, request)
    visit = _visit(setup, person or _NOBODY, request)
    try:
        if page.changes:
            sent = await read_form(request)
            visit = replace(visit, form=sent.fields, chosen=sent.chosen)
        _require_may(setup, person, page)
        answer = await run_in_threadpool(page.handler, visit)
        return await run_in_threadpool(_response, visit, answer, request)
    except WeirError as error:
        refused = _refusal(visit, str(error), _status(error))
    except Exception as error:  # noqa: BLE001 - a defect: it ends this visit, and not what was typed
        refused = _refusal(visit, log_defect(error), HTTPStatus.INTERNAL_SERVER_ERROR)
    return await run_in_threadpool(_response, visit, refused, request)


def _require_may(setup: Setup, person: Person | None, page: Page) -> None:
    """Raise RefusedError for somebody who may not go there."""
    if person is None:
        raise RefusedError("You are not signed in, or not any more", HTTPStatus.UNAUTHORIZED)
    if person.may(page.role):
        return
    why = f"This needs the role {page.role.title}, and {person.name} is a {person.role.title}"
    if setup.read_only:
        why = "This console is read-only: it was started so, and nobody changes anything in it"
    raise RefusedError(why, HTTPStatus.FORBIDDEN)


def log_defect(error: Exception) -> str:
    """Log where an error that nobody foresaw came from, and return what to tell a person.

    What it says itself may hold a post, so neither repeats that.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown place"
    _LOG.error("a defect in the console: %s at %s", type(error).__name__, place)
    return (
        f"The console has a defect here ({type(error).__name__}); its log says where. Nothing "
        "is known to have been done"
    )


def _status(error: WeirError) -> HTTPStatus:
    if isinstance(error, RefusedError):
        return error.status
    return (
        HTTPStatus.BAD_REQUEST if isinstance(error, ValueError) else HTTPStatus.SERVICE_UNAVAILABLE
    )


def _refusal(visit: Visit, message: str, status: HTTPStatus) -> Shown:
    """Return a page that says what is wrong, and holds whatever was typed, to be sent again."""
    values = {
        "message": message.rstrip("."),
        "unknown": status is HTTPStatus.UNAUTHORIZED,
        "typed": visit.form,
        "chosen": visit.chosen,
    }
    return Shown("layout/refused.html.j2", values, status)


def _response(visit: Visit, answer: Answer, request: Request) -> Response:
    if isinstance(answer, Moved):
        moved = RedirectResponse(_local(answer.to), HTTPStatus.SEE_OTHER)
        if answer.said:
            said = urlsafe_b64encode(answer.said[:_MOST_SAID].encode()).decode()
            _set_cookie(request, moved, _SAID, said, _SAID_SECONDS)
        return moved
    if isinstance(answer, Saved):
        # What cannot be begun is an error with a page; what breaks off later, a broken download.
        parts = iter(answer.content)
        first = next(parts, b"")
        named = {"content-disposition": f'attachment; filename="{quote(answer.name)}"'}
        return StreamingResponse(chain([first], parts), headers=named, media_type=answer.media_type)
    bare = FRAGMENT in request.headers
    said = "" if bare else _said(request)
    content = _fill(answer.template, answer.values, visit=visit, said=said, bare=bare)
    shown = Response(content, answer.status, media_type="text/html")
    if said:
        shown.delete_cookie(_SAID)
    return shown


def _fill(
    template: str, values: Mapping[str, Any], *, visit: Visit | None, said: str, bare: bool
) -> str:
    rooms = ROOMS if visit and visit.person is not _NOBODY else ()
    return fill(template, values, visit=visit, rooms=rooms, said=said, bare=bare)


def _said(request: Request) -> str:
    """Return what the page before has to say; it is shown as text, so whoever wrote it."""
    try:
        return urlsafe_b64decode(request.cookies.get(_SAID, "")).decode()
    except ValueError:
        return ""


def _local(to: str) -> str:
    """Return an address of the console; the beginning for one of anybody else's."""
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) else "/"


def _address(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _visit(setup: Setup, person: Person, request: Request) -> Visit:
    return Visit(
        setup, person, _address(request), dict(request.path_params), dict(request.query_params)
    )


def _person(setup: Setup, request: Request) -> Person | None:
    found = setup.access.person(request.headers, request.cookies.get(_SESSION, ""))
    if found and setup.read_only:
        return Person(found.name, min(found.role, Role.READER))
    return found


def _unknown(setup: Setup, request: Request) -> Response:
    if setup.access.signs_in:
        to = quote(_address(request), safe="")
        return RedirectResponse(f"/sign-in?to={to}", HTTPStatus.SEE_OTHER)
    return _plain(
        "layout/unknown.html.j2",
        HTTPStatus.UNAUTHORIZED,
        message="The proxy before the console names nobody who is known here.",
    )


def _plain(
    template: str, status: HTTPStatus, visit: Visit | None = None, **values: Any
) -> Response:
    content = _fill(template, values, visit=visit, said="", bare=False)
    return Response(content, status, media_type="text/html")


async def _home(setup: Setup, request: Request) -> Response:
    person = _person(setup, request)
    if person is None:
        return _unknown(setup, request)
    return RedirectResponse(ROOMS[0].path, HTTPStatus.SEE_OTHER)


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _STATIC:
        return Response("There is no such file", HTTPStatus.NOT_FOUND, media_type="text/plain")
    content = files("weir.pipelines.console").joinpath("static", name).read_bytes()
    return Response(content, media_type=_STATIC[name], headers={"cache-control": "no-cache"})


async def _sign_in(setup: Setup, request: Request) -> Response:
    to = _local(request.query_params.get("to", "/"))
    if not setup.access.signs_in:
        return RedirectResponse(to, HTTPStatus.SEE_OTHER)
    wrong, status = "", HTTPStatus.OK
    if request.method == "POST":
        try:
            token = (await read_form(request)).fields.get("token", "").strip()
            if setup.access.person(request.headers, token):
                signed_in = RedirectResponse(to, HTTPStatus.SEE_OTHER)
                _set_cookie(request, signed_in, _SESSION, token, SESSION_SECONDS)
                return signed_in
            wrong, status = "That is no token of anybody's here.", HTTPStatus.UNAUTHORIZED
        except RefusedError as error:
            wrong, status = f"{error}.", error.status
    return _plain("layout/sign_in.html.j2", status, to=to, wrong=wrong)


async def _sign_out(_setup: Setup, request: Request) -> Response:
    if not is_from_here(request.headers):
        said = "This was not asked for by a page of the console, so you are still signed in."
        return _plain("layout/unknown.html.j2", HTTPStatus.FORBIDDEN, message=said)
    left = RedirectResponse("/", HTTPStatus.SEE_OTHER)
    left.delete_cookie(_SESSION)
    return left


async def _missing(setup: Setup, request: Request, error: HTTPException) -> Response:
    person = _person(setup, request)
    visit = _visit(setup, person, request) if person else None
    said = "There is no such page."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        said = "Nothing is shown under this address, or nothing is sent to it."
    answer = _plain(
        "layout/unknown.html.j2", HTTPStatus(error.status_code), visit=visit, message=said
    )
    answer.headers.update(error.headers or {})
    return answer


def _set_cookie(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    """Set a cookie that no script reads; over plain HTTP only on loopback.

    It comes along where a person follows a link from elsewhere, such as one that a colleague sent:
    what changes something is held to where it comes from (``is_from_here``).
    """
    local = is_own(request.headers.get("host", ""), frozenset())
    response.set_cookie(
        name, value, max_age=seconds, httponly=True, samesite="lax", secure=not local
    )
