"""The JSON of a server, which is trusted with nothing: what is odd in it is left out; pure."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec


class GarbledError(Exception):
    """The server answered with success and something that is no answer; the message says what."""


T = TypeVar("T")
_DIGITS = re.compile("[0-9]{1,19}")

NO_ANSWER = (
    "the answer is not the JSON of an OpenAI-compatible server: is --endpoint-url right? "
    "It usually ends in /v1"
)


def decode(body: bytes, kind: type[T]) -> T:
    """Return the JSON of a body as that kind. Raises GarbledError."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise GarbledError(NO_ANSWER) from None


def count(value: Any, *path: str) -> int | None:
    """Return the whole number from 0 on that stands there, as a number or a text; else None.

    A fraction, or one below 0, is what a server made up: it counts as not counted.
    """
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63
    return value if whole else None


def text(value: Any, name: str) -> str | None:
    """Return the text below that name; None where there is none."""
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else None
