"""What is said of messages by a field of theirs: ``FIELD=VALUE``, or ``FIELD`` for any value."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weir.transforms.arrays import Mask
from weir.transforms.decode.leaves import Leaf, Path, path_of

# What a system writes for "no" where another leaves the field out.
_NO = ("", "false", "0")


@dataclass(frozen=True)
class Rule:
    """A field, and the value that it is to have; None for any but null, false, 0 and the empty."""

    path: Path
    value: str | None

    @classmethod
    def of(cls, said: str) -> "Rule":
        """Return the rule that an option says. ValueError where it names no field."""
        field, equals, value = said.partition("=")
        if not field.strip():
            raise ValueError(f"{said!r} names no field; write FIELD=VALUE")
        return cls(path_of(field.strip()), value.strip() if equals else None)

    def __str__(self) -> str:
        """Return it as an option says it."""
        field = ".".join(self.path)
        return field if self.value is None else f"{field}={self.value}"

    def holds(self, leaves: Sequence[Leaf]) -> Mask:
        """Return for which leaves it holds: numbers and bools are compared as JSON writes them."""
        written = texts_of(leaves)
        if self.value is not None:
            found = pc.equal(written, self.value)
        else:
            found = pc.invert(pc.is_in(written, pa.array(_NO)))
            found = pc.and_(found, pc.is_valid(written))
        mask: Mask = found.fill_null(False).to_numpy(zero_copy_only=False)
        return mask


def texts_of(leaves: Sequence[Leaf]) -> pa.Array:
    """Return leaves as JSON writes them, without quotes: what they are compared by."""
    try:
        return pa.array(leaves, pa.string())
    except pa.ArrowTypeError:
        return pa.array([_written(leaf) for leaf in leaves], pa.string())


def nowhere(rows: int) -> Mask:
    """Return that nothing holds for any row."""
    return np.zeros(rows, np.bool_)


def _written(leaf: Leaf) -> str | None:
    if leaf is None or isinstance(leaf, str):
        return leaf
    return str(leaf).lower() if isinstance(leaf, bool) else str(leaf)
