"""What lies at the paths of Protobuf messages of one type, a column each."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from weir.transforms.decode.leaves import Leaf, Path

Column = Callable[[Sequence[Any]], Sequence[Leaf]]

_TIMESTAMP = "google.protobuf.Timestamp"
_WRAPPERS = {
    f"google.protobuf.{kind}Value"
    for kind in ("String", "Int64", "UInt64", "Int32", "UInt32", "Double", "Float", "Bool", "Bytes")
}


def column_of(message: Descriptor, path: Path, *, empty: bool) -> Column | None:
    """Return what reads a column; None where messages of the type have no such field.

    What is not set is None. A field that cannot say whether it was set is its value where
    ``empty``, such as a text, and else None at its default. A Timestamp is microseconds since 1970,
    an enum a name, and what lies in a list or a map is a list.
    """
    fields: list[FieldDescriptor] = []
    below: Descriptor | None = message
    for name in path:
        each = below.fields_by_name.get(name.removesuffix("[]")) if below else None
        if each is None:
            return None
        fields.append(each)
        below = each.message_type
    if any(each.is_repeated for each in fields):
        return lambda messages: [_within(each, fields) for each in messages]
    return _single(fields, empty=empty)


def _single(fields: Sequence[FieldDescriptor], *, empty: bool) -> Column:
    last, way = fields[-1], ".".join(each.name for each in fields)
    if last.message_type is not None and last.message_type.full_name == _TIMESTAMP:
        both = attrgetter(f"{way}.seconds", f"{way}.nanos")
        return lambda messages: [
            seconds * 1_000_000 + nanos // 1_000 or None for seconds, nanos in map(both, messages)
        ]
    if last.message_type is not None or last.enum_type is not None:
        return lambda messages: [_within(each, fields) for each in messages]
    # Below what is not set there are defaults, so that one call in C finds each value.
    read = attrgetter(way)
    if last.type == FieldDescriptor.TYPE_BYTES:
        return lambda messages: [
            _plain(value) if value else _within(message, fields) if empty else None
            for value, message in zip(map(read, messages), messages, strict=True)
        ]
    if not empty:
        return lambda messages: [value or None for value in map(read, messages)]

    def column(messages: Sequence[Any]) -> Sequence[Leaf]:
        values = list(map(read, messages))
        if not all(values):
            for row, value in enumerate(values):
                if not value:
                    values[row] = _within(messages[row], fields)
        return values

    return column


def _within(message: Any, fields: Sequence[FieldDescriptor]) -> Leaf:
    first, *rest = fields
    if first.has_presence and not message.HasField(first.name):
        return None
    value = getattr(message, first.name)
    if first.is_repeated:
        each = value.values() if isinstance(value, Mapping) else value
        kind = _value_field(first) if isinstance(value, Mapping) else first
        return [_within(one, rest) if rest else _leaf(one, kind) for one in each]
    return _within(value, rest) if rest else _leaf(value, first)


def _value_field(of_map: FieldDescriptor) -> FieldDescriptor:
    found: FieldDescriptor = of_map.message_type.fields_by_name["value"]
    return found


def _leaf(value: Any, field: FieldDescriptor) -> Leaf:
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return value if known is None else known.name
    if field.message_type is not None:
        name = field.message_type.full_name
        if name == _TIMESTAMP:
            return value.seconds * 1_000_000 + value.nanos // 1_000
        return _plain(value.value) if name in _WRAPPERS else value
    return _plain(value)


def _plain(value: Any) -> Any:
    # Of messages whose strings are no UTF-8: see types.lenient.
    return value.decode("utf-8", "replace") if type(value) is bytes else value
