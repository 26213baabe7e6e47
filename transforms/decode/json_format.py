"""JSON: one object a message, its fields found by their paths, the rest kept as attributes."""

import re
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa

from weir.transforms.decode.broken_json import every, members, string, utf8
from weir.transforms.decode.outcome import Decoded, Failure, Posts, outcome
from weir.transforms.decode.pseudonyms import pseudonym
from weir.transforms.decode.repeated_names import Repeated
from weir.transforms.decode.settings import DecodeSettings
from weir.transforms.decode.written_times import Time

Path = tuple[str, ...]
Fields = dict[str, msgspec.Raw]

_FIELDS: msgspec.json.Decoder[Fields] = msgspec.json.Decoder(Fields)
_BYTE = re.compile(r"\(byte (\d+)\)")
_UNREAD = (msgspec.MsgspecError, UnicodeDecodeError, TypeError, RecursionError)
# What each leaf may be: text, id, time, language, author, in the order of DecodeSettings.paths.
_KINDS: tuple[Any, ...] = (
    str,
    str | int | None,
    Time,
    str | None,
    str | int | None,
)


class _UnreadableError(Exception):
    """A message is no post; holds the reason and a sentence without anything of the message."""


def decoder(settings: DecodeSettings) -> Callable[[pa.RecordBatch], Decoded]:
    """Return the function that reads a MESSAGE batch, one message at a time.

    Messages are never joined and parsed together: a newline inside one would give its neighbour
    another's offset. Where the text can be found, what stands around it decides nothing. A text
    that stands twice counts as a whole, so that none hides behind another.
    """
    paths = settings.paths
    post = _struct(dict(zip(paths, _KINDS, strict=False)))
    decode = msgspec.json.Decoder(post).decode
    repeated = Repeated(paths[0])

    def checked(value: bytes) -> Any:
        str(value, "utf-8")
        return decode(value)

    def author_of(value: bytes | None) -> str | None:
        if not (settings.author_field and settings.pseudonym_key) or value is None:
            return None
        fields, _ = _fields(utf8(value))
        (named,) = _pseudonyms([_author(_find(fields, paths[-1]))], settings.pseudonym_key or "")
        return named

    def decoded(batch: pa.RecordBatch) -> Decoded:
        values: list[bytes | None] = batch["value"].to_pylist()
        # The parser does not look into what it skips.
        read: Callable[[Any], Any] = decode if _is_utf8(batch["value"]) else checked
        doubtful = repeated.rows(batch["value"], values)
        rest = iter(
            [None if row in doubtful else v for row, v in enumerate(values)] if doubtful else values
        )
        posts: list[Any] = []
        failures: list[Failure] = []
        while (row := len(posts) + len(failures)) < len(values):
            try:
                posts.extend(map(read, rest))
            except _UNREAD:
                row = len(posts) + len(failures)
                try:
                    posts.append(msgspec.convert(_reread(values[row], paths, repeated), post))
                except _UnreadableError as unreadable:
                    reason, error = unreadable.args
                    failures.append(Failure(row, reason, error, author_of(values[row])))
        texts, ids, times, languages, *authors = (_column(posts, path) for path in paths)
        named = _pseudonyms(authors[0], settings.pseudonym_key or "") if authors else None
        return outcome(batch, Posts(texts, ids, times, languages, named), failures)

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


def _pseudonyms(authors: Sequence[str | int | None], key: str) -> list[str | None]:
    return [None if author is None else pseudonym(key, author) for author in authors]


def _reread(value: bytes | None, paths: Sequence[Path], repeated: Repeated) -> dict[str, Any]:
    """Return the leaves of a message that is not of the usual form, nested as they were."""
    if value is None:
        raise _UnreadableError("tombstone", "The message has no value.")
    value = utf8(value)
    fields, broken = _fields(value)
    tree: dict[str, Any] = {}
    author = paths[len(_KINDS) - 1] if len(paths) == len(_KINDS) else None
    for path, kind in zip(paths, _KINDS, strict=False):
        if kind is str:
            once = broken is None and not repeated.within(value)
            leaf: Any = _text([_find(fields, path)] if once else every(value, path), path, broken)
        elif path is author:
            leaf = _author(_find(fields, path))
        else:
            leaf = _optional(_find(fields, path), kind)
        parent = tree
        for name in path[:-1]:
            parent = parent.setdefault(name, {})
        parent[path[-1]] = leaf
    return tree


def _fields(value: bytes) -> tuple[Fields, _UnreadableError | None]:
    """Return the members of an object, and what is wrong with it: then they need not be JSON."""
    try:
        str(value, "utf-8")
        return _FIELDS.decode(value), None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        found = {name: msgspec.Raw(raw) for name, raw in members(value)}
        return found, _unreadable(error)


def _unreadable(error: Exception) -> _UnreadableError:
    match error:
        case UnicodeDecodeError():
            message = f"The value is not UTF-8 at byte {error.start}."
            return _UnreadableError("invalid_utf8", message)
        case RecursionError():
            return _UnreadableError("too_deep", "The value is nested too deeply.")
        case msgspec.ValidationError():
            return _UnreadableError("not_an_object", "The value is JSON, but not an object.")
    at = _BYTE.search(str(error))
    where = f"at byte {at[1]}" if at else "at its end"
    return _UnreadableError("invalid_json", f"The value is not JSON {where}.")


def _find(fields: Fields, path: Path) -> bytes | None:
    found = fields.get(path[0])
    if found is None or len(path) == 1:
        return None if found is None else bytes(found)
    return _find(_fields(bytes(found))[0], path[1:])


def _text(written: Sequence[bytes | None], path: Path, broken: _UnreadableError | None) -> str:
    """Return all that is written at the text's path, each once, on lines of their own."""
    texts = [text for raw in written if raw and (text := string(raw)) is not None]
    if texts:
        return "\n".join(dict.fromkeys(filter(None, texts)))
    if broken:
        raise broken
    name = ".".join(path)
    if all(raw in (None, b"null") for raw in written):
        raise _UnreadableError("missing_text", f"The value has no field {name}.")
    raise _UnreadableError("text_not_a_string", f"Field {name} is not a string.")


def _optional(raw: bytes | None, kind: Any) -> Any:
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return string(raw)


def _author(raw: bytes | None) -> str | int | None:
    """Return an author's id: a string or number as such, anything else as it is written."""
    if raw is None or raw == b"null":
        return None
    named: str | int | None = _optional(raw, str | int | None)
    return raw.decode("utf-8", "replace") if named is None else named


def _rest(value: bytes | None, paths: Sequence[Path]) -> str | None:
    fields, broken = _fields(utf8(value or b""))
    for path in paths:
        _drop(fields, path)
    if broken:
        fields = {name: _sound(raw) for name, raw in fields.items()}
    return msgspec.json.encode(fields).decode() if fields else None


def _sound(raw: msgspec.Raw) -> msgspec.Raw:
    """Return JSON as it is, and anything else as the string of what is written there."""
    broken = _fields(b'{"":%b}' % bytes(raw))[1]
    if broken is None:
        return raw
    text = string(bytes(raw))
    return msgspec.Raw(msgspec.json.encode(text or bytes(raw).decode("utf-8", "replace")))


def _drop(fields: Fields, path: Path) -> None:
    if len(path) == 1:
        fields.pop(path[0], None)
        return
    below, _ = _fields(bytes(fields.get(path[0], b"null")))
    if not below:
        return
    _drop(below, path[1:])
    if below:
        fields[path[0]] = msgspec.Raw(msgspec.json.encode(below))
    else:
        del fields[path[0]]
