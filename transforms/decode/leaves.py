"""The seam between formats and posts: a format finds values at paths, and knows of no post."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

from weir.transforms.decode.outcome import Failure

# The names that lead to a value, from the outermost in; of a name that ends in EACH every element
# of the list there.
Path = tuple[str, ...]
EACH = "[]"
# What a format found at a path: a string, a number, a bool, a time, or None where nothing stands.
# Of parts a list, of strings and of mappings that hold a `text`; or a string where no list stands.
Leaf = Any


class Other(Enum):
    """What stands at a path where something else is asked for."""

    VALUE = "a value of another kind"


OTHER: Final = Other.VALUE


class Kind(Enum):
    """What a value at a path may be; a format gives OTHER for anything else."""

    TEXT = "text"  # a string; at a path with EACH parts
    NAME = "name"  # an id: a string or a whole number
    # An id; where a string stands in place of the object around it, that string, as JSON-LD has it.
    REFERENCE = "reference"
    AUTHOR = "author"  # an id, and what is written there where it is none
    TIME = "time"  # what written_times reads
    LANGUAGE = "language"  # a string, or a list of these
    SCALAR = "scalar"  # a string, a number or a bool
    CONTEXT = "context"  # as SCALAR; says nothing of what a message is
    KEYS = "keys"  # of an object: the names in it


@dataclass(frozen=True)
class Wanted:
    """A path, and what is looked for there."""

    path: Path
    kind: Kind


@dataclass(frozen=True)
class Leaves:
    """What a format found in a MESSAGE batch.

    ``columns`` are parallel to what was wanted; each has a leaf for every row that did not fail, or
    is None where messages of the format have no such value. ``damaged`` says what is wrong with
    messages of which some leaves were found all the same, and ``null_text`` whether a row of the
    batch without a text says null in its place: it is asked of few.
    """

    columns: Sequence[Sequence[Leaf] | None]
    failures: Sequence[Failure] = ()
    damaged: Mapping[int, Failure] = field(default_factory=dict)
    null_text: Callable[[int], bool] = lambda _: False

    def moved(self, rows: Sequence[int], failures: Sequence[Failure]) -> "Leaves":
        """Return what was found in some rows of a batch as found in the batch, whose others failed.

        ``rows`` are theirs in the batch.
        """
        own = (replace(each, row=rows[each.row]) for each in self.failures)
        damaged = {rows[row]: replace(each, row=rows[row]) for row, each in self.damaged.items()}
        every = sorted((*failures, *own), key=lambda each: each.row)
        return Leaves(self.columns, every, damaged, lambda row: self.null_text(rows.index(row)))


def told_apart(wanted: Sequence[Wanted]) -> bool:
    """Return whether something is asked of messages that may say that they are no posts."""
    return any(each.kind is Kind.SCALAR for each in wanted)


def path_of(written: str) -> Path:
    """Return the path that an option names: names joined by dots."""
    return tuple(written.split("."))


def find(value: Any, path: Path) -> Leaf:
    """Return what lies at a path of a value made of mappings and lists; None where nothing does.

    Below EACH the list of what lies in each element, less those without anything.
    """
    for at, name in enumerate(path):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name.removesuffix(EACH))
        if not name.endswith(EACH) or not isinstance(value, list | tuple):
            continue
        if at + 1 == len(path):
            return list(value)
        found = [find(each, path[at + 1 :]) for each in value]
        return [leaf for each in found for leaf in _flat(each)]
    return value


def _flat(found: Leaf) -> Sequence[Leaf]:
    if found is None:
        return ()
    return found if isinstance(found, list) else [found]
