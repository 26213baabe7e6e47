"""An Avro schema as a tree of what to read, in the order in which messages hold it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

Path = tuple[str, ...]
Wanted = Mapping[Path, int]  # the column that what is found at a path goes to

EACH = "[]"  # at the end of a name: all elements of the list there
_UNREADABLE = (
    SchemaParseException,
    UnknownType,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RecursionError,
)
_MOST_NODES = 10_000  # of a schema, its named types written out
_MOST_NODES_A_BYTE = 32  # of the items of an array; an optional field has three for its byte
_MOST_EMPTY = 1 << 16  # steps of items that take no bytes
_MOST_SPELLINGS = 64  # of a path, in schemas whose fields have other names as well


class AvroSchemaError(ValueError):
    """A schema cannot be read; the message says why, in a sentence without anything of a post."""


@dataclass(frozen=True)
class Scalar:
    """A value of one piece: null, boolean, int, long, float, double, bytes or string."""

    kind: str
    column: int | None


@dataclass(frozen=True)
class Enum:
    """One of some symbols."""

    symbols: Sequence[str]
    column: int | None


@dataclass(frozen=True)
class Fixed:
    """So many bytes."""

    size: int
    column: int | None


@dataclass
class Record:
    """Fields, one behind the other; filled after it is made, as it may hold itself."""

    fields: list["Node"] = field(default_factory=list)


@dataclass(frozen=True)
class Union:
    """One of some branches."""

    branches: Sequence["Node"]


@dataclass(frozen=True)
class Items:
    """An array, or a map, whose items have a key each.

    ``most_empty`` items may be in it where they take no bytes; None where they do.
    """

    item: "Node"
    keyed: bool
    most_empty: int | None


Node = Scalar | Enum | Fixed | Record | Union | Items


@dataclass(frozen=True)
class AvroSchema:
    """What to read of the messages of one schema.

    ``root`` is walked for many messages at once. ``parsed`` is fastavro's; ``bounded`` says whether
    a message costs it no more than its bytes do: it recurses in C without a limit, and makes a
    list of two thousand million nulls of ten bytes. ``absent`` are the columns that no field of the
    schema goes to, ``parts`` those that lie in an array or a map; ``places`` says for each column
    what the schema calls its path.
    """

    name: str
    root: Node
    parsed: Any
    bounded: bool
    absent: frozenset[int]
    parts: frozenset[int]
    places: Sequence[Sequence[Path]]
    defaults: Mapping[int, Any]  # of the absent ones, from the reader's schema


def avro_schema(
    text: str,
    paths: Sequence[Path],
    references: Sequence[str] = (),
    reader: str | None = None,
) -> AvroSchema:
    """Return how to read what lies at the paths. Raises AvroSchemaError.

    ``references`` are schemas that this one names, each behind what it needs itself. A field is
    found by its name or an alias; with a ``reader``'s schema, by what that one calls it as well,
    and what is not there has the default it has there.
    """
    try:
        return _avro_schema(text, paths, references, reader)
    except RecursionError:
        raise AvroSchemaError("it is nested too deeply") from None


def _avro_schema(
    text: str, paths: Sequence[Path], references: Sequence[str], reader: str | None
) -> AvroSchema:
    named: dict[str, Any] = {}
    for reference in references:
        _parsed(reference, named)
    parsed = _parsed(text, named)
    root = _Tree(named)
    wanted: dict[Path, int] = {}
    spelled: list[Sequence[Path]] = []
    defaults: dict[int, Any] = {}
    readers = None if reader is None else _Tree.of(reader)
    for column, path in enumerate(paths):
        spellings: Sequence[Path] = [path]
        if readers is not None:
            spellings, default = readers.reading(path)
            defaults |= default and {column: default[0]}
        spelled.append(spellings)
        wanted |= {spelling: column for spelling in spellings if spelling not in wanted}
    tree = root.node(parsed, wanted, "")
    return AvroSchema(
        name=parsed["name"] if isinstance(parsed, dict) and "name" in parsed else "unnamed",
        root=tree,
        parsed=parsed,
        bounded=root.bounded(parsed),
        absent=frozenset(range(len(paths))) - root.found - root.parts,
        parts=frozenset(root.parts),
        places=[
            list(dict.fromkeys(place for way in ways for place in root.places(parsed, way)))
            for ways in spelled
        ],
        defaults=defaults,
    )


def _parsed(text: str, named: dict[str, Any]) -> Any:
    try:
        return fastavro.parse_schema(json.loads(text), named_schemas=named)
    except _UNREADABLE as error:
        raise AvroSchemaError(f"it is no Avro schema ({type(error).__name__})") from None


class _Tree:
    def __init__(self, named: Mapping[str, Any]) -> None:
        self._named = named
        self._records: dict[tuple[str, frozenset[tuple[Path, int]]], Record] = {}
        self._sizes: dict[str, float] = {}
        self.found: set[int] = set()
        self.parts: set[int] = set()
        self._root: Any = None

    @classmethod
    def of(cls, text: str) -> "_Tree":
        named: dict[str, Any] = {}
        parsed = _parsed(text, named)
        tree = cls(named)
        tree._root = parsed
        return tree

    def node(self, schema: Any, wanted: Wanted, key: str) -> Node:
        """Return the tree below a schema, with the columns of what is wanted in it."""
        schema = self._resolved(schema)
        column = wanted.get(())
        if isinstance(schema, list):
            return Union(tuple(self.node(branch, wanted, key) for branch in schema))
        match schema["type"]:
            case "record" | "error":
                return self._record(schema, wanted)
            case "array" | "map" as kind:
                self.parts.update(wanted.values())
                below = schema["items" if kind == "array" else "values"]
                node = self.node(below, {}, key)
                keyed = kind == "map"
                most = None
                if not keyed and self.least(below) == 0:
                    most = _MOST_EMPTY // self.nodes(below)
                return Items(node, keyed, most)
            case "enum":
                self._find(column)
                return Enum(tuple(schema["symbols"]), column)
            case "fixed":
                self._find(column)
                return Fixed(int(schema["size"]), column)
            case str(kind):
                self._find(column)
                return Scalar(kind, column)
            case other:
                return self.node(other, wanted, key)

    def _find(self, column: int | None) -> None:
        if column is not None:
            self.found.add(column)

    def _record(self, schema: Mapping[str, Any], wanted: Wanted) -> Record:
        if () in wanted:
            self.parts.add(wanted[()])
        key = (schema["name"], frozenset(wanted.items()))
        if key not in self._records:
            self._records[key] = record = Record()
            for each in schema["fields"]:
                below = {
                    path[1:]: column
                    for path, column in wanted.items()
                    if path and _field(schema, path[0].removesuffix(EACH)) is each
                }
                record.fields.append(self.node(each["type"], below, schema["name"]))
        return self._records[key]

    def _resolved(self, schema: Any) -> Any:
        if isinstance(schema, str):
            return self._named.get(schema, {"type": schema})
        return schema

    def least(self, schema: Any, above: frozenset[str] = frozenset()) -> float:
        """Return the fewest bytes that a value takes; infinite where it holds itself always."""
        schema = self._resolved(schema)
        if isinstance(schema, list):
            return 1
        match schema["type"]:
            case "record" | "error":
                name = schema["name"]
                if name in above:
                    return float("inf")
                if name not in self._sizes:
                    inside = above | {name}
                    least = sum(self.least(each["type"], inside) for each in schema["fields"])
                    self._sizes[name] = least
                return self._sizes[name]
            case "fixed":
                return int(schema["size"])
            case "null":
                return 0
            case str():
                return 1
            case other:
                return self.least(other, above)

    def nodes(self, schema: Any) -> int:
        """Return how many steps a value has at most, less those in arrays; capped."""
        left = _MOST_NODES
        waiting = [schema]
        while waiting and left > 0:
            left -= 1
            each = self._resolved(waiting.pop())
            if isinstance(each, list):
                waiting += each
            elif each["type"] in ("record", "error"):
                waiting += [of["type"] for of in each["fields"]]
            elif not isinstance(each["type"], str):
                waiting.append(each["type"])
        return _MOST_NODES - left

    def bounded(self, schema: Any) -> bool:
        """Return whether reading a message takes no more steps than it has bytes, about."""
        left = _MOST_NODES

        def within(schema: Any, above: frozenset[str]) -> bool:
            nonlocal left
            left -= 1
            schema = self._resolved(schema)
            if left < 0:
                return False
            if isinstance(schema, list):
                return all(within(branch, above) for branch in schema)
            match schema["type"]:
                case "record" | "error":
                    name = schema["name"]
                    return name not in above and all(
                        within(each["type"], above | {name}) for each in schema["fields"]
                    )
                case "array":
                    item = schema["items"]
                    sized = self.nodes(item) <= _MOST_NODES_A_BYTE * self.least(item)
                    return sized and within(item, above)
                case "map":
                    item = schema["values"]
                    sized = self.nodes(item) <= _MOST_NODES_A_BYTE * (1 + self.least(item))
                    return sized and within(item, above)
                case str():
                    return True
                case other:
                    return within(other, above)

        return within(schema, frozenset())

    def reading(self, path: Path) -> tuple[Sequence[Path], tuple[Any, ...]]:
        """Return what a path may be called, and the default of what lies there, if there is one."""
        names: list[dict[str, None]] = []
        default: tuple[Any, ...] = ()
        schema = self._root
        for name in path:
            each = next(
                (
                    f
                    for record in self._below(schema)
                    if (f := _field(record, name.removesuffix(EACH)))
                ),
                None,
            )
            if each is None:
                names.append({name: None})
                schema = []
                continue
            names.append(dict.fromkeys([each["name"], *each.get("aliases", ()), name]))
            default = (each["default"],) if "default" in each else ()
            schema = each["type"]
        spellings = [tuple(each) for each in product(*names)][:_MOST_SPELLINGS]
        return spellings, default if schema else ()

    def places(self, schema: Any, path: Path) -> Iterator[Path]:
        """Yield what messages call the path, a name or an alias of each field on its way."""
        schema = self._resolved(schema)
        if not path:
            yield ()
            return
        name = path[0].removesuffix(EACH)
        for record in self._below(schema):
            if (each := _field(record, name)) is not None:
                called = each["name"] + path[0][len(name) :]
                for below in self.places(each["type"], path[1:]):
                    yield called, *below
        for branch in map(self._resolved, schema if isinstance(schema, list) else [schema]):
            kind = branch["type"] if isinstance(branch, dict) else None
            if kind == "array":
                yield from self.places(branch["items"], path)
            if kind == "map":
                for below in self.places(branch["values"], path[1:]):
                    yield path[0], *below

    def _below(self, schema: Any) -> Iterator[Mapping[str, Any]]:
        schema = self._resolved(schema)
        for branch in schema if isinstance(schema, list) else [schema]:
            resolved = self._resolved(branch)
            if isinstance(resolved, dict) and resolved["type"] in ("record", "error"):
                yield resolved


def _field(record: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """Return the field of that name, or else the first with that alias."""
    fields: Sequence[Mapping[str, Any]] = record["fields"]
    for each in fields:
        if each["name"] == name:
            return each
    return next((each for each in fields if name in each.get("aliases", ())), None)
