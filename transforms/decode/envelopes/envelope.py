"""What an envelope says: where the post lies in it, and what became of that post."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weir.transforms.arrays import Mask
from weir.transforms.decode.fates import Fates
from weir.transforms.decode.leaves import Leaf, Path, Wanted
from weir.transforms.decode.rules import texts_of


@dataclass
class Seen:
    """The rows of a batch that could be read: their leaves, and those of the post in each.

    A rule may put other columns in place of the post's.
    """

    format: str
    batch: pa.RecordBatch  # MESSAGE rows
    leaves: Mapping[Path, Sequence[Leaf]]
    texts: Sequence[Leaf]
    ids: Sequence[Leaf]
    times: Sequence[Leaf] | None  # None where the format has none
    languages: Sequence[Leaf]
    authors: Sequence[Leaf] | None  # None where they are not asked for
    context: Sequence[Leaf] | None = None  # None where it is not asked for
    # When what happened to the post did, where that is told apart from the post's own time.
    happened: Sequence[Leaf] | None = None
    _written: dict[tuple[Path, ...], pa.Array] = field(default_factory=dict)

    def column(self, *paths: Path) -> Sequence[Leaf]:
        """Return the first leaf of each row that stands at one of the paths."""
        return first_of([self.leaves[path] for path in paths])

    def says(self, value: str | Sequence[str], *paths: Path) -> Mask:
        """Return in which rows the leaf at one of the paths is the value, or one of them."""
        if paths not in self._written:
            self._written[paths] = texts_of(self.column(*paths))
        return _is_in(self._written[paths], [value] if isinstance(value, str) else value)


def among(leaves: Sequence[Leaf], values: Sequence[str]) -> Mask:
    """Return which leaves are one of the values."""
    return _is_in(texts_of(leaves), values)


def _is_in(written: pa.Array, values: Sequence[str]) -> Mask:
    mask: Mask = pc.is_in(written, pa.array(values, pa.string())).to_numpy(zero_copy_only=False)
    return mask


def there(leaves: Sequence[Leaf]) -> Mask:
    """Return where anything stands."""
    return np.fromiter((leaf is not None for leaf in leaves), np.bool_, len(leaves))


def first_of(columns: Sequence[Sequence[Leaf]]) -> Sequence[Leaf]:
    """Return for each row the first of its leaves that is there."""
    first, *others = columns
    for other in others:
        if not any(leaf is None for leaf in first):
            break
        first = [b if a is None else a for a, b in zip(first, other, strict=True)]
    return first


def _as_it_is(values: pa.Array) -> pa.Array:
    return values


def _nothing(seen: Seen, fates: Fates) -> None:
    """Leave every message what it is."""


@dataclass(frozen=True)
class Envelope:
    """Where the fields of a post lie, and what else says what became of it.

    The text's path begins at one of ``inside``; those of id, time, language and author may begin at
    one of ``beside`` as well, and are looked for in the whole message at last. ``fields`` are what
    field options mean that nobody has set. ``opened`` gives JSON messages as their fields are found
    in, where an envelope may hide these.
    """

    inside: tuple[Path, ...] = ((),)
    beside: tuple[Path, ...] = ()
    times: tuple[Path, ...] = ()  # of a post that has no time of its own
    reads: tuple[Wanted, ...] = ()
    fields: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    rule: Callable[[Seen, Fates], None] = _nothing
    opened: Callable[[pa.Array], pa.Array] = _as_it_is
    tells_changes: bool = False  # of posts: edits and deletions
    tombstones: str = "dead-letter"


PLAIN = Envelope()
