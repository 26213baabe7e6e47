"""The console as a web application: the only place that knows HTTP.

Every page of the rooms is asked and answered here, so that roles, bounds, errors and escaping are
said once.
"""

import base64
import logging
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from weir.errors import WeirError
from weir.pipelines.console.access import SESSION_SECONDS
from weir.pipelines.console.guard import Guard, host_name, is_from_here, is_own
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.rooms import ROOMS, home
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.templates import fill
from weir.pipelines.console.visit import Answer, Moved, Page, RefusedError, Saved, Shown, Visit

_LOG = logging.getLogger(__name__)

MOST_FORM_BYTES = 4 << 20  # a policy of 512 KiB, each of whose bytes a form may write as three
_SESSION, _SAID = "weir-session", "weir-said"
FRAGMENT = "x-weir-fragment"  # of a request that replaces a part of a page
_STATIC = {"console.css": "text/css", "console.js": "text/javascript", "icon.svg": "image/svg+xml"}


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
    handlers: Mapping[Any, Any] = {404: partial(_missing, setup), 405: partial(_missing, setup)}
    return Starlette(routes=routes, middleware=[guard], exception_handlers=handlers)


async def _serve(setup: Setup, page: Page, request: Request) -> Response:
    person = _person(setup, request)
    if person is None:
        return _unknown(setup, request)
    visit = Visit(
        setup, person, _address(request), dict(request.path_params), dict(request.query_params)
    )
    try:
        if not person.may(page.role):
            raise RefusedError(
                f"This needs the role {page.role.title}, and {person.name} is a "
                f"{person.role.title}",
                HTTPStatus.FORBIDDEN,
            )
        if page.changes:
            if not is_from_here(request.headers):
                raise RefusedError(
                    "This was sent by a page that is not the console's", HTTPStatus.FORBIDDEN
                )
            visit = await _with_form(visit, request)
        answer = await run_in_threadpool(page.handler, visit)
    except WeirError as error:
        answer = _refusal(visit, error)
    return await run_in_threadpool(_response, visit, answer, request)


def _refusal(visit: Visit, error: WeirError) -> Shown:
    """Return a page that says what is wrong, and holds whatever was typed, to be sent again."""
    status = HTTPStatus.SERVICE_UNAVAILABLE
    if isinstance(error, RefusedError):
        status = error.status
    elif isinstance(error, ValueError):
        status = HTTPStatus.BAD_REQUEST
    values = {"message": str(error), "typed": visit.form, "chosen": visit.chosen}
    return Shown("layout/refused.html.j2", values, status)


async def _with_form(visit: Visit, request: Request) -> Visit:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_FORM_BYTES:
            raise RefusedError(
                f"The form is larger than {MOST_FORM_BYTES:,} bytes",
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            )
    try:
        fields = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=20_000, errors="strict"
        )
    except ValueError:
        raise RefusedError("What was sent is not a form") from None
    # Forms end their lines as HTML has it; files and rows do not.
    clean = [(name, value.replace("\r\n", "\n")) for name, value in fields]
    chosen = tuple(value for name, value in clean if name == "chosen")
    return Visit(
        visit.setup,
        visit.person,
        visit.address,
        visit.path,
        visit.query,
        {name: value for name, value in clean if name != "chosen"},
        chosen,
        visit.now,
    )


def _response(visit: Visit, answer: Answer, request: Request) -> Response:
    if isinstance(answer, Moved):
        moved = RedirectResponse(answer.to, HTTPStatus.SEE_OTHER)
        if answer.said:
            said = base64.urlsafe_b64encode(answer.said.encode()).decode()
            _set_cookie(request, moved, _SAID, said, 60)
        return moved
    if isinstance(answer, Saved):
        named = {"content-disposition": f'attachment; filename="{quote(answer.name)}"'}
        return StreamingResponse(iter(answer.content), headers=named, media_type=answer.media_type)
    content = fill(
        answer.template,
        answer.values,
        visit=visit,
        rooms=ROOMS,
        said=_said(request),
        bare=FRAGMENT in request.headers,
    )
    shown = Response(content, answer.status, media_type="text/html")
    if _SAID in request.cookies:
        shown.delete_cookie(_SAID)
    return shown


def _said(request: Request) -> str:
    """Return what the page before has to say; it is shown as text, so whoever wrote it."""
    try:
        return base64.urlsafe_b64decode(request.cookies.get(_SAID, "")).decode()
    except ValueError:
        return ""


def _address(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _person(setup: Setup, request: Request) -> Person | None:
    found = setup.access.person(request.headers, request.cookies.get(_SESSION, ""))
    if found and setup.read_only:
        return Person(found.name, min(found.role, Role.READER))
    return found


def _unknown(setup: Setup, request: Request) -> Response:
    if setup.access.signs_in and request.method == "GET":
        return RedirectResponse(
            f"/sign-in?to={quote(_address(request), safe='')}", HTTPStatus.SEE_OTHER
        )
    why = "Sign in first." if setup.access.signs_in else "The proxy names nobody who is known here."
    content = fill(
        "layout/unknown.html.j2", {"message": why}, visit=None, rooms=(), said="", bare=False
    )
    return Response(content, HTTPStatus.UNAUTHORIZED, media_type="text/html")


async def _home(setup: Setup, request: Request) -> Response:
    person = _person(setup, request)
    if person is None:
        return _unknown(setup, request)
    return RedirectResponse(home(person), HTTPStatus.SEE_OTHER)


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _STATIC:
        return Response("There is no such file", HTTPStatus.NOT_FOUND, media_type="text/plain")
    content = files("weir.pipelines.console").joinpath("static", name).read_bytes()
    return Response(content, media_type=_STATIC[name], headers={"cache-control": "no-cache"})


async def _sign_in(setup: Setup, request: Request) -> Response:
    to = request.query_params.get("to", "/")
    to = to if to.startswith("/") and not to.startswith(("//", "/\\")) else "/"
    if not setup.access.signs_in:
        return RedirectResponse(to, HTTPStatus.SEE_OTHER)
    wrong = False
    if request.method == "POST" and is_from_here(request.headers):
        body = (await request.body())[:10_000]
        token = dict(parse_qsl(body.decode("ascii", "replace"))).get("token", "")
        session = setup.access.sign_in(token)
        if session:
            signed_in = RedirectResponse(to, HTTPStatus.SEE_OTHER)
            _set_cookie(request, signed_in, _SESSION, session, SESSION_SECONDS)
            return signed_in
        wrong = True
    content = fill(
        "layout/sign_in.html.j2",
        {"to": to, "wrong": wrong},
        visit=None,
        rooms=(),
        said="",
        bare=False,
    )
    status = HTTPStatus.UNAUTHORIZED if wrong else HTTPStatus.OK
    return Response(content, status, media_type="text/html")


async def _sign_out(_setup: Setup, request: Request) -> Response:
    left = RedirectResponse("/", HTTPStatus.SEE_OTHER)
    if is_from_here(request.headers):
        left.delete_cookie(_SESSION)
    return left


async def _missing(setup: Setup, request: Request, _error: Exception) -> Response:
    content = fill(
        "layout/unknown.html.j2",
        {"message": "There is no such page."},
        visit=None,
        rooms=() if _person(setup, request) is None else ROOMS,
        said="",
        bare=False,
    )
    return Response(content, HTTPStatus.NOT_FOUND, media_type="text/html")


def _set_cookie(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    """Set a cookie that only the console's own pages send; over plain HTTP only on loopback."""
    local = is_own(host_name(request.headers.get("host", "")), frozenset())
    response.set_cookie(
        name, value, max_age=seconds, httponly=True, samesite="strict", secure=not local
    )
