"""Avro: messages in the wire format of a schema registry, or bare ones of one schema."""

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import fastavro
import numpy as np
import pyarrow as pa

from weir.transforms.decode.avro.columns import State, columns
from weir.transforms.decode.avro.schema import AvroSchema, AvroSchemaError, avro_schema
from weir.transforms.decode.leaves import EACH, Kind, Leaf, Leaves, Path, find, told_apart
from weir.transforms.decode.schema_source import schema_of, textless, unusable
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

_DAMAGE: Mapping[State, Damage] = {
    State.CUT: ("invalid_avro", "The value is not of its schema: it ends too early."),
    State.LONGER: ("invalid_avro", "The value is not of its schema: it goes on behind its end."),
    State.BRANCH: ("invalid_avro", "The value is not of its schema: it has an unknown branch."),
    State.DEEP: ("too_deep", "The value is nested too deeply."),
    State.MANY: ("too_many_items", "The value has an array of too many items without bytes."),
    State.UNREAD: ("too_many_items", "The value has too many items for a schema of its kind."),
}


def leaves(settings: DecodeSettings) -> Callable[[pa.RecordBatch], Leaves]:
    """Return the function that finds what is wanted in a MESSAGE batch, schema by schema."""
    readers, wanted, framed = readers_of(settings), settings.wanted, settings.schema.framed

    texts = [column for column, each in enumerate(wanted) if each.kind is Kind.TEXT]

    def found(schema: AvroSchema, messages: Bodies) -> Found:
        def null_text(row: int) -> bool:
            whole = _whole(schema, messages.value(row))
            return any(_is_null(whole, place) for text in texts for place in schema.places[text])

        return replace(_found(schema, messages, len(wanted)), null_text=null_text)

    return lambda batch: leaves_by_schema(batch, wanted, readers, found, framed=framed)


def attributes(values: pa.Array, settings: DecodeSettings) -> list[str | None]:
    """Return each message less the decoded fields, as JSON text; None where nothing is left."""
    parts = [n for n, each in enumerate(settings.wanted) if each.path in settings.paths]

    def rest(schema: AvroSchema, value: bytes) -> str | None:
        # What was read as a post is nested as deeply as fastavro may recurse.
        whole = _whole(schema, value)
        return rest_as_json(whole, [place for column in parts for place in schema.places[column]])

    return rest_by_schema(values, readers_of(settings), rest, framed=settings.schema.framed)


@lru_cache(maxsize=8)
def readers_of(settings: DecodeSettings) -> Readers[AvroSchema]:
    """Return what reads messages by the ids of their schemas; that of a file is 0."""
    reader = settings.schema.file if settings.schema.framed else None
    wanted = settings.wanted
    paths = [each.path for each in wanted]
    texts = [column for column, each in enumerate(wanted) if each.kind is Kind.TEXT]

    def made(number: int) -> AvroSchema:
        schema = schema_of(settings.schema, "avro", number)
        referred = [text for _, text in schema.references]
        try:
            read = avro_schema(schema.text, paths, referred, reader)
        except AvroSchemaError as error:
            raise unusable(number, str(error)) from None
        absent = all(column in read.absent and column not in read.defaults for column in texts)
        if absent and not told_apart(wanted):
            raise textless(number, read.name, ".".join(paths[texts[0]]))
        return read

    return Readers(made)


def _found(schema: AvroSchema, messages: Bodies, count: int) -> Found:
    read = columns(schema, messages.data, messages.starts, messages.ends, count)
    states = read.states
    if schema.parts:
        states = np.where(states == State.READ, np.uint8(State.UNREAD), states)
    failed = np.flatnonzero(states).tolist()
    if not failed:
        return Found(read.values)
    values: list[list[Leaf]] = [list(column) for column in read.values]
    damaged = {}
    for row in failed:
        state = State(states[row])
        whole = None
        if state is State.UNREAD and (schema.bounded or read.states[row] == State.READ):
            whole = _whole(schema, messages.value(row))
            state = State.CUT
        if whole is None:
            damaged[row] = _DAMAGE[state]
            continue
        for column in range(count):
            if column not in schema.absent:
                leaves = (find(whole, place) for place in schema.places[column])
                values[column][row] = next((leaf for leaf in leaves if leaf is not None), None)
    return Found(values, damaged)


def _is_null(whole: Any, place: Path) -> bool:
    """Return whether a message has a field in some place, and null in it."""
    parent, name = find(whole, place[:-1]), place[-1].removesuffix(EACH)
    return isinstance(parent, Mapping) and name in parent and parent[name] is None


def _whole(schema: AvroSchema, value: bytes) -> Any:
    """Return a whole message, None where it is not of its schema."""
    held = io.BytesIO(value)
    try:
        read = fastavro.schemaless_reader(held, schema.parsed, None)
    except Exception:  # noqa: BLE001 - what a message makes a reader raise has no common class
        return None
    return read if held.tell() == len(value) else None
