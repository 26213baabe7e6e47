"""The words of many folded rows at once, as 32-bit hashes."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Hashes = npt.NDArray[np.uint32]

MIX = np.uint32(0x9E3779B1)
PRIME = np.uint32(0x01000193)
_INVERSE = np.uint32(pow(int(PRIME), -1, 1 << 32))
_WORD = np.array([b > 127 or chr(b).isalnum() or b == ord("'") for b in range(256)])


def words(text: Bytes) -> tuple[Hashes, npt.NDArray[np.intp]]:
    """Return the hash of each word of folded UTF-8, and where it starts.

    A word is a run of letters, digits, apostrophes and whatever is not ASCII. ``text`` begins and
    ends with a byte that is none of these.
    """
    is_word = _WORD[text]
    edges = np.flatnonzero(is_word[1:] != is_word[:-1]) + 1
    starts, stops = edges[0::2], edges[1::2]
    forward, backward = _powers(1 << len(text).bit_length())
    # The polynomial hash of any stretch is a difference of prefix sums, moved to its start.
    prefix = np.zeros(len(text) + 1, np.uint32)
    np.cumsum((text + np.uint32(1)) * backward[: len(text)], out=prefix[1:], dtype=np.uint32)
    found = (prefix[stops] - prefix[starts]) * forward[starts]
    found ^= found >> np.uint32(15)
    found *= MIX
    return found, starts


@lru_cache(maxsize=2)
def _powers(size: int) -> tuple[Hashes, Hashes]:
    """Return the powers of the prime and of its inverse modulo 2^32."""
    forward, backward = np.full((2, size), PRIME, np.uint32)
    backward[:] = _INVERSE
    forward[0] = backward[0] = 1
    return np.cumprod(forward, dtype=np.uint32), np.cumprod(backward, dtype=np.uint32)
