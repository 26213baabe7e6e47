"""The console as a web application: which page is asked for, and how its answer is given.

Every page of the rooms is asked and answered here, so that roles, bounds, errors and escaping are
said once.
"""

import logging
import traceback
from collections.abc import Mapping
from contextlib import suppress
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
from weir.pipelines.console.cookies import forget_said, read_said, say
from weir.pipelines.console.forms import read_form
from weir.pipelines.console.guard import Guard
from weir.pipelines.console.one_at_a_time import OneAtATime
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.rooms import ROOMS
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.sign_in import address_of, ask_who, local, person_of, sign_in, sign_out
from weir.pipelines.console.templates import fill
from weir.pipelines.console.visit import (
    Answer,
    Moved,
    Page,
    RefusedError,
    Saved,
    Shown,
    Visit,
    address,
)
from weir.pipelines.errors import nearest

_LOG = logging.getLogger(__name__)

FRAGMENT = "x-weir-fragment"  # of a request that replaces a part of a page
_STATIC = {"console.css": "text/css", "console.js": "text/javascript", "icon.svg": "image/svg+xml"}
# A form that is refused so is shown again; where more than what was typed is wrong, it is kept.
_TO_MEND = {HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
_NOBODY = Person("nobody", Role.READER)
_ONE = OneAtATime()


def application(setup: Setup) -> Starlette:
    """Return the console of a setup, for a server of ASGI."""
    pages = [page for room in ROOMS for page in room.pages]
    routes = [
        Route("/", partial(_home, setup), methods=["GET"]),
        Route("/static/{name}", _static, methods=["GET"]),
        Route("/sign-in", partial(sign_in, setup), methods=["GET", "POST"]),
        Route("/sign-out", partial(sign_out, setup), methods=["POST"]),
        *(
            Route(
                page.path, partial(_serve, setup, page), methods=["POST" if page.changes else "GET"]
            )
            for page in pages
        ),
    ]
    guard = Middleware(Guard, hosts=lambda: setup.access.hosts)
    handlers: Mapping[Any, Any] = {HTTPException: partial(_missing, setup)}
    app = Starlette(routes=routes, middleware=[guard], exception_handlers=handlers)
    app.router.redirect_slashes = False  # which would say http:// behind a proxy that ends TLS
    return app


async def _serve(setup: Setup, page: Page, request: Request) -> Response:
    person = person_of(setup, request)
    if person is None and not page.changes:
        return ask_who(setup, request)
    visit = _visit(setup, person or _NOBODY, request)
    try:
        try:
            if page.changes:
                sent = await read_form(request)
                visit = replace(visit, form=sent.fields, chosen=sent.chosen)
            _require_may(setup, person, page)
            _require_known(page, visit)
            answer = await run_in_threadpool(_answer, page, visit)
            return await run_in_threadpool(_response, visit, answer, request)
        except WeirError as error:
            refused = await run_in_threadpool(_refused, page, visit, error)
            return await run_in_threadpool(_response, visit, refused, request)
    except Exception as error:  # noqa: BLE001 - a defect: it ends this visit, and not what was typed
        defect = _refusal(visit, log_defect(error), HTTPStatus.INTERNAL_SERVER_ERROR)
    return await run_in_threadpool(_response, visit, defect, request)


def _answer(page: Page, visit: Visit) -> Answer:
    if not page.changes:
        return page.handler(visit)
    sent = chain.from_iterable(visit.form.items())
    with _ONE.alone(visit.person.name, visit.address, *sent, *visit.chosen):
        return page.handler(visit)


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


def _require_known(page: Page, visit: Visit) -> None:
    """Raise RefusedError for an address that asks for what its page does not know."""
    if page.names is None:
        return
    unknown = [name for name in visit.query if name not in page.names]
    if not unknown:
        return
    path, known = visit.address.partition("?")[0], ", ".join(page.names)
    hint = nearest(unknown[0], page.names, f"it asks for {known}" if known else "it asks for none")
    rest = {name: said for name, said in visit.query.items() if name not in unknown}
    ways = {"Look without it": address(path, **rest)}
    raise RefusedError(f"This page has no filter {unknown[0]!r}: {hint}", ways=ways)


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


def _as_sentence(message: str) -> str:
    return message if message.endswith((".", "?", "!")) else f"{message}."


def _refused(page: Page, visit: Visit, error: WeirError) -> Shown:
    """Return the page of the form again, where it has one to be mended, or one that says why."""
    message, status = str(error), _status(error)
    ways = error.ways if isinstance(error, RefusedError) else {}
    if page.form and status in _TO_MEND:
        with suppress(WeirError):
            again = page.form(visit)
            if isinstance(again, Shown):
                said = {"refused": _as_sentence(message), "refused_ways": ways}
                return Shown(again.template, {**again.values, **said}, status)
    refusal = _refusal(visit, message, status, ways)
    asked = {name: said for name, said in visit.query.items() if said}
    if page.names and status is HTTPStatus.BAD_REQUEST and not ways:
        return replace(refusal, values={**refusal.values, "asked": asked})
    return refusal


def _refusal(
    visit: Visit, message: str, status: HTTPStatus, ways: Mapping[str, str] | None = None
) -> Shown:
    """Return a page that says what is wrong, and holds whatever was typed, to be sent again."""
    values = {
        "message": _as_sentence(message),
        "unknown": status is HTTPStatus.UNAUTHORIZED,
        "typed": visit.form,
        "ways": ways or {},
        "asked": {},
        "chosen": visit.chosen,
    }
    return Shown("layout/refused.html.j2", values, status)


def _response(visit: Visit, answer: Answer, request: Request) -> Response:
    if isinstance(answer, Moved):
        moved = RedirectResponse(local(answer.to), HTTPStatus.SEE_OTHER)
        if answer.said:
            say(request, moved, answer.said)
        return moved
    if isinstance(answer, Saved):
        # What cannot be begun is an error with a page; what breaks off later, a broken download.
        parts = iter(answer.content)
        first = next(parts, b"")
        named = {"content-disposition": f'attachment; filename="{quote(answer.name)}"'}
        return StreamingResponse(chain([first], parts), headers=named, media_type=answer.media_type)
    bare = FRAGMENT in request.headers
    said = "" if bare else read_said(request)
    content = _fill(answer.template, answer.values, visit=visit, said=said, bare=bare)
    shown = Response(content, answer.status, media_type="text/html")
    if said:
        forget_said(shown)
    return shown


def _fill(
    template: str, values: Mapping[str, Any], *, visit: Visit | None, said: str, bare: bool
) -> str:
    rooms = ROOMS if visit and visit.person is not _NOBODY else ()
    return fill(template, values, visit=visit, rooms=rooms, said=said, bare=bare)


def _visit(setup: Setup, person: Person, request: Request) -> Visit:
    return Visit(
        setup, person, address_of(request), dict(request.path_params), dict(request.query_params)
    )


async def _home(setup: Setup, request: Request) -> Response:
    person = person_of(setup, request)
    if person is None:
        return ask_who(setup, request)
    return RedirectResponse(ROOMS[0].path, HTTPStatus.SEE_OTHER)


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _STATIC:
        return Response("There is no such file", HTTPStatus.NOT_FOUND, media_type="text/plain")
    content = files("weir.pipelines.console").joinpath("static", name).read_bytes()
    return Response(content, media_type=_STATIC[name], headers={"cache-control": "no-cache"})


async def _missing(setup: Setup, request: Request, error: HTTPException) -> Response:
    person = person_of(setup, request)
    visit = _visit(setup, person, request) if person else None
    said = "There is no such page."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        said = "Nothing is shown under this address, or nothing is sent to it."
    values = {"message": said}
    content = _fill("layout/plain.html.j2", values, visit=visit, said="", bare=False)
    return Response(content, error.status_code, error.headers, media_type="text/html")
