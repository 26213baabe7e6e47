"""Protobuf: messages in the wire format of a schema registry, or bare ones of one type."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import pyarrow as pa
from google.protobuf.json_format import MessageToDict

from weir.transforms.decode.leaves import Kind, Leaves, told_apart
from weir.transforms.decode.protobuf.compile import ProtoError, file_set
from weir.transforms.decode.protobuf.types import MessageType, ProtobufSchema
from weir.transforms.decode.schema_source import SchemaError, schema_of, textless, unusable
from weir.transforms.decode.settings import DecodeSettings
from weir.transforms.decode.wire_format import (
    Bodies,
    Damage,
    Found,
    Readers,
    leaves_by_schema,
    rest_as_json,
    rest_by_schema,
)

_FIRST = (0,)
_MOST_INDEXES = 16  # messages within messages
_INVALID: Damage = ("invalid_protobuf", "The value is not of its schema, or nested too deeply.")
_OTHER: Damage = ("invalid_protobuf", "The value has no field that its schema has.")
_UNKNOWN: Damage = ("unknown_message_index", "The value names a message that its schema lacks.")

Indexes = tuple[int, ...]


def leaves(settings: DecodeSettings) -> Callable[[pa.RecordBatch], Leaves]:
    """Return the function that finds what is wanted in a MESSAGE batch, schema by schema."""
    readers, wanted, framed = readers_of(settings), settings.wanted, settings.schema.framed
    texts = [column for column, each in enumerate(wanted) if each.kind is Kind.TEXT]

    def found(schema: ProtobufSchema, messages: Bodies) -> Found:
        if not framed:
            return _read(schema, _FIRST, messages.values(), texts)
        if messages.begin_with(0):  # the usual case: all are the schema's first message
            return _read(schema, _FIRST, messages.behind(1).values(), texts)
        values = messages.values()
        columns = [np.empty(len(values), object) for _ in wanted]
        damaged: dict[int, Damage] = {}
        parts: dict[Indexes | None, list[tuple[int, bytes]]] = {}
        for row, value in enumerate(values):
            indexes, begin = message_indexes(value)
            parts.setdefault(indexes, []).append((row, value[begin:]))
        for indexes, part in parts.items():
            rows = [row for row, _ in part]
            read = _read(schema, indexes, [value for _, value in part], texts)
            damaged |= {rows[row]: damage for row, damage in read.damaged.items()}
            for column, leaf in zip(columns, read.columns, strict=True):
                column[rows] = np.fromiter(leaf, object, len(rows))
        return Found([column.tolist() for column in columns], damaged)

    return lambda batch: leaves_by_schema(batch, wanted, readers, found, framed=framed)


def attributes(values: pa.Array, settings: DecodeSettings) -> list[str | None]:
    """Return each message less the decoded fields, as JSON text; None where nothing is left."""
    framed = settings.schema.framed

    def rest(schema: ProtobufSchema, value: bytes) -> str | None:
        indexes, begin = message_indexes(value) if framed else (_FIRST, 0)
        for of in (indexes and schema.at(indexes)) or ():
            (message,), unread = of.read([value[begin:]])
            if not unread:
                whole = MessageToDict(message, preserving_proto_field_name=True)
                return rest_as_json(whole, settings.paths)
        return None

    return rest_by_schema(values, readers_of(settings), rest, framed=framed)


def message_indexes(value: bytes) -> tuple[Indexes | None, int]:
    """Return which message of a schema a body is, and where it begins; None for no such thing.

    A count and as many numbers, of variable length; a count of 0 stands for the first message.
    """
    count, at = _varint(value, 0)
    if count == 0:
        return _FIRST, at
    if not 0 < count <= _MOST_INDEXES:
        return None, at
    indexes = []
    for _ in range(count):
        index, at = _varint(value, at)
        indexes.append(index)
    return (None if min(indexes) < 0 else tuple(indexes)), at


def _varint(value: bytes, at: int) -> tuple[int, int]:
    """Return a number, -1 where there is none, and where the next one begins."""
    number = 0
    for shift in range(0, 35, 7):
        if at >= len(value):
            break
        byte = value[at]
        number |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
    return -1, at


@lru_cache(maxsize=8)
def readers_of(settings: DecodeSettings) -> Readers[ProtobufSchema]:
    """Return what reads messages by the ids of their schemas; that of a file is 0."""

    def made(number: int) -> ProtobufSchema:
        schema = schema_of(settings.schema, settings.format, number)
        try:
            files = file_set(schema.text, schema.references)
            read = ProtobufSchema(number, files, settings.wanted, settings.schema.message)
            types = read.at(_FIRST) if settings.schema.message else None
        except ProtoError as error:
            raise unusable(number, str(error)) from None
        if types and (damage := _lacking(read, types[0])):
            raise SchemaError(*damage)
        return read

    return Readers(made)


def _read(
    schema: ProtobufSchema, indexes: Indexes | None, values: Sequence[bytes], texts: Sequence[int]
) -> Found:
    types = None if indexes is None else schema.at(indexes)
    if types is None:
        return _all(values, schema, _UNKNOWN)
    strict, loose = types
    if lacking := _lacking(schema, strict):
        return _all(values, schema, lacking)
    messages, unread = strict.read(values)
    columns = strict.leaves(messages)
    damaged: dict[int, Damage] = {}
    for row in unread:
        again, wrong = loose.read([values[row]])
        if wrong:
            damaged[row] = _INVALID
            continue
        for column, leaf in zip(columns, loose.leaves(again), strict=True):
            column[row] = leaf[0]
    for row, text in enumerate(columns[texts[0]]):
        # Of another type, perhaps: no parser can tell, as all that it holds is unknown.
        if not text and values[row] and row not in unread and not messages[row].ListFields():
            damaged[row] = _OTHER
    return Found(columns, damaged)


def _lacking(schema: ProtobufSchema, of: MessageType) -> Damage | None:
    """Return what is wrong with a type that has no text."""
    texts = [column for column, each in enumerate(schema.wanted) if each.kind is Kind.TEXT]
    if told_apart(schema.wanted) or any(of.columns[column] is not None for column in texts):
        return None
    path = ".".join(schema.wanted[texts[0]].path)
    return textless(schema.number, of.name, path).damage


def _all(values: Sequence[bytes], schema: ProtobufSchema, damage: Damage) -> Found:
    nothing = [None] * len(values)
    return Found([nothing] * len(schema.wanted), dict.fromkeys(range(len(values)), damage))
