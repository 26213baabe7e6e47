"""What one screen decides with: the thresholds that follow the stream, and the certified ones."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from weir.policies.policy import PolicySet
from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.model import Scored, Screen, score_all
from weir.transforms.screen.route import (
    ESCALATE,
    Codes,
    Heads,
    ScreenSettings,
    draw_pairs,
    draw_posts,
    routes,
)
from weir.transforms.screen.selectivity import worth
from weir.transforms.screen.thresholds.allocation import Asked
from weir.transforms.screen.thresholds.group import Move
from weir.transforms.screen.thresholds.stream import Known, Standing, StreamThresholds
from weir.transforms.text.languages import GROUPS, Groups

COMPARED_AUDITS = 0.5  # of what a screen in shadow would send, and the one that decides clears
UNSEEN_AUDITS = 2.0  # times the audit rate, in a language that a head has not seen


@dataclass(frozen=True)
class Start:
    """What the latest posts of a stream say of one screen; small enough to travel with a step.

    ``sample`` has a row a post: its language and the scores of the heads, as Arrow IPC. What the
    stream brought until ``taken_at``, in seconds since 1970, moves no threshold.
    """

    screen_version: str
    sample: bytes
    known: tuple[Known, ...] = ()
    taken_at: float = field(default_factory=time.time)

    @classmethod
    def of(cls, screen: Screen, texts: Sequence[str], known: Sequence[Known] = ()) -> "Start":
        """Return what these posts say of a screen."""
        return cls.of_read(screen, score_all([screen], pa.array(texts, pa.string())), known)

    @classmethod
    def of_read(cls, screen: Screen, read: Scored, known: Sequence[Known] = ()) -> "Start":
        """Return what posts say that the screen, the first of ``read``, has read."""
        readable = ~read.empty
        scores = read.scores[0][readable].astype(np.float32)
        batch = pa.RecordBatch.from_arrays(
            [
                pa.array(read.languages[readable]),
                pa.FixedSizeListArray.from_arrays(pa.array(scores.ravel()), scores.shape[1]),
            ],
            names=["language", "scores"],
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        return cls(screen.version, sink.getvalue().to_pybytes(), tuple(known))

    def posts(self) -> tuple[Floats, Groups]:
        """Return the (posts, heads) scores and the (posts,) languages."""
        with pa.ipc.open_stream(self.sample) as stream:
            batch = stream.read_all().combine_chunks().to_batches()
        if not batch:
            return np.zeros((0, 0)), np.zeros(0, np.uint8)
        scores = batch[0]["scores"]
        values = scores.flatten().to_numpy().astype(np.float64)
        languages = batch[0]["language"].to_numpy(zero_copy_only=False)
        return values.reshape(len(scores), -1), languages.astype(np.uint8)


@dataclass(frozen=True)
class StreamShares:
    """That heads are open for shares of the stream: how much is asked, and where to begin.

    ``own`` has the shares of policies that have one of their own. With ``follows`` false the
    thresholds stay where the start puts them, and with ``young`` false those of the screen's file
    decide on no language, however few posts of it were seen.
    """

    asked: Asked
    starts: tuple[Start, ...] = ()
    follows: bool = True
    young: bool = True
    own: tuple[tuple[str, float], ...] = ()

    def of_heads(self, screen: Screen, policies: PolicySet, audit_rate: float) -> Floats:
        """Return the share of each head of a screen, in [0, 1].

        A head of a policy that is not there has none.
        """
        there = {policy.policy_id for policy in policies.policies}
        own = dict(self.own)
        known = {each.policy_id: each for each in screen.selectivity}
        asking = [p for p in screen.policy_ids if p in there and p not in own]
        found = self.asked.shares(worth([known.get(p) for p in asking]), audit_rate)
        shares = dict(zip(asking, found.tolist(), strict=True)) | own
        return np.array([shares.get(p, 0.0) if p in there else 0.0 for p in screen.policy_ids])


@dataclass(frozen=True, eq=False)
class Decided:
    """What decides about a batch; each array is (rows, policies) unless it says otherwise."""

    scores: Floats
    heads: Heads  # with a threshold for each row
    over: Mask  # to be deferred, if it escalates
    unseen: Mask  # the language is one that the head has not seen
    versions: npt.NDArray[np.object_] | None  # (rows,); None where no threshold follows the stream
    standing: Mapping[str, Standing]


class Applied:
    """The thresholds of one screen for one set of policies, as one instance of a step uses them."""

    def __init__(
        self,
        screen: Screen,
        policies: PolicySet,
        shares: StreamShares | None,
        run: str,
        audit_rate: float,
    ) -> None:
        self.heads = Heads.of(screen, policies)
        seen = {each.policy_id: set(each.languages) for each in screen.selectivity}
        # What says nothing of languages is taken at its word for all of them.
        self._seen = np.array(
            [[p not in seen or name in seen[p] for p in screen.policy_ids] for name in GROUPS]
        )
        found = [screen.certificate(policy_id) for policy_id in screen.policy_ids]
        certified = np.array([bool(each and each.certified) for each in found])
        # What clears nothing keeps its promise in any language.
        self._certified = certified & (self._seen | (screen.thresholds == 0))
        self._fixed, self._policy_ids = screen.thresholds, screen.policy_ids
        self._state: StreamThresholds | None = None
        if shares is not None:
            of_heads = shares.of_heads(screen, policies, audit_rate)
            # In a language that a head has not seen the file's threshold means nothing.
            careful = np.where(self._seen & shares.young, screen.thresholds, np.inf)
            self._state = _state(screen, shares, run, of_heads, careful)

    @property
    def surges(self) -> int:
        """Return of how many heads and languages too many posts are above the threshold."""
        return self._state.surges() if self._state else 0

    def moves_of(self, standing: Standing) -> list[tuple[str, Move]]:
        """Return the thresholds that decide, of a policy that is there, with its id."""
        certified = self._certified[GROUPS.index(standing.language)]
        return [
            (self._policy_ids[head], standing.moves[head])
            for head in self.heads.column.tolist()
            if head >= 0 and not certified[head]
        ]

    def decide(self, scores: Floats, read: Scored, now: float) -> Decided:
        """Return what decides about posts with these (rows, heads) scores.

        ``now`` is where the stream is: ``stream_time`` of the posts.
        """
        column = self.heads.column
        unseen = self._of_policies(~self._seen[read.languages])
        if self._state is None:
            none = np.zeros((len(scores), len(column)), bool)
            return Decided(self.heads.scores(scores), self.heads, none, unseen, None, {})
        readable = np.flatnonzero(~read.empty)
        cut = self._state.cut(scores[readable], read.languages[readable], now)
        above, over = np.zeros((2, *scores.shape), bool)
        above[readable], over[readable] = cut.above, cut.over
        certified = self._certified[read.languages]
        # A row's own: equal scores are above or below as their lots say.
        thresholds = np.where(certified, self._fixed, np.where(above, 0.0, np.inf))
        versions = np.full(len(scores), None, object)
        versions[readable] = cut.versions
        return Decided(
            self.heads.scores(scores),
            replace(self.heads, thresholds=np.where(column < 0, 0.0, thresholds[:, column])),
            self._of_policies(over & ~certified),
            unseen,
            versions,
            cut.standing,
        )

    def _of_policies(self, of_heads: Mask) -> Mask:
        return of_heads[:, self.heads.column] & (self.heads.column >= 0)


@dataclass(frozen=True, eq=False)
class Routed:
    """What becomes of a batch: of the screen that decides first, and of those in shadow."""

    decided: list[Decided]
    codes: Codes
    shadow_codes: list[Codes]
    audit_rates: Floats  # (rows, policies), the chance to be audited where it is cleared


def routed_posts(
    content_ids: pa.StringArray,
    applied: Sequence[Applied],
    read: Scored,
    settings: ScreenSettings,
    now: float,
) -> Routed:
    """Route what was read: lessons and audits are drawn by ids, each by coins of its own.

    ``now`` is where the stream is: ``stream_time`` of the posts.
    """
    pairs = zip(applied, read.scores, strict=True)
    decided = [each.decide(scores, read, now) for each, scores in pairs]
    unaudited = np.zeros((len(read.empty), 1), bool)
    shadows = [routes(each.scores, each.heads, unaudited, read.empty) for each in decided[1:]]
    rates = audit_rates(settings.audit_rate, decided[0].unseen, shadows)
    codes = routes(
        decided[0].scores,
        decided[0].heads,
        draw_pairs(content_ids, rates, settings.audit_salt),
        read.empty,
        draw_posts(content_ids, settings.lesson_rate, f"{settings.audit_salt}:lessons")[:, None],
    )
    return Routed(decided, codes, shadows, rates)


def stream_time(content: pa.RecordBatch) -> float:
    """Return where a batch of CONTENT is in its stream, in seconds since 1970.

    That is the latest time that Kafka has of it, and not this machine's clock: how fast a machine
    is must not decide about posts. No post is of the future, and those without a time are of now.
    """
    times: Any = content["timestamp"]
    latest = pc.max(times.cast(pa.int64())).as_py()
    now = time.time()
    return now if latest is None else min(now, latest / 1e6)


def audit_rates(rate: float, unseen: Mask, shadows: Sequence[Codes]) -> Floats:
    """Return each pair's chance to be audited where it is cleared, (rows, policies).

    ``unseen`` marks a language that a head has not seen. What a screen in shadow would send is
    looked at closely: where two screens differ is where one proves better.
    """
    rates = np.where(unseen, UNSEEN_AUDITS, 1.0) * rate
    if rate:
        for codes in shadows:
            rates = np.where(codes == ESCALATE, np.maximum(rates, COMPARED_AUDITS), rates)
    return np.minimum(rates, 1.0)


# Of this process, as long as an instance of the step uses them.
_states: WeakValueDictionary[tuple[str, str, StreamShares], StreamThresholds] = (
    WeakValueDictionary()
)
_lock = threading.Lock()


def _state(
    screen: Screen, shares: StreamShares, run: str, of_heads: Floats, careful: Floats
) -> StreamThresholds:
    """Return the thresholds of this process, begun where nothing of the screen was seen yet."""
    key = (run, screen.version, shares)
    with _lock:
        state = _states.get(key)
        if state is None:
            state = StreamThresholds(
                screen.version, of_heads, careful=careful, follows=shares.follows
            )
            for start in shares.starts:
                if start.screen_version == screen.version:
                    begin(state, start, screen)
            _states[key] = state
    state.ask(of_heads)
    return state


def begin(state: StreamThresholds, start: Start, screen: Screen) -> None:
    """Put thresholds where a start says."""
    scores, languages = start.posts()
    if len(scores):
        state.cut(scores, languages, start.taken_at)
        if start.known:
            state.begin(start.known, screen.policy_ids)
