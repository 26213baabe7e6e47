"""Offsets that a run has decided already, and what is left of a slice without them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from weir.transforms.arrays import Ints
from weir.transforms.process.offset_ledger import Partition
from weir.transforms.read.find_slices import Slice

# A stretch of fewer offsets is read with what is around it: that costs less than another reader.
_WORTH_OFFSETS = 1_000


@dataclass(frozen=True, eq=False)
class Decided:
    """Stretches of offsets by partition: where each starts, and the offset after its last."""

    stretches: Mapping[Partition, tuple[Ints, Ints]] = field(default_factory=dict)

    @classmethod
    def of(cls, stretches: Iterable[tuple[str, int, int, int]]) -> "Decided":
        """Return the stretches given as topic, partition, start and stop; none may overlap."""
        partitions = groupby(sorted(stretches), key=lambda each: each[:2])
        return cls({key: _columns([each[2:] for each in group]) for key, group in partitions})

    @property
    def offsets(self) -> int:
        """Return how many offsets there are in all."""
        return int(sum((stops - starts).sum() for starts, stops in self.stretches.values()))

    def mask(self, topic: str, partition: int, offsets: Ints) -> npt.NDArray[np.bool_]:
        """Return which of the offsets are decided."""
        if (topic, partition) not in self.stretches:
            return np.zeros(len(offsets), bool)
        starts, stops = self.stretches[topic, partition]
        place = np.searchsorted(starts, offsets, "right") - 1
        found: npt.NDArray[np.bool_] = (place >= 0) & (offsets < stops[place])
        return found

    def within(self, part: Slice) -> int:
        """Return how many offsets of a slice are decided."""
        if (part.topic, part.partition) not in self.stretches:
            return 0
        starts, stops = self.stretches[part.topic, part.partition]
        return int(
            np.maximum(0, np.minimum(stops, part.stop) - np.maximum(starts, part.start)).sum()
        )

    def left_of(self, part: Slice) -> list[Slice]:
        """Return what has to be read of a slice: all but the longer stretches."""
        left, position = [], part.start
        starts, stops = self.stretches.get((part.topic, part.partition), _NOTHING)
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
            first, last = max(start, position), min(stop, part.stop)
            whole = first == position and last == part.stop
            if last - first >= _WORTH_OFFSETS or (whole and last > first):
                if first > position:
                    left.append(part._replace(start=position, stop=first))
                position = last
        if position < part.stop:
            left.append(part._replace(start=position))
        return left


def _columns(pairs: list[Any]) -> tuple[Ints, Ints]:
    columns = np.array(pairs, np.int64)
    return columns[:, 0].copy(), columns[:, 1].copy()


_NOTHING: tuple[Ints, Ints] = (np.array([], np.int64), np.array([], np.int64))
