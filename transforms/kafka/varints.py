"""Zigzag varints, as Kafka and Protocol Buffers write them: one by one, and a column at a time."""

from typing import Any

import numpy as np

from weir.transforms.arrays import Ints

Bytes = np.ndarray[Any, np.dtype[np.uint8]]

_LAST_SHIFT = 63  # the tenth byte of a varint holds its 64th bit, and nothing else


class VarintError(IndexError):
    """A varint goes on beyond 64 bits."""


def varint(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """Return the number that begins at a position, and the position after it.

    Raises IndexError where the data ends before it, VarintError where it has more than 64 bits.
    """
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > _LAST_SHIFT:
            raise VarintError
    if value >> 64:
        raise VarintError
    return (value >> 1) ^ -(value & 1), at


def varints(data: Bytes, at: Ints) -> tuple[Ints, Ints]:
    """Return the numbers that begin at some positions, and the positions after them.

    Positions must not be negative. Raises as ``varint`` does.
    """
    byte = data[at]
    value = (byte & 0x7F).astype(np.uint64)
    at = at + 1
    shift = 7
    longer = np.flatnonzero(byte > 0x7F)
    while longer.size:
        byte = data[at[longer]]
        if shift > _LAST_SHIFT or (shift == _LAST_SHIFT and (byte > 1).any()):
            raise VarintError
        value[longer] |= (byte & 0x7F).astype(np.uint64) << np.uint64(shift)
        at[longer] += 1
        longer = longer[byte > 0x7F]
        shift += 7
    return ((value >> np.uint64(1)) ^ (~(value & np.uint64(1)) + np.uint64(1))).view(np.int64), at
