"""Stretches of a buffer, and the Arrow array that they make."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from weir.transforms.arrays import Ints


@dataclass(frozen=True)
class Spans:
    """Stretches of the data, in its order; a negative length is a null."""

    starts: Ints
    lengths: Ints

    def take_from(self, data: bytes) -> pa.BinaryArray:
        """Return the stretches as one array: Arrow copies every other one of an array of all."""
        rows = len(self.starts)
        if not rows:
            return pa.array([], pa.binary())
        bounds = np.empty(2 * rows, np.int32)
        bounds[0::2] = self.starts
        bounds[1::2] = self.starts + np.maximum(self.lengths, 0)
        everything = pa.BinaryArray.from_buffers(
            pa.binary(), 2 * rows - 1, [None, pa.py_buffer(bounds), pa.py_buffer(data)]
        )
        missing = self.lengths < 0
        return everything.take(
            pa.array(np.arange(0, 2 * rows, 2), mask=missing if missing.any() else None)
        )
