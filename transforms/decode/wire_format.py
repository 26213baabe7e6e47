"""Messages that a registry's schema is written on: a zero byte, the schema's id, and a body.

What all formats with schemas share: each batch is read schema by schema, and whatever is wrong with
one message, or with one schema, is the failure of its messages alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from weir.transforms.decode.leaves import OTHER, Kind, Leaf, Leaves, Wanted
from weir.transforms.decode.outcome import Failure
from weir.transforms.decode.schema_source import FRAME, SchemaError

Ints = npt.NDArray[np.int64]
Damage = tuple[str, str]  # a reason, and a sentence without anything of the message

_MOST_READERS = 1_000  # schemas that are kept as what reads them
_JSON = "it looks like JSON: try --format=json"
_SEEN_AS = (
    (b"{", b"}", _JSON),
    (b"[", b"]", _JSON),
    (b"Obj\x01", b"", "it is an Avro file, not a message"),
    (b"\xc3\x01", b"", "it is in Avro's single-object encoding, which is not read"),
)
# Where Confluent's HeaderSchemaIdSerializer puts the schema's GUID, which other registries lack.
_SCHEMA_HEADER = "__value_schema_id"
_IN_HEADER: Damage = (
    "schema_in_header",
    f"The schema is named in the header {_SCHEMA_HEADER}, which is not read: have the producer "
    "write its id in front of the value (PrefixSchemaIdSerializer).",
)
_TYPES: Mapping[Kind, frozenset[type]] = {
    Kind.TEXT: frozenset({str, list}),
    Kind.NAME: frozenset({str, int}),
    Kind.REFERENCE: frozenset({str, int}),
    Kind.AUTHOR: frozenset({str, int}),
    Kind.TIME: frozenset({str, int, float}),
    Kind.LANGUAGE: frozenset({str, list}),
    Kind.SCALAR: frozenset({str, int, float, bool}),
    Kind.CONTEXT: frozenset({str, int, float, bool}),
    Kind.KEYS: frozenset({dict, list}),
}


@dataclass(frozen=True)
class Bodies:
    """The values of a batch as they lie in memory: from ``starts`` to ``ends``, a row each."""

    data: bytes
    starts: Ints
    ends: Ints

    def take(self, rows: Ints) -> "Bodies":
        """Return those of some rows."""
        return Bodies(self.data, self.starts[rows], self.ends[rows])

    def values(self) -> list[bytes]:
        """Return the bytes of each row."""
        data = self.data
        rows = zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        return [data[start:end] for start, end in rows]

    def begin_with(self, byte: int) -> bool:
        """Return whether all have that byte first."""
        if not (self.starts < self.ends).all():
            return False
        return bool((np.frombuffer(self.data, np.uint8)[self.starts] == byte).all())

    def behind(self, count: int) -> "Bodies":
        """Return them without their first bytes."""
        return Bodies(self.data, np.minimum(self.starts + count, self.ends), self.ends)

    def value(self, row: int) -> bytes:
        """Return the bytes of a row."""
        return self.data[self.starts[row] : self.ends[row]]


@dataclass(frozen=True)
class Found:
    """What was found in bodies of one schema: columns of all rows, and what is wrong with which.

    ``null_text`` says whether one without a text has null in its place.
    """

    columns: Sequence[Sequence[Leaf]]
    damaged: Mapping[int, Damage] = field(default_factory=dict)
    null_text: Callable[[int], bool] = lambda _: False


R = TypeVar("R")


class Readers(Generic[R]):
    """What reads the messages of each schema: made once, and kept."""

    def __init__(self, make: Callable[[int], R]) -> None:
        self._make = make
        self._made: dict[int, R | Damage] = {}

    def of(self, number: int) -> R | Damage:
        """Return what reads an id's messages, or what is wrong with its schema."""
        if number not in self._made:
            if len(self._made) >= _MOST_READERS:
                del self._made[next(iter(self._made))]
            try:
                self._made[number] = self._make(number)
            except SchemaError as error:
                if error.damage[0] == "unknown_schema":  # which may be known in a minute
                    return error.damage
                self._made[number] = error.damage
        return self._made[number]


def bodies(values: pa.Array) -> Bodies:
    """Return the values of a column of type binary, none of them null."""
    _, offsets, data = values.buffers()
    ends = np.frombuffer(offsets, np.int32)[values.offset :][: len(values) + 1].astype(np.int64)
    held = b"" if data is None else data.slice(ends[0], ends[-1] - ends[0]).to_pybytes()
    return Bodies(held, ends[:-1] - ends[0], ends[1:] - ends[0])


def unframed(values: Bodies) -> tuple[Bodies, Ints]:
    """Return what stands behind each frame, and the schema's id in it; -1 where there is none."""
    data = np.frombuffer(values.data + bytes(FRAME), np.uint8)
    byte = [data[values.starts + at].astype(np.int64) for at in range(FRAME)]
    number = byte[1] << 24 | byte[2] << 16 | byte[3] << 8 | byte[4]
    framed = (values.ends - values.starts >= FRAME) & (byte[0] == 0)
    return values.behind(FRAME), np.where(framed, number, -1)


def not_framed(value: bytes) -> Damage:
    """Return what is wrong with a value that has no frame."""
    if value[:1] == b"\0":
        return "cut_short", f"The value ends within the {FRAME} bytes that name its schema."
    said = _looks_like(value)
    return (
        "wrong_magic_byte",
        "The value does not begin with the zero byte and the schema id of a registry"
        f"{f'; {said}' if said else ''}.",
    )


def not_bare(value: bytes, damage: Damage) -> Damage:
    """Return what is wrong with a bare value that its schema does not read: what else it may be."""
    reason, error = damage
    if said := _looks_like(value):
        return "another_format", f"{error[:-1]}; {said}."
    if value[:2] == b"\0\0":  # as a union's first branch does, too
        return reason, f"{error[:-1]}; if a registry's id is in front, give --schema-registry."
    return damage


def _looks_like(value: bytes) -> str:
    """Return what a value is, as far as its first and last bytes tell."""
    begins, ends = value[:64].lstrip(), value[-64:].rstrip()
    seen = (said for a, b, said in _SEEN_AS if begins.startswith(a) and ends.endswith(b))
    return next(seen, "")


def of_headers(batch: pa.RecordBatch, leaves: Leaves) -> Leaves:
    """Return what was found in a batch, failures named anew whose schema's id is in a header."""
    headers = batch["headers"]

    def named(failure: Failure) -> Failure:
        if all(each["key"] != _SCHEMA_HEADER for each in headers[failure.row].as_py() or ()):
            return failure
        reason, error = _IN_HEADER
        return replace(failure, reason=reason, error=error)

    return replace(leaves, failures=[named(each) for each in leaves.failures])


def rows_by_schema(
    values: Bodies, numbers: Ints, readers: Readers[R]
) -> tuple[list[tuple[Ints, R]], dict[int, Damage]]:
    """Return the rows of each schema with its reader, and what is wrong with those without one."""
    readable: list[tuple[Ints, R]] = []
    damaged: dict[int, Damage] = {}
    for number in np.unique(numbers).tolist():
        rows = np.flatnonzero(numbers == number)
        if number < 0:
            damaged |= {row: not_framed(values.value(row)) for row in rows.tolist()}
        elif isinstance(reader := readers.of(number), tuple):
            damaged |= dict.fromkeys(rows.tolist(), reader)
        else:
            readable.append((rows, reader))
    return readable, damaged


def rest_by_schema(
    values: pa.Array,
    readers: Readers[R],
    rest: Callable[[R, bytes], str | None],
    *,
    framed: bool,
) -> list[str | None]:
    """Return what ``rest`` gives for each message; None for one without a schema to be read by."""
    messages, numbers = bodies(values), np.zeros(len(values), np.int64)
    if framed:
        messages, numbers = unframed(messages)

    def of(row: int, number: int) -> str | None:
        reader = readers.of(number) if number >= 0 else None
        if reader is None or isinstance(reader, tuple):
            return None
        return rest(reader, messages.value(row))

    return [of(row, number) for row, number in enumerate(numbers.tolist())]


def leaves_by_schema(
    batch: pa.RecordBatch,
    wanted: Sequence[Wanted],
    readers: Readers[R],
    find: Callable[[R, Bodies], Found],
    *,
    framed: bool,
) -> Leaves:
    """Return what ``find`` finds in a MESSAGE batch, schema by schema; not ``framed``: of id 0."""
    values = bodies(batch["value"])
    body, numbers = unframed(values) if framed else (values, np.zeros(batch.num_rows, np.int64))
    readable, damaged = rows_by_schema(values, numbers, readers)
    parts: list[tuple[Ints, Found]] = []
    for rows, reader in readable:
        found = find(reader, body if len(rows) == len(numbers) else body.take(rows))
        damaged |= {int(rows[row]): damage for row, damage in found.damaged.items()}
        parts.append((rows, found))
    if not framed:
        damaged = {row: not_bare(values.value(row), damage) for row, damage in damaged.items()}
    columns = [
        _fitting(_column(parts, column, damaged, len(numbers)), each.kind)
        for column, each in enumerate(wanted)
    ]
    failures = [Failure(row, *damaged[row]) for row in sorted(damaged)]

    def null_text(row: int) -> bool:
        places = ((found, np.flatnonzero(rows == row)) for rows, found in parts)
        return any(found.null_text(int(place[0])) for found, place in places if len(place))

    return Leaves(columns, failures, null_text=null_text)


def _column(
    parts: Sequence[tuple[Ints, Found]], column: int, damaged: Mapping[int, Damage], rows: int
) -> Sequence[Leaf]:
    if len(parts) == 1 and not damaged:
        return parts[0][1].columns[column]
    whole = np.empty(rows, object)
    for of, found in parts:
        whole[of] = np.fromiter(found.columns[column], object, len(of))
    kept: Sequence[Leaf] = np.delete(whole, list(damaged)).tolist()
    return kept


def _fitting(column: Sequence[Leaf], kind: Kind) -> Sequence[Leaf]:
    """Return the column with OTHER for what is of no type that the kind may have."""
    allowed = _TYPES[kind] | {type(None)}
    if set(map(type, column)) <= allowed:
        return column
    if kind is Kind.AUTHOR:
        return [leaf if type(leaf) in allowed else str(leaf) for leaf in column]
    return [leaf if type(leaf) in allowed else OTHER for leaf in column]


def rest_as_json(value: Any, paths: Sequence[Sequence[str]]) -> str | None:
    """Return an object less what lies at the paths, as JSON text; None where nothing is left."""
    for path in paths:
        value = _without(value, path)
    if not value:
        return None
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        return None


def _without(value: Any, path: Sequence[str]) -> Any:
    if not isinstance(value, Mapping) or path[0] not in value:
        return value
    rest = {name: each for name, each in value.items() if name != path[0]}
    if len(path) > 1 and (below := _without(value[path[0]], path[1:])):
        rest[path[0]] = below
    return rest
