"""Avro messages of one schema, each field read of all of them at once.

A message says nowhere what it holds, so the fields before one have to be read to find it. Here
every message has a cursor, and one step of a schema moves the cursors of all: numpy's cost is a
step's, not a message's. No message sees another's bytes, as it would in a container file of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt

from weir.transforms.decode.avro.schema import (
    AvroSchema,
    Enum,
    Fixed,
    Items,
    Node,
    Record,
    Scalar,
    Union,
)

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_DEEPEST = 64  # records and arrays in others
_MOST_TURNS = 64  # of an array: longer ones are read message by message
_MOST_STEPS = 20_000  # for a batch, 0.2 s: what is not read by then is read message by message
_LONGEST_VARINT = 10
_SIZES = {"float": 4, "double": 8}


class State(IntEnum):
    """What became of a message."""

    READ = 0
    CUT = 1  # it ends too early, or a length in it is not one
    LONGER = 2  # it has bytes behind its end
    BRANCH = 3  # a union's branch or an enum's symbol that the schema does not have
    DEEP = 4
    MANY = 5  # items without bytes
    UNREAD = 6  # too many steps: to be read by itself


class Kind(IntEnum):
    """What stands in a column for a message. From SYMBOL on, the place of an enum's symbols."""

    NOTHING = 0
    STRING = 1
    BYTES = 2
    INT = 3
    FLOAT = 4
    DOUBLE = 5
    BOOLEAN = 6
    SYMBOL = 16


@dataclass(frozen=True)
class Columns:
    """What was read of each message: its state, and a column for each path."""

    states: Bytes
    values: Sequence[Sequence[Any]]


def columns(schema: AvroSchema, data: bytes, starts: Ints, ends: Ints, count: int) -> Columns:
    """Return ``count`` columns of the messages that lie in ``data`` from ``starts`` to ``ends``."""
    reader = _Reader(data, starts, ends, count)
    rows = reader.read(schema.root, np.arange(len(starts)), 0)
    reader.fail(rows[reader.at[rows] < ends[rows]], State.LONGER)
    values = [
        reader.column(column)
        if column not in schema.absent
        else [schema.defaults.get(column)] * len(starts)
        for column in range(count)
    ]
    return Columns(reader.states, values)


class _Reader:
    def __init__(self, data: bytes, starts: Ints, ends: Ints, count: int) -> None:
        self._data = data
        # Cursors are compared with the end of their message after a step, which may read past it.
        self._bytes = np.frombuffer(data + bytes(_LONGEST_VARINT), np.uint8)
        self.at = starts.copy()
        self._ends = ends
        rows = len(starts)
        self.states = np.zeros(rows, np.uint8)
        self._kinds = np.zeros((count, rows), np.uint8)
        self._first = np.zeros((count, rows), np.int64)  # the value, or where it begins
        self._last = np.zeros((count, rows), np.int64)
        self._symbols: list[Sequence[str]] = []
        self._steps = 0

    def fail(self, rows: Ints, state: State) -> None:
        self.states[rows] = state

    def read(self, node: Node, rows: Ints, depth: int) -> Ints:
        """Move the cursors of the rows behind the node; return the rows that have it."""
        if not rows.size:
            return rows
        self._steps += 1
        if depth > _DEEPEST:
            self.fail(rows, State.DEEP)
            return rows[:0]
        if self._steps > _MOST_STEPS:
            self.fail(rows, State.UNREAD)
            return rows[:0]
        match node:
            case Scalar():
                return self._scalar(node, rows)
            case Record():
                for each in node.fields:
                    rows = self.read(each, rows, depth + 1)
                return rows
            case Union():
                return self._union(node, rows, depth)
            case Items():
                return self._items(node, rows, depth)
            case Enum():
                rows, symbol = self._numbers(rows)
                known = (symbol >= 0) & (symbol < len(node.symbols))
                rows, symbol = self._only(rows, symbol, known, State.BRANCH)
                if node.column is not None:
                    self._symbols.append(node.symbols)
                    self._put(node.column, rows, Kind.SYMBOL + len(self._symbols) - 1, symbol)
                return rows
            case Fixed():
                return self._sized(rows, np.full(len(rows), node.size), node.column, Kind.BYTES)
        assert_never(node)

    def _scalar(self, node: Scalar, rows: Ints) -> Ints:
        match node.kind:
            case "null":
                return rows
            case "boolean":
                value = self._bytes[self.at[rows]].astype(np.int64)
                rows, value = self._only(rows, value, value <= 1, State.CUT)
                self._put(node.column, rows, Kind.BOOLEAN, value)
                self.at[rows] += 1
                return self._within(rows)
            case "float" | "double" as kind:
                of = Kind.FLOAT if kind == "float" else Kind.DOUBLE
                return self._sized(rows, np.full(len(rows), _SIZES[kind]), node.column, of)
            case "string" | "bytes" as kind:
                rows, length = self._numbers(rows)
                of = Kind.STRING if kind == "string" else Kind.BYTES
                return self._sized(rows, length, node.column, of)
        rows, number = self._numbers(rows)  # int and long
        self._put(node.column, rows, Kind.INT, number)
        return rows

    def _put(self, column: int | None, rows: Ints, kind: int, first: Ints) -> None:
        if column is not None:
            self._kinds[column, rows] = kind
            self._first[column, rows] = first

    def _union(self, node: Union, rows: Ints, depth: int) -> Ints:
        rows, branch = self._numbers(rows)
        known = (branch >= 0) & (branch < len(node.branches))
        rows, branch = self._only(rows, branch, known, State.BRANCH)
        done = [
            self.read(each, rows[branch == number], depth)
            for number, each in enumerate(node.branches)
        ]
        return np.concatenate(done) if done else rows

    def _items(self, node: Items, rows: Ints, depth: int) -> Ints:
        done, turns = [], 0
        left = np.zeros(len(self.states), np.int64)
        total = np.zeros(len(self.states), np.int64)
        while rows.size:
            turns += 1
            if turns > _MOST_TURNS:
                self.fail(rows, State.UNREAD)
                break
            rows, count = self._numbers(rows)
            skipped = count < 0
            if skipped.any():  # a block that says how long it is
                sized, size = self._numbers(rows[skipped])
                passed = self._sized(sized, size, None, Kind.NOTHING)
                more, counts = rows[~skipped], count[~skipped]
            else:
                passed, more, counts = rows[:0], rows, count
            done.append(more[counts == 0])
            more, counts = more[counts > 0], counts[counts > 0]
            if node.most_empty is not None:
                total[more] += np.minimum(counts, node.most_empty + 1)  # a count may have 63 bits
                few = total[more] <= node.most_empty
                more, counts = self._only(more, counts, few, State.MANY)
            else:
                fits = counts <= self._ends[more] - self.at[more]
                more, counts = self._only(more, counts, fits, State.CUT)
            left[more] = counts
            block, passing = more, []
            while block.size:
                turns += 1
                if turns > _MOST_TURNS:
                    self.fail(block, State.UNREAD)
                    break
                if node.keyed:
                    block, length = self._numbers(block)
                    block = self._sized(block, length, None, Kind.NOTHING)
                block = self.read(node.item, block, depth + 1)
                left[block] -= 1
                passing.append(block[left[block] == 0])
                block = block[left[block] > 0]
            rows = np.concatenate([passed, *passing])
        return np.concatenate(done) if done else rows

    def _numbers(self, rows: Ints) -> tuple[Ints, Ints]:
        """Read a number of variable length; return it with the rows that have one."""
        at = self.at[rows]
        byte = self._bytes[at]
        value = (byte & 0x7F).astype(np.uint64)
        more = np.flatnonzero(byte & 0x80)
        length = 1
        while more.size and length < _LONGEST_VARINT:
            byte = self._bytes[np.minimum(at[more] + length, len(self._bytes) - 1)]
            value[more] |= (byte & 0x7F).astype(np.uint64) << np.uint64(7 * length)
            self.at[rows[more]] += 1
            more = more[(byte & 0x80) != 0]
            length += 1
        self.at[rows] += 1
        if more.size:
            self.at[rows[more]] = len(self._bytes)
        number = (value >> np.uint64(1)).astype(np.int64) ^ -(value & np.uint64(1)).astype(np.int64)
        return self._only(rows, number, self.at[rows] <= self._ends[rows], State.CUT)

    def _sized(self, rows: Ints, length: Ints, column: int | None, kind: Kind) -> Ints:
        """Move the cursors behind so many bytes."""
        fits = (length >= 0) & (length <= self._ends[rows] - self.at[rows])
        rows, length = self._only(rows, length, fits, State.CUT)
        begin = self.at[rows]
        self.at[rows] = begin + length
        if column is not None:
            self._put(column, rows, kind, begin)
            self._last[column, rows] = self.at[rows]
        return rows

    def _within(self, rows: Ints) -> Ints:
        return self._only(rows, rows, self.at[rows] <= self._ends[rows], State.CUT)[0]

    def _only(self, rows: Ints, values: Ints, kept: Bools, state: State) -> tuple[Ints, Ints]:
        if kept.all():
            return rows, values
        self.fail(rows[~kept], state)
        return rows[kept], values[kept]

    def column(self, column: int) -> Sequence[Any]:
        """Return what stands in a column: str, bytes, int, float, bool or None for each message."""
        kinds, firsts = self._kinds[column].tolist(), self._first[column].tolist()
        lasts, data = self._last[column].tolist(), self._data
        # One slice and one decoding for each text that somebody asked for.
        return [
            _text(data[first:last])
            if kind == _STRING
            else None
            if kind == _NOTHING
            else self._value(kind, first, last)
            for kind, first, last in zip(kinds, firsts, lasts, strict=True)
        ]

    def _value(self, kind: int, first: int, last: int) -> Any:
        if kind >= Kind.SYMBOL:
            return self._symbols[kind - Kind.SYMBOL][first]
        match Kind(kind):
            case Kind.INT:
                return first
            case Kind.BOOLEAN:
                return bool(first)
            case Kind.BYTES:
                return self._data[first:last]
            case Kind.FLOAT:
                return float(np.frombuffer(self._data[first:last], "<f4")[0])
            case Kind.DOUBLE:
                return float(np.frombuffer(self._data[first:last], "<f8")[0])
        return None


_STRING, _NOTHING = int(Kind.STRING), int(Kind.NOTHING)


def _text(value: bytes) -> str:
    # One stray byte must not keep a post from being screened.
    return value.decode("utf-8", "replace")
