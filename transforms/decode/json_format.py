"""JSON: one object a message, its fields found by their paths, the rest kept as attributes."""

import re
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa

from weir.transforms.decode.decoded import Decoded, Failure, Posts, content, without
from weir.transforms.decode.pseudonyms import pseudonym
from weir.transforms.decode.settings import DecodeSettings

Path = tuple[str, ...]
Fields = dict[str, msgspec.Raw]

_FIELDS: msgspec.json.Decoder[Fields] = msgspec.json.Decoder(Fields)
# Every escape is matched, so that the backslash of `\\ud800` is never taken for the start of one.
_ESCAPES = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)
_BYTE = re.compile(r"\(byte (\d+)\)")
# What each leaf may be: text, id, time, language, author, in the order of DecodeSettings.paths.
_KINDS: tuple[Any, ...] = (
    str,
    str | int | None,
    str | int | float | None,
    str | None,
    str | int | None,
)


class _UnreadableError(Exception):
    """A message is no post; holds the reason and a sentence without anything of the message."""


def decoder(settings: DecodeSettings) -> Callable[[pa.RecordBatch], Decoded]:
    """Return the function that reads a MESSAGE batch, one message at a time.

    Messages are never joined and parsed together: a newline inside one would give its neighbour
    another's offset.
    """
    paths = settings.paths
    post = _struct(dict(zip(paths, _KINDS, strict=False)))
    decode = msgspec.json.Decoder(post).decode

    def checked(value: bytes) -> Any:
        str(value, "utf-8")
        return decode(value)

    def decoded(batch: pa.RecordBatch) -> Decoded:
        values = batch["value"]
        # The parser does not look into what it skips.
        read = decode if _is_utf8(values) else checked
        posts: list[Any] = []
        failures: list[Failure] = []
        for row, value in enumerate(values.to_pylist()):
            try:
                posts.append(read(value))
            except (msgspec.MsgspecError, UnicodeDecodeError, TypeError, RecursionError):
                try:
                    posts.append(msgspec.convert(_reread(value, paths), post))
                except _UnreadableError as unreadable:
                    failures.append(Failure(row, *unreadable.args))
        texts, ids, times, languages, *authors = (_column(posts, path) for path in paths)
        named = _pseudonyms(authors[0], settings.pseudonym_key) if authors else None
        rows = without(batch, failures)
        return Decoded(content(rows, Posts(texts, ids, times, languages, named)), tuple(failures))

    return decoded


def attributes(values: pa.Array, settings: DecodeSettings) -> list[str | None]:
    """Return each message less the decoded fields, as JSON text; None where nothing is left."""
    return [_rest(value, settings.paths) for value in values.to_pylist()]


def _is_utf8(values: pa.Array) -> bool:
    try:
        values.cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _struct(leaves: Mapping[Path, Any]) -> Any:
    """Return the type that finds the leaves and skips all else; only the text is required."""
    fields: list[Any] = []
    for name in dict.fromkeys(path[0] for path in leaves):
        below = {path[1:]: kind for path, kind in leaves.items() if path[0] == name}
        kind = below[()] if () in below else _struct(below)
        holds_text = str in below.values()
        fields.append(
            (_attribute(name), kind) if holds_text else (_attribute(name), kind | None, None)
        )
    rename = {_attribute(path[0]): path[0] for path in leaves}
    return msgspec.defstruct("Post", fields, rename=rename, kw_only=True, gc=False)


def _attribute(name: str) -> str:
    """Return a Python name for a field, which may hold any character."""
    return f"field_{name.encode().hex()}"


def _column(posts: Sequence[Any], path: Path) -> list[Any]:
    column = list(map(attrgetter(_attribute(path[0])), posts))
    for name in path[1:]:
        get = attrgetter(_attribute(name))
        column = [None if parent is None else get(parent) for parent in column]
    return column


def _pseudonyms(authors: Sequence[str | int | None], key: bytes) -> list[str | None]:
    return [None if author is None else pseudonym(key, author) for author in authors]


def _reread(value: bytes | None, paths: Sequence[Path]) -> dict[str, Any]:
    """Return the leaves of a message that is not of the usual form, nested as they were."""
    if value is None:
        raise _UnreadableError("tombstone", "The message has no value.")
    try:
        str(value, "utf-8")
    except UnicodeDecodeError as error:
        message = f"The value is not UTF-8 at byte {error.start}."
        raise _UnreadableError("invalid_utf8", message) from None
    fields = _fields(value)
    tree: dict[str, Any] = {}
    for path, kind in zip(paths, _KINDS, strict=False):
        leaf = _text(fields, path) if kind is str else _optional(fields, path, kind)
        parent = tree
        for name in path[:-1]:
            parent = parent.setdefault(name, {})
        parent[path[-1]] = leaf
    return tree


def _fields(value: bytes) -> Fields:
    try:
        return _FIELDS.decode(value)
    except msgspec.ValidationError:
        raise _UnreadableError("not_an_object", "The value is JSON, but not an object.") from None
    except RecursionError:
        raise _UnreadableError("too_deep", "The value is nested too deeply.") from None
    except msgspec.DecodeError as error:
        mended = _mended(value)
        if mended != value:
            return _fields(mended)
        at = _BYTE.search(str(error))
        where = f"at byte {at[1]}" if at else "at its end"
        raise _UnreadableError("invalid_json", f"The value is not JSON {where}.") from None


def _mended(value: bytes) -> bytes:
    """Replace escapes of half a character by U+FFFD: other parsers read them, authors send them."""
    return _ESCAPES.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], value)


def _find(fields: Fields, path: Path) -> msgspec.Raw | None:
    found = fields.get(path[0])
    if found is None or len(path) == 1:
        return found
    try:
        return _find(_FIELDS.decode(found), path[1:])
    except msgspec.ValidationError:
        return None


def _text(fields: Fields, path: Path) -> str:
    raw = _find(fields, path)
    name = ".".join(path)
    if raw is None or bytes(raw) == b"null":
        raise _UnreadableError("missing_text", f"The value has no field {name}.")
    try:
        return msgspec.json.decode(raw, type=str)
    except msgspec.ValidationError:
        raise _UnreadableError("text_not_a_string", f"Field {name} is not a string.") from None


def _optional(fields: Fields, path: Path, kind: Any) -> Any:
    raw = _find(fields, path)
    try:
        return None if raw is None else msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError:
        return None


def _rest(value: bytes | None, paths: Sequence[Path]) -> str | None:
    try:
        fields = _fields(value or b"")
    except _UnreadableError:
        return None
    for path in paths:
        _drop(fields, path)
    return msgspec.json.encode(fields).decode() if fields else None


def _drop(fields: Fields, path: Path) -> None:
    if len(path) == 1:
        fields.pop(path[0], None)
        return
    try:
        below = _FIELDS.decode(fields.get(path[0], b"null"))
    except msgspec.ValidationError:
        return
    _drop(below, path[1:])
    if below:
        fields[path[0]] = msgspec.Raw(msgspec.json.encode(below))
    else:
        del fields[path[0]]
