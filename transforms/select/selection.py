"""The posts of a slice that are decided anew: a sample, a set of content ids, or both."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from weir.transforms.screen.route import draw_posts

Fingerprints = npt.NDArray[np.uint64]

_SALT = "replay"  # another draw than the audit's: a sample of its posts would be no sample of all
_SEED = xxhash.xxh3_64_intdigest(b"content id")


@dataclass(frozen=True, eq=False)
class Selection:
    """A ``share`` in (0, 1] of the posts, and of them those with these ids; None is all.

    The share is drawn by a hash of the content id, so that a post is in each larger sample, and
    in every run's of the same share; ``salt`` is the secret of the draw.
    """

    share: float = 1.0
    ids: Fingerprints | None = None  # sorted, as ``fingerprints`` returns them
    salt: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"The share is {self.share}; it must be above 0, and 1 at most")

    @property
    def all(self) -> bool:
        """Return whether nothing is left out."""
        return self.share == 1 and self.ids is None

    @property
    def digest(self) -> str:
        """Return what tells a set of ids from another; empty where there is none."""
        return "" if self.ids is None else xxhash.xxh3_128_hexdigest(self.ids.tobytes())

    def mask(self, content_ids: pa.StringArray) -> npt.NDArray[np.bool_]:
        """Return which of the posts are selected."""
        chosen = draw_posts(content_ids, self.share, _SALT + self.salt)
        if self.ids is None:
            return chosen
        if not len(self.ids):
            return np.zeros(len(chosen), bool)
        wanted = _hashed(content_ids.to_pylist())
        place = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        found: npt.NDArray[np.bool_] = chosen & (self.ids[place] == wanted)
        return found


def fingerprints(content_ids: Iterable[str]) -> Fingerprints:
    """Return ids as a set that is small enough to travel: 8 bytes each.

    Of a million ids and a hundred million posts, one post is taken for another once in 200,000
    replays.
    """
    return np.unique(_hashed(list(content_ids)))


def _hashed(ids: list[Any]) -> Fingerprints:
    draw = xxhash.xxh3_64_intdigest
    return np.fromiter(
        (draw(i.encode("utf-8", "surrogatepass"), _SEED) for i in ids), np.uint64, len(ids)
    )
