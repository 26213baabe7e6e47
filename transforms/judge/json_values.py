"""The values of a JSON object as they are written, each to be read on its own."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Written:
    """A value's text, and where in the whole it begins."""

    key: str
    start: int
    text: str


def written_values(text: str) -> list[Written] | None:
    """Return the values of an object in their order; None where the text is none, and it alone.

    A key may come twice. Never raises.
    """
    found: list[Written] = []
    try:
        place = _after(text, 0, "{")
        mark = text[place : place + 1]
        while mark != "}":
            key, place = _DECODER.raw_decode(text, place)
            start = _after(text, place, ":")
            _, place = _DECODER.raw_decode(text, start)
            if not isinstance(key, str):
                return None
            found.append(Written(key, start, text[start:place]))
            place = _blank(text, place)
            mark = text[place : place + 1]
            if mark != "}":
                place = _after(text, place, ",")
    except (ValueError, RecursionError):  # not JSON, or a number of 4,300 digits
        return None
    return found if not text[place + 1 :].strip() else None


def _after(text: str, place: int, mark: str) -> int:
    """Return where the next thing behind a mark begins; ValueError where it is not there."""
    place = _blank(text, place)
    if text[place : place + 1] != mark:
        raise ValueError(mark)
    return _blank(text, place + 1)


def _blank(text: str, place: int) -> int:
    while text[place : place + 1] in _BLANKS:
        place += 1
    return place


_DECODER = json.JSONDecoder()
_BLANKS = frozenset(" \t\r\n")
