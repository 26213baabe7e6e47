"""What becomes of each message of a batch: a post, or one of the things that are no post."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from weir.transforms.arrays import Ints, Mask


@dataclass(frozen=True)
class LeftOut:
    """Rows of a batch that are no posts, as was foreseen; ``kind`` is one of a few words."""

    kind: str
    rows: Ints


@dataclass(frozen=True)
class Failed:
    """Why rows are neither posts nor anything that was foreseen."""

    reason: str
    error: str  # a sentence without anything of the message
    sure: bool = False  # whatever a format found wrong with the value


class Fates:
    """Gives each row one fate, the first that is said of it; what none is said of is a post."""

    def __init__(self, rows: int) -> None:
        self.posts: Mask = np.ones(rows, np.bool_)  # no other fate so far
        self.edited: Mask = np.zeros(rows, np.bool_)  # of the posts
        self.deleted: Mask = np.zeros(rows, np.bool_)
        self._left_out: dict[str, Mask] = {}
        self._failed: list[tuple[Failed, Mask]] = []

    def leave_out(self, kind: str, rows: Mask) -> None:
        """Say that rows are no posts, and nothing is wrong with them."""
        if (rows := self._taken(rows)).any():
            self._left_out[kind] = self._left_out.get(kind, np.zeros_like(rows)) | rows

    def fail(self, why: Failed, rows: Mask) -> None:
        """Say that rows cannot be read."""
        if (rows := self._taken(rows)).any():
            self._failed.append((why, rows))

    def delete(self, rows: Mask) -> None:
        """Say that rows take a post back."""
        self.deleted |= self._taken(rows)

    def fail_deleted(self, why: Failed, rows: Mask) -> None:
        """Say that rows take a post back, but not which."""
        if (rows := rows & self.deleted).any():
            self.deleted &= ~rows
            self._failed.append((why, rows))

    def edit(self, rows: Mask) -> None:
        """Say that rows are newer versions of posts."""
        self.edited |= rows & self.posts

    @property
    def all_posts(self) -> bool:
        """Return whether every row is a post, the first version as far as is known."""
        return bool(self.posts.all()) and not self.edited.any()

    def left_out(self) -> Iterator[LeftOut]:
        """Yield the rows that are left out, a kind at a time."""
        for kind, rows in self._left_out.items():
            yield LeftOut(kind, np.flatnonzero(rows))

    def failed(self) -> Iterator[tuple[int, Failed]]:
        """Yield each row that cannot be read, and why."""
        for why, rows in self._failed:
            for row in np.flatnonzero(rows).tolist():
                yield row, why

    def _taken(self, rows: Mask) -> Mask:
        free: Mask = rows & self.posts
        self.posts &= ~free
        return free
