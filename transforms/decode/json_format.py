"""JSON: one object a message, its fields found by their paths, the rest kept as attributes."""

import re
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa

from weir.transforms.decode.broken_json import elements, every, members, string, utf8
from weir.transforms.decode.leaves import EACH, OTHER, Kind, Leaf, Leaves, Path, Wanted
from weir.transforms.decode.outcome import Failure
from weir.transforms.decode.repeated_names import Repeated
from weir.transforms.decode.schema_source import framing
from weir.transforms.decode.settings import DecodeSettings
from weir.transforms.decode.written_times import Time

Fields = dict[str, msgspec.Raw]
Damage = tuple[str, str]  # a reason, and a sentence without anything of the message

_FIELDS: msgspec.json.Decoder[Fields] = msgspec.json.Decoder(Fields)
_BYTE = re.compile(r"\(byte (\d+)\)")
_UNREAD = (msgspec.MsgspecError, UnicodeDecodeError, TypeError, RecursionError)


class _Entity(msgspec.Struct, gc=False):
    """A piece of a text that is cut into pieces."""

    text: str | None = None


_TYPES: Mapping[Kind, Any] = {
    Kind.TEXT: str | None,
    Kind.NAME: str | int | None,
    Kind.REFERENCE: str | int | None,
    Kind.AUTHOR: str | int | None,
    Kind.TIME: Time,
    Kind.LANGUAGE: str | list[str] | None,
    Kind.SCALAR: str | int | float | bool | None,
    Kind.CONTEXT: str | int | float | bool | None,
    Kind.KEYS: dict[str, msgspec.Raw] | None,
}
_PARTS = str | list[str | _Entity | None] | None


def leaves(settings: DecodeSettings) -> Callable[[pa.RecordBatch], Leaves]:
    """Return the function that finds what is wanted in a MESSAGE batch, one message at a time.

    Messages are never joined and parsed together: a newline inside one would give its neighbour
    another's offset. Where a leaf can be found, what stands around it decides nothing. A text
    that stands twice counts as a whole, so that none hides behind another.
    """
    wanted = settings.wanted
    message = _struct({each.path: each.kind for each in wanted})
    decode, empty = msgspec.json.Decoder(message).decode, message()
    texts = [each.path for each in wanted if each.kind is Kind.TEXT]
    repeated = [Repeated(path) for path in texts if not _in_list(path)]
    lying = [tuple(name.removesuffix(EACH) for name in path) for path in texts]

    def checked(value: bytes) -> Any:
        str(value, "utf-8")
        return decode(value)

    def found(batch: pa.RecordBatch) -> Leaves:
        values: list[bytes] = batch["value"].to_pylist()
        # The parser does not look into what it skips.
        read: Callable[[Any], Any] = decode if _is_utf8(batch["value"]) else checked
        doubtful = set().union(*(each.rows(batch["value"], values) for each in repeated))
        rest = iter(
            [None if row in doubtful else v for row, v in enumerate(values)] if doubtful else values
        )
        messages: list[Any] = []
        reread: dict[int, list[Leaf]] = {}
        damaged: dict[int, Failure] = {}
        framed: dict[int, Failure] = {}
        while (row := len(messages)) < len(values):
            try:
                messages.extend(map(read, rest))
            except _UNREAD:
                row = len(messages)
                messages.append(empty)
                value = utf8(values[row])
                if frame := framing(value):  # of another format, also where JSON follows
                    framed[row] = Failure(row, *frame)
                    continue
                reread[row], broken = _reread(value, wanted, repeated)
                if broken:
                    damaged[row] = Failure(row, *broken)
        columns = [_column(messages, each.path, each.kind) for each in wanted]
        for each, column in zip(wanted, columns, strict=True):
            if each.kind is Kind.TEXT and _in_list(each.path):
                for row in _crowded(values, column, each.path) - reread.keys() - framed.keys():
                    reread[row], _ = _reread(utf8(values[row]), wanted, repeated)
        for row, row_leaves in reread.items():
            for column, leaf in zip(columns, row_leaves, strict=True):
                column[row] = leaf
        for column in columns if framed else ():
            column[:] = [leaf for row, leaf in enumerate(column) if row not in framed]

        def null_text(row: int) -> bool:
            value = utf8(values[row])
            return any(b"null" in every(value, path) for path in lying)

        return Leaves(columns, tuple(framed.values()), damaged, null_text)

    return found


def attributes(values: pa.Array, settings: DecodeSettings) -> list[str | None]:
    """Return each message less the decoded fields, as JSON text; None where nothing is left."""
    return [_rest(value, settings.paths) for value in values.to_pylist()]


def _is_utf8(values: pa.Array) -> bool:
    try:
        values.cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _in_list(path: Path) -> bool:
    return any(name.endswith(EACH) for name in path)


def _struct(leaves: Mapping[Path, Kind]) -> Any:
    """Return the type that finds the leaves and skips all else."""
    fields: list[Any] = []
    for name in dict.fromkeys(path[0] for path in leaves):
        below = {path[1:]: kind for path, kind in leaves.items() if path[0] == name}
        if () in below:
            kind = below[()]
            parts = kind is Kind.TEXT and name.endswith(EACH)
            leaf: Any = _PARTS if parts else _TYPES[kind]
        else:
            leaf = _struct(below) | None
            if name.endswith(EACH):
                leaf = list[leaf] | None
            elif any(len(path) == 1 and kind is Kind.REFERENCE for path, kind in below.items()):
                leaf = leaf | str
        fields.append((_attribute(name), leaf, None))
    rename = {_attribute(path[0]): path[0].removesuffix(EACH) for path in leaves}
    return msgspec.defstruct("Message", fields, rename=rename, kw_only=True, gc=False)


def _attribute(name: str) -> str:
    """Return a Python name for a field, which may hold any character."""
    return f"field_{name.encode().hex()}"


def _column(messages: Sequence[Any], path: Path, kind: Kind) -> list[Leaf]:
    column: list[Leaf] = list(map(attrgetter(_attribute(path[0])), messages))
    for at, name in enumerate(path[1:]):
        called = _attribute(name)
        if _in_list(path[: at + 1]):
            column = [None if each is None else _of_each(each, called) for each in column]
        elif kind is Kind.REFERENCE:
            column = [
                each if isinstance(each, str) else getattr(each, called, None) for each in column
            ]
        else:
            column = [getattr(each, called, None) for each in column]
    return column


def _of_each(parents: Sequence[Any], called: str) -> list[Leaf]:
    found = [getattr(parent, called, None) for parent in parents]
    return [leaf for each in found for leaf in (each if isinstance(each, list) else [each]) if leaf]


def _crowded(values: Sequence[bytes], column: Sequence[Leaf], path: Path) -> set[int]:
    """Return the rows whose parts may hide others: a name stands there once too often."""
    last = path[-1].removesuffix(EACH)
    name, entity = msgspec.json.encode(last), b'"text"'
    rows = set()
    for row, (value, leaf) in enumerate(zip(values, column, strict=True)):
        parts = leaf if isinstance(leaf, list) else [leaf]
        if not path[-1].endswith(EACH):
            crowded = value.count(name) > len(parts)
        else:
            entities = sum(isinstance(part, _Entity) for part in parts) + (name == entity)
            crowded = value.count(entity) > entities or (name != entity and value.count(name) > 1)
        if crowded or b"\\u00" in value:
            rows.add(row)
    return rows


def _reread(
    value: bytes, wanted: Sequence[Wanted], repeated: Sequence[Repeated]
) -> tuple[list[Leaf], Damage | None]:
    """Return the leaves of a message that is not of the usual form, and what is wrong with it.

    ``value`` is UTF-8, as far as it is text.
    """
    fields, broken = _fields(value)
    once = broken is None and not any(each.within(value) for each in repeated)

    def leaf_of(path: Path, kind: Kind) -> Leaf:
        match kind:
            case Kind.TEXT if _in_list(path):
                return [_part(raw) for raw in _lying(value, path)]
            case Kind.TEXT:
                return _text([_find(fields, path)] if once else every(value, path))
            case Kind.AUTHOR:
                return _author(_find(fields, path))
            case Kind.KEYS:
                return [name for name, _ in members(_find(fields, path) or b"")]
            case Kind.REFERENCE if (
                len(path) > 1 and (parent := _find(fields, path[:-1])) and parent[:1] == b'"'
            ):
                return string(parent)
            case Kind.SCALAR | Kind.CONTEXT:
                return _scalar(_find(fields, path))
            case _:
                names = tuple(name.removesuffix(EACH) for name in path)
                return _optional(_find(fields, names), _TYPES[kind])

    return [leaf_of(each.path, each.kind) for each in wanted], broken


def _lying(value: bytes, path: Path) -> list[bytes]:
    """Return all that a message holds at a path through lists, names that stand twice included."""
    found = [value]
    for name in path:
        called = name.removesuffix(EACH)
        found = [raw for each in found for given, raw in members(each) if given == called]
        if name.endswith(EACH):
            found = [raw for each in found for raw in elements(each)]
    return found


def _part(raw: bytes) -> Leaf:
    if (text := string(raw)) is not None:
        return text
    texts = [string(found) for name, found in members(raw) if name == "text"]
    return {"text": "\n".join(dict.fromkeys(filter(None, texts)))} if texts else OTHER


def _scalar(raw: bytes | None) -> Leaf:
    found = _optional(raw, _TYPES[Kind.SCALAR])
    return OTHER if found is None and raw not in (None, b"null") else found


def _fields(value: bytes) -> tuple[Fields, Damage | None]:
    """Return the members of an object, and what is wrong with it: then they need not be JSON."""
    try:
        str(value, "utf-8")
        return _FIELDS.decode(value), None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        found = {name: msgspec.Raw(raw) for name, raw in members(value)}
        return found, _unreadable(error)


def _unreadable(error: Exception) -> Damage:
    match error:
        case UnicodeDecodeError():
            return ("invalid_utf8", f"The value is not UTF-8 at byte {error.start}.")
        case RecursionError():
            return ("too_deep", "The value is nested too deeply.")
        case msgspec.ValidationError():
            return ("not_an_object", "The value is JSON, but not an object.")
    at = _BYTE.search(str(error))
    where = f"at byte {at[1]}" if at else "at its end"
    return ("invalid_json", f"The value is not JSON {where}.")


def _find(fields: Fields, path: Path) -> bytes | None:
    found = fields.get(path[0])
    if found is None or len(path) == 1:
        return None if found is None else bytes(found)
    return _find(_fields(bytes(found))[0], path[1:])


def _text(written: Sequence[bytes | None]) -> Leaf:
    """Return all that is written at a text's path, each once, on lines of their own."""
    texts = [text for raw in written if raw and (text := string(raw)) is not None]
    if texts:
        return "\n".join(dict.fromkeys(filter(None, texts)))
    return None if all(raw in (None, b"null") for raw in written) else OTHER


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
    value = utf8(value or b"")
    fields, broken = _fields(value)
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
    """Take out what lies at a path; what lies in the elements of a list stays with them."""
    if len(path) == 1:
        fields.pop(path[0].removesuffix(EACH), None)
        return
    below, _ = _fields(bytes(fields.get(path[0], b"null")))
    if not below:
        return
    _drop(below, path[1:])
    if below:
        fields[path[0]] = msgspec.Raw(msgspec.json.encode(below))
    else:
        del fields[path[0]]
