"""What a form of the console sends, read within bounds."""

import asyncio
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from weir.pipelines.console.guard import is_from_here
from weir.pipelines.console.visit import RefusedError

MOST_BYTES = 4 << 20  # a policy of 512 KiB, each of whose bytes a form may write as three
_MOST_FIELDS = 20_000  # boxes of a long list
_MOST_SECONDS = 60.0  # that a browser may take to send it
_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Form:
    """Fields by name, of one given several times the last; and every ``chosen``."""

    fields: dict[str, str] = field(default_factory=dict, repr=False)
    chosen: tuple[str, ...] = field(default=(), repr=False)


async def read_form(request: Request) -> Form:
    """Return what a page of the console's sent; RefusedError for anything else."""
    if not is_from_here(request.headers):
        raise RefusedError(
            "This was sent by a page that is not the console's", HTTPStatus.FORBIDDEN
        )
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise RefusedError("What was sent is not a form", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    body = bytearray()
    try:
        async with asyncio.timeout(_MOST_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > MOST_BYTES:
                    raise RefusedError(
                        f"The form is larger than {MOST_BYTES:,} bytes",
                        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    )
    except TimeoutError:
        raise RefusedError(
            f"The form did not come within {_MOST_SECONDS:.0f} s", HTTPStatus.REQUEST_TIMEOUT
        ) from None
    except ClientDisconnect:
        raise RefusedError("The form did not come to its end") from None
    return _parse(bytes(body))


def _parse(body: bytes) -> Form:
    try:
        said = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=_MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise RefusedError("What was sent is not a form") from None
    # Forms end their lines as HTML has it; files and rows do not.
    clean = [(name, value.replace("\r\n", "\n")) for name, value in said]
    return Form(
        {name: value for name, value in clean if name != "chosen"},
        tuple(value for name, value in clean if name == "chosen"),
    )
