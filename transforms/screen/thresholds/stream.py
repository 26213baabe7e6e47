"""The thresholds of every head and language, as the posts of a stream go by."""

import hashlib
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.thresholds.group import YOUNG, Group, Move
from weir.transforms.screen.thresholds.sketch import Sketch, places
from weir.transforms.text.languages import GROUPS, Groups

_KEY_BITS = 16  # 65,536 posts are remembered, 0.5 MB
_MULTIPLIERS = np.random.default_rng(13).integers(0, 1 << 63, 256, np.uint64) | np.uint64(1)


@dataclass(frozen=True)
class Standing:
    """The thresholds of all heads for one language under one version."""

    language: str
    version: str
    moves: tuple[Move, ...]  # one a head, in their order: the last of each


@dataclass(frozen=True, eq=False)
class Cut:
    """What the thresholds make of a batch, each (rows, heads), and ``versions`` (rows,).

    ``above`` is at its threshold or above, ``over`` of them beyond the bound of a surge: to be
    deferred. ``standing`` has what each of the versions is.
    """

    above: Mask
    over: Mask
    versions: npt.NDArray[np.object_]
    standing: Mapping[str, Standing]


@dataclass(frozen=True)
class Known:
    """A threshold that an earlier run had: ``cut`` is a logit."""

    policy_id: str
    language: str
    cut: float
    within: float  # logits that it may have moved by since


class StreamThresholds:
    """The thresholds in one process; for all of its threads.

    ``shares`` is (heads,). ``name`` is what versions are versions of: the screen. ``careful`` is
    (languages, heads): the scores in [0, 1] from which on a post is judged as long as few posts of
    the stream were seen, whatever these say; inf where nothing is known. As long as few of its
    language were seen, but many of others that are known, it is judged where it would be among all
    of these: what is few in a stream then takes no more than what was asked for.
    """

    def __init__(
        self, name: str, shares: Floats, *, careful: Floats | None = None, follows: bool = True
    ) -> None:
        self._name, self._shares, self._follows = name, shares, follows
        if careful is None:
            careful = np.full((len(GROUPS), len(shares)), np.inf)
        lowest = places(careful, np.zeros(len(careful)))  # whatever a post's lot
        self._careful = np.where(np.isinf(careful), np.inf, lowest)
        self._known = Sketch(len(shares))  # for each head, the posts in languages that it knows
        self._groups: dict[int, Group] = {}
        self._standing: dict[int, Standing] = {}
        self._seen = np.zeros(1 << _KEY_BITS, np.uint64)
        self._now = -math.inf
        self._lock = threading.Lock()

    def ask(self, shares: Floats) -> None:
        """Be open for other shares from now on."""
        with self._lock:
            if not np.array_equal(shares, self._shares):
                self._shares = shares
                for group in self._groups.values():
                    group.ask(shares)

    def cut(self, scores: Floats, languages: Groups, now: float) -> Cut:
        """Take in a batch's (rows, heads) scores in [0, 1], and say which of them are above.

        ``languages`` is (rows,), and ``now`` where the stream is, in seconds. A batch behind
        an earlier one moves nothing: time has not gone on.
        """
        above, over = np.zeros((2, *scores.shape), bool)
        versions = np.empty(len(scores), object)
        standing = {}
        with self._lock:
            self._now = now = max(self._now, now)
            fresh, lots = self._fresh(scores)
            found = places(scores, lots)
            self._known.add(found, fresh[:, None] & np.isfinite(self._careful[languages]))
            for code in np.unique(languages).tolist():
                rows = np.flatnonzero(languages == code)
                group = self._group(code, now)
                careful = self._careful_cuts(code) if group.posts < YOUNG else None
                moves = group.learn(found[rows], fresh[rows], now, careful)
                now_standing = self._stand(code, group, moves)
                above[rows] = found[rows] >= group.cuts
                over[rows] = group.over(found[rows], fresh[rows])
                versions[rows] = now_standing.version
                standing[now_standing.version] = now_standing
        return Cut(above, over, versions, standing)

    def begin(self, known: Sequence[Known], policy_ids: Sequence[str]) -> None:
        """Keep near the thresholds of an earlier run what the posts seen so far would move.

        ``policy_ids`` are those of the heads. A language of few posts goes where the next ones say:
        held for these few, they would be decided otherwise than the earlier run did.
        """
        place = {policy_id: head for head, policy_id in enumerate(policy_ids)}
        with self._lock:
            for code, group in self._groups.items():
                if group.posts < YOUNG:
                    continue
                cuts = np.full((2, len(policy_ids)), np.nan)
                for each in known:
                    if each.language == GROUPS[code] and each.policy_id in place:
                        cuts[:, place[each.policy_id]] = each.cut, each.within
                group.begin(*cuts)
                self._stand(code, group, [group.standing(head) for head in range(len(policy_ids))])

    def surges(self) -> int:
        """Return of how many heads and languages too many posts are above the threshold."""
        with self._lock:
            return sum(int(group.surging.sum()) for group in self._groups.values())

    def _group(self, code: int, now: float) -> Group:
        group = self._groups.get(code)
        if group is None:
            group = self._groups[code] = Group(self._shares, now, follows=self._follows)
        return group

    def _careful_cuts(self, code: int) -> Floats:
        """Return the logits that no threshold of a young language is above, inf where it may be."""
        of_file = self._careful[code]
        telling = self._known.counts.sum(axis=1) >= YOUNG
        cuts = np.where(telling, self._known.cuts(self._shares), of_file)
        return np.where(np.isinf(of_file), np.inf, cuts)

    def _fresh(self, scores: Floats) -> tuple[Mask, Floats]:
        """Return which posts are no copy of one of the latest, and a lot for each.

        A copy has the very same scores, and the same lot.
        """
        bits = np.ascontiguousarray(scores).view(np.uint64)
        keys = (bits * _MULTIPLIERS[: scores.shape[1]]).sum(axis=1, dtype=np.uint64)
        keys ^= keys >> np.uint64(29)
        keys *= _MULTIPLIERS[-1]
        slots = (keys >> np.uint64(64 - _KEY_BITS)).astype(np.intp)
        unknown = self._seen[slots] != keys
        self._seen[slots] = keys
        first = np.zeros(len(keys), bool)
        first[np.unique(keys, return_index=True)[1]] = True
        lots = ((keys >> np.uint64(8)) & np.uint64(0xFFFFFF)).astype(np.float64) / (1 << 24)
        return np.asarray(unknown & first), lots

    def _stand(self, code: int, group: Group, moves: Sequence[Move]) -> Standing:
        before = self._standing.get(code)
        if before is not None and not moves:
            return before
        last = {move.head: move for move in (*(before.moves if before else ()), *moves)}
        # A surge changes no threshold and is news all the same.
        content = b"".join(
            (
                f"{self._name}:{GROUPS[code]}:".encode(),
                group.cuts.tobytes(),
                group.surging.tobytes(),
            )
        )
        version = hashlib.sha256(content).hexdigest()[:16]
        standing = Standing(GROUPS[code], version, tuple(last[head] for head in sorted(last)))
        self._standing[code] = standing
        return standing
