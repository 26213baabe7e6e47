"""A slice of history, as a job decides it anew."""

from dataclasses import dataclass, field

from weir.transforms.read.find_slices import Slice
from weir.transforms.select.decided_offsets import Decided
from weir.transforms.select.selection import Selection


@dataclass(frozen=True)
class Replayed:
    """What is read of the slice, and which of its posts are decided.

    ``decided`` is what an earlier attempt of the same run has left behind, and ``slices`` is the
    whole without the longer stretches of that.
    """

    whole: tuple[Slice, ...]
    slices: tuple[Slice, ...]
    selection: Selection = field(default_factory=Selection)
    decided: Decided = field(default_factory=Decided)

    @classmethod
    def of(cls, whole: tuple[Slice, ...], selection: Selection, decided: Decided) -> "Replayed":
        """Return what is left of a slice."""
        left = tuple(rest for part in whole for rest in decided.left_of(part))
        return cls(whole, left, selection, decided)

    @property
    def offsets(self) -> int:
        """Return how many offsets are to be read."""
        return sum(each.stop - each.start for each in self.slices)

    @property
    def undecided(self) -> int:
        """Return how many of them were not decided yet."""
        return self.offsets - sum(self.decided.within(each) for each in self.slices)
