"""The thresholds of every head and language, as the posts of a stream go by."""

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from weir.transforms.screen.thresholds.group import Group, Move
from weir.transforms.screen.thresholds.sketch import Floats, Mask
from weir.transforms.text.languages import GROUPS, Groups

_KEY_BITS = 16  # 65,536 posts are remembered, 0.5 MB
_MULTIPLIERS = np.random.default_rng(13).integers(0, 1 << 63, 1024, np.uint64) | np.uint64(1)


@dataclass(frozen=True)
class Moved:
    """A threshold that is another from now on, and the version of its language's thresholds."""

    language: str
    version: str
    move: Move


@dataclass(frozen=True, eq=False)
class Cut:
    """What the thresholds make of a batch, each (rows, heads), and ``versions`` (rows,).

    ``over`` is at its threshold and beyond the bound of a surge: to be deferred.
    """

    thresholds: Floats
    over: Mask
    versions: npt.NDArray[np.object_]
    moved: tuple[Moved, ...]


@dataclass(frozen=True)
class Known:
    """A threshold that an earlier run had: ``cut`` is a logit."""

    head: int
    language: str
    cut: float
    within: float  # logits that it may have moved by since


@dataclass(eq=False)
class StreamThresholds:
    """The thresholds in one process; for all of its threads.

    ``shares`` is (heads,). ``name`` is what versions are versions of: the screen.
    """

    name: str
    shares: Floats
    follows: bool = True

    def __post_init__(self) -> None:
        self._groups: dict[int, Group] = {}
        self._versions: dict[int, str] = {}
        self._seen = np.zeros(1 << _KEY_BITS, np.uint64)
        self._lock = threading.Lock()

    def cut(self, scores: Floats, languages: Groups, now: float) -> Cut:
        """Take in a batch's (rows, heads) scores in [0, 1], and say which of them are above.

        ``languages`` is (rows,), ``now`` in seconds of a clock that never goes back.
        """
        result = Cut(
            np.empty(scores.shape),
            np.zeros(scores.shape, bool),
            np.empty(len(scores), object),
            (),
        )
        moved: list[Moved] = []
        with self._lock:
            fresh = self._fresh(scores)
            for code in np.unique(languages).tolist():
                rows = np.flatnonzero(languages == code)
                group = self._groups.get(code)
                if group is None:
                    group = self._groups[code] = Group(self.shares, now, follows=self.follows)
                moves = group.learn(scores[rows], fresh[rows], now)
                if moves:
                    moved += self._moved(code, group, moves)
                result.thresholds[rows] = expit(group.cuts)
                result.over[rows] = group.over(scores[rows], fresh[rows])
                result.versions[rows] = self._versions[code]
        return Cut(result.thresholds, result.over, result.versions, tuple(moved))

    def begin(self, known: Sequence[Known]) -> None:
        """Keep near the thresholds of an earlier run what the posts seen so far would move."""
        with self._lock:
            for code, group in self._groups.items():
                for each in known:
                    if each.language == GROUPS[code]:
                        cuts = np.full(len(self.shares), np.nan)
                        cuts[each.head] = each.cut
                        group.begin(cuts, each.within)
                self._versions[code] = self._version(code, group)

    def surges(self) -> dict[tuple[int, str], bool]:
        """Return, by head and language, whether many more posts are above than there should be."""
        with self._lock:
            return {
                (head, GROUPS[code]): bool(group.surging[head])
                for code, group in self._groups.items()
                for head in range(len(self.shares))
            }

    def _fresh(self, scores: Floats) -> Mask:
        """Return which posts are no copy of one of the latest: a copy has the very same scores."""
        bits = np.ascontiguousarray(scores).view(np.uint64)
        keys = (bits * _MULTIPLIERS[: scores.shape[1]]).sum(axis=1, dtype=np.uint64)
        places = (keys >> np.uint64(64 - _KEY_BITS)).astype(np.intp)
        unknown = self._seen[places] != keys
        self._seen[places] = keys
        first = np.zeros(len(keys), bool)
        first[np.unique(keys, return_index=True)[1]] = True
        return np.asarray(unknown & first)

    def _moved(self, code: int, group: Group, moves: Sequence[Move]) -> list[Moved]:
        """Return moves under the version of all of the language's thresholds together."""
        version = self._version(code, group)
        known = {move.head: move for move in moves}
        if version != self._versions.get(code):  # all of its rows, so that a version is whole
            self._versions[code] = version
            rest = (h for h in range(len(self.shares)) if h not in known)
            moves = [*moves, *(group.standing(head) for head in rest)]
        return [Moved(GROUPS[code], version, move) for move in moves]

    def _version(self, code: int, group: Group) -> str:
        content = f"{self.name}:{GROUPS[code]}:".encode() + group.cuts.tobytes()
        return hashlib.sha256(content).hexdigest()[:16]
