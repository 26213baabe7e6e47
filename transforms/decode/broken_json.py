"""The members of a JSON object, however broken what stands between and around them is.

A parser that is strict gives a message up for a NaN, a thousand brackets or a stray byte in a field
that nobody reads, and with it the post. Here only quotes, brackets, colons and commas count.
"""

import json
import re
from collections.abc import Iterator, Sequence

import numpy as np

_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_UNKNOWN_ESCAPE = re.compile(r'\\(?:(["\\/bfnrt]|u[0-9a-fA-F]{4})|(.))', re.DOTALL)
_NOTHING = " \t\r\n\ufeff"


def utf8(value: bytes) -> bytes:
    """Return a JSON object that is written in UTF-16 or UTF-32, or after a mark, as plain UTF-8."""
    encoding = json.detect_encoding(value)
    if encoding == "utf-8":
        return value
    text = value.decode(encoding, "replace").lstrip(_NOTHING)
    return text.encode("utf-8", "replace") if text.startswith("{") else value


def members(value: bytes) -> list[tuple[str, bytes]]:
    """Return name and value of each member of the first object, in order, as they are written.

    Linear in the message, and a loop over the members alone: what lies deeper is never parsed, at
    whatever depth. Nothing where there is no object, or more than one: then nobody can say which of
    them is the post.
    """
    begin = value.find(b"{")
    if begin < 0 or b"[" in value[:begin] or b'"' in value[:begin]:
        return []
    value = value[begin:]
    marks, end = _marks(value, b":,")
    return [] if b"{" in value[end:] else list(_members(value, marks, end))


def elements(value: bytes) -> list[bytes]:
    """Return each element of a list, as it is written; a value that is no list is its own."""
    if not value.startswith(b"["):
        return [value]
    commas, end = _marks(value, b",")
    begins, ends = [1, *(comma + 1 for comma in commas)], [*commas, end]
    found = [value[a:b].strip(b" \t\r\n") for a, b in zip(begins, ends, strict=True)]
    return [] if found == [b""] else found


def _marks(value: bytes, signs: bytes) -> tuple[list[int], int]:
    """Return where signs stand directly in the list or object that begins a value, and its end."""
    plain = np.frombuffer(_ESCAPE.sub(b"__", value), np.uint8)
    quote = plain == ord('"')
    outside = ~(np.logical_xor.accumulate(quote) | quote)
    lower = plain | 0x20  # `[` and `{` differ in this bit, and so do `]` and `}`
    opened = outside & (lower == ord("{"))
    closed = outside & (lower == ord("}"))
    depth = np.cumsum(opened.view(np.int8) - closed.view(np.int8), dtype=np.int32)
    ends = np.flatnonzero(depth == 0)
    end = int(ends[0]) if len(ends) else len(value)
    marked = outside & (depth == 1) & np.isin(plain, list(signs))
    return np.flatnonzero(marked[:end]).tolist(), end


def _members(value: bytes, marks: Sequence[int], end: int) -> Iterator[tuple[str, bytes]]:
    before = 0
    for mark, after in zip(marks, [*marks, end][1:], strict=True):
        if value[mark] == ord(":") and (names := _STRING.findall(value, before + 1, mark)):
            yield _name(names[-1]), value[mark + 1 : after].strip(b" \t\r\n\xef\xbb\xbf")
        before = mark


def _name(written: bytes) -> str:
    return (string(written) or "") if b"\\" in written else written[1:-1].decode("utf-8", "replace")


def every(value: bytes, path: Sequence[str]) -> list[bytes]:
    """Return all that a message holds at a path, in order: a name may stand twice."""
    found = [raw for name, raw in members(value) if name == path[0]]
    return found if len(path) == 1 else [leaf for raw in found for leaf in every(raw, path[1:])]


def string(raw: bytes) -> str | None:
    r"""Return what a JSON string says, None where the value does not begin with one.

    Half a character (`\\ud800`) and what is no UTF-8 become U+FFFD, as other parsers have it; a
    backslash before anything that it does not escape stands for itself.
    """
    found = _STRING.match(raw)
    if found is None:
        return None
    written = found[0].decode("utf-8", "replace")
    known = _UNKNOWN_ESCAPE.sub(lambda e: e[0] if e[1] else "\\\\" + e[2], written)
    read: str = json.loads(known, strict=False)
    return read.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
