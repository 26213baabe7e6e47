"""The seam between formats and posts: a format finds values at paths, and knows of no post."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

from weir.transforms.decode.outcome import Failure

Path = tuple[str, ...]  # the names that lead to a value, from the outermost in
# What a format found at a path: a string, a number, a bool, a time, or None where nothing stands.
Leaf = Any


class Other(Enum):
    """What stands at a path where something else is asked for."""

    VALUE = "a value of another kind"


OTHER: Final = Other.VALUE


class Kind(Enum):
    """What a value at a path may be; a format gives OTHER for anything else."""

    TEXT = "text"  # a string
    NAME = "name"  # an id: a string or a whole number
    AUTHOR = "author"  # an id, and what is written there where it is none
    TIME = "time"  # what written_times reads
    LANGUAGE = "language"  # a string


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
    messages of which some leaves were found all the same.
    """

    columns: Sequence[Sequence[Leaf] | None]
    failures: Sequence[Failure] = ()
    damaged: Mapping[int, Failure] = field(default_factory=dict)

    def moved(self, rows: Sequence[int], failures: Sequence[Failure]) -> "Leaves":
        """Return what was found in some rows of a batch as found in the batch, whose others failed.

        ``rows`` are theirs in the batch.
        """
        own = (replace(each, row=rows[each.row]) for each in self.failures)
        damaged = {rows[row]: replace(each, row=rows[row]) for row, each in self.damaged.items()}
        every = sorted((*failures, *own), key=lambda each: each.row)
        return Leaves(self.columns, every, damaged)
