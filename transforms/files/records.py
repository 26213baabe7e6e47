"""What a file holds: every row of it as a record or as a named fault, and how it was read."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from weir.errors import WeirError

NO_OBJECT = "it is no JSON object"
_NAMED = 5  # faults in a message


class FileError(WeirError, ValueError):
    """A file cannot be used; the message names it, the line, and the way out, and no post."""


class NoColumnError(FileError):
    """The column that is asked for first is not in the first line: whoever asked may know why."""


@dataclass(frozen=True)
class Fault:
    """Lines, from 1, that are no record, and why: a sentence without anything that they hold."""

    first: int
    last: int
    why: str

    def __str__(self) -> str:
        """Return the sentence with its lines."""
        lines = (
            f"line {self.first}"
            if self.first == self.last
            else f"lines {self.first} to {self.last}"
        )
        return f"{lines}: {self.why}"


@dataclass(frozen=True)
class Record:
    """The line where a row begins (its number, where a file has no lines), and the row as JSON.

    ``value`` is the object of a table's columns, or a line of JSON as it stands, however broken.
    """

    line: int
    value: bytes

    def fields(self) -> Mapping[str, Any] | None:
        """Return the columns by name; None where the value is no sound JSON object."""
        try:
            found: dict[str, Any] = msgspec.json.decode(self.value, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return found


@dataclass(frozen=True)
class Records:
    """The rows of a file: ``records`` and ``faults`` are all of them.

    ``notes`` say how the file was read where that is not plain, and ``doubts`` name records that
    may be several, one sentence each. ``columns`` are those of a table; none where a row has
    fields of its own.
    """

    name: str
    sha256: str
    records: tuple[Record, ...]
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    doubts: tuple[Fault, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what a person should be told of a file that was read."""
        return tuple(f"{self.name}: {each}" for each in (*self.notes, *map(str, self.doubts)))

    def rows(self) -> list[tuple[int, Mapping[str, Any]]]:
        """Return line and columns of every record; FileError where one is no JSON object."""
        rows = [(record.line, record.fields()) for record in self.records]
        if broken := [Fault(line, line, NO_OBJECT) for line, fields in rows if fields is None]:
            raise FileError(f"{self.name}: {list_faults(broken)}. Nothing of the file was used")
        return [(line, fields) for line, fields in rows if fields is not None]

    def sound(self) -> "Records":
        """Return the file itself where it has rows and no fault; FileError for any other."""
        if self.faults:
            raise FileError(
                f"{self.name}: {list_faults(self.faults)}. Nothing of the file was used"
            )
        if not self.records:
            raise FileError(f"{self.name}: it holds no rows")
        return self


def list_faults(faults: Sequence[Fault]) -> str:
    """Return the first few faults, and how many there are besides."""
    named = "; ".join(map(str, faults[:_NAMED]))
    return named + (f"; and {len(faults) - _NAMED:,} more" if len(faults) > _NAMED else "")


def found_names(names: Iterable[str], wanted: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return what each column is to be called, and a note for each one that is renamed.

    A wanted name is found in capitals and between spaces too, unless it stands there as it is.
    """
    written = list(names)
    folded = {name.strip().casefold(): name for name in reversed(written)}
    renamed = {
        folded[name.casefold()]: name
        for name in wanted
        if name not in written and name.casefold() in folded
    }
    notes = [f"the column {old!r} is read as {new!r}" for old, new in renamed.items()]
    return {name: renamed.get(name, name) for name in written}, notes


def checked_names(names: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise NoColumnError without the first wanted column, FileError where one stands twice."""
    if wanted[0] not in names:
        raise NoColumnError(no_column(wanted[0], names))
    if twice := next((name for name in names if list(names).count(name) > 1), None):
        raise FileError(f"the column {twice!r} stands twice; keep one")


def no_column(name: str, names: Sequence[str]) -> str:
    """Return what to say of a column that is not in the first line, whose names are given."""
    said = f"; there are {', '.join(map(repr, names[:12]))}" if _look_like_names(names) else ""
    return f"there is no column {name!r} in the first line{said}"


# Without a header the first line is a post, and a post is not for a message.
_HEADER = re.compile(r"[A-Za-z_][\w.-]{0,30}(?: [\w.-]{1,30})?", re.ASCII)


def _look_like_names(names: Sequence[str]) -> bool:
    return all(_HEADER.fullmatch(name.strip()) for name in names)
