"""One bundle's escalations on their way: answered from the cache, sent to the engine, or deferred.

Of equal posts in a bundle one is asked about, and the others wait for its answer. A long post is
asked about window by window, until one violates. Policies in
shadow are judged within a budget of their own, so that they take nothing from those that count.

A near-copy of a judged post may take its verdict (see ``reuse``); those of posts that are being
judged do not wait for them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import xxhash

from weir.policies.policy import Policy, Status
from weir.transforms.judge.budget import Allowance, Candidate, decide
from weir.transforms.judge.cache import Fingerprint, fingerprints, without_cost
from weir.transforms.judge.engine import Completion, Request
from weir.transforms.judge.harmony.windows import windows
from weir.transforms.judge.in_flight import Failed, InFlight, Result
from weir.transforms.judge.long_posts import Read, read
from weir.transforms.judge.near_copies import Post, Source
from weir.transforms.judge.reuse import NearCopy
from weir.transforms.judge.rows import Dead, Deferred, Judged, Provenance, Row, judged_id
from weir.transforms.judge.shared import SharedEngine
from weir.transforms.judge.verdict import Verdict, parse
from weir.transforms.records import Outcome, Route

# With a budget, escalations are weighed against each other: this many, or a whole bundle of fewer.
_WEIGHED_ROWS = 1024

Ended = Judged | Dead | Deferred


@dataclass(frozen=True)
class Escalated:
    """A row of an ESCALATION batch, and the policy in force for it."""

    row: Row
    policy: Policy


@dataclass(frozen=True)
class _Asked:
    escalated: Escalated
    post: Fingerprint | None  # None where the cache has no say
    kept: float = 1.0
    unread: tuple[str, ...] = ()  # windows of a long post, that asked about first; none yet: ()
    tokens_cut: int = 0  # of the post, that are in no window
    read: Read | None = None  # what was said of the windows before
    near: Post | None = None  # None where near-copies have no say
    checks: Source | None = None  # whose verdict it would have taken

    @property
    def equals(self) -> tuple[bytes, str] | None:
        """What the equal posts of a bundle have in common."""
        return None if self.post is None else (self.post.exact, self.escalated.policy.version)


@dataclass
class _Lane:
    """Escalations that are weighed against each other, and what may be spent on them."""

    allowance: Allowance
    waiting: list[_Asked] = field(default_factory=list)


class Bundle:
    """Takes escalations and gives each back once: judged, dead or deferred. Of one thread."""

    def __init__(
        self, shared: SharedEngine, timeout_seconds: float, provenance: Provenance | None = None
    ) -> None:
        self._cache = shared.cache
        # A near-copy's row names the decision that its verdict is from, and provenance is in that.
        self._provenance = provenance
        self._reuse = None if provenance is None else shared.reuse
        self._live, self._shadow = _Lane(shared.allowance), _Lane(shared.shadow_allowance)
        self._in_flight: InFlight[_Asked] = InFlight(shared, timeout_seconds)
        self._equal: dict[tuple[bytes, str], list[_Asked]] = {}  # to one that is asked about
        self._content_tokens = shared.engine.content_tokens

    def take(self, batch: pa.RecordBatch, escalated: Sequence[Escalated]) -> Iterator[Ended]:
        """Start on rows of the batch, and yield what has ended meanwhile."""
        posts = fingerprints(batch["text"]) if self._cache.on else None
        near = self._reuse.posts(batch) if self._reuse is not None else [None] * batch.num_rows
        routes = batch["route"]
        for each in escalated:
            number = each.row.number
            audit = routes[number].as_py() == Route.AUDIT
            post = None if audit or posts is None else posts[number]
            asked = _Asked(each, post, near=near[number])
            known = self._cache.get(post, each.policy.version) if post else None
            if known is not None:
                yield _copy(asked, known, parse(known, each.policy))
                continue
            nearly = self._near_copy(asked)
            if nearly is not None and not nearly.check:
                yield _reused(asked, nearly.source)
                continue
            asked = replace(asked, checks=nearly.source if nearly is not None else None)
            if not self._waits_for_equal(asked):
                self._wait([asked])
        for lane in (self._live, self._shadow):
            if not lane.allowance.limited or len(lane.waiting) >= _WEIGHED_ROWS:
                yield from self._ask(lane)

    def finish(self) -> Iterator[Ended]:
        """Yield all that has not ended yet, as each does."""
        while True:
            for lane in (self._live, self._shadow):
                yield from self._ask(lane)
            for result in self._in_flight.wait():
                yield from self._ended(result)
            if not self._live.waiting and not self._shadow.waiting:
                return

    def abandon(self) -> None:
        """Give up what is outstanding: the bundle failed and will be tried again."""
        self._in_flight.abandon()

    def _near_copy(self, asked: _Asked) -> NearCopy | None:
        if self._reuse is None or asked.near is None:
            return None
        escalated = asked.escalated
        return self._reuse.find(asked.near, escalated.policy.version, _lot(escalated.row))

    def _waits_for_equal(self, asked: _Asked) -> bool:
        if asked.equals is None:
            return False
        if asked.equals in self._equal:
            self._equal[asked.equals].append(asked)
            return True
        self._equal[asked.equals] = []
        return False

    def _lane(self, asked: _Asked) -> _Lane:
        shadow = asked.escalated.policy.status == Status.SHADOW
        return self._shadow if shadow else self._live

    def _wait(self, asked: Sequence[_Asked]) -> None:
        for each in asked:
            self._lane(each).waiting.append(each)

    def _ask(self, lane: _Lane) -> Iterator[Ended]:
        waiting, lane.waiting = lane.waiting, []
        if lane.allowance.limited:
            affordable = lane.allowance.take(len(waiting))
            decision = decide([_candidate(each.escalated.row) for each in waiting], affordable)
            for number in decision.defer:
                yield from self._deferred(waiting[number], decision.audits_kept)
            waiting = [
                replace(waiting[number], kept=waiting[number].kept * decision.audits_kept)
                if _route(waiting[number].escalated.row) == Route.AUDIT
                else waiting[number]
                for number in decision.judge
            ]
        waiting = [self._in_windows(each) for each in waiting]
        for result in self._in_flight.submit(waiting, [_request(each) for each in waiting]):
            yield from self._ended(result)

    def _in_windows(self, asked: _Asked) -> _Asked:
        if asked.unread:
            return asked
        found = windows(_text(asked), self._content_tokens)
        return replace(asked, unread=found.texts, tokens_cut=found.tokens_cut)

    def _deferred(self, asked: _Asked, audits_kept: float) -> Iterator[Ended]:
        for each in (asked, *self._equals_of(asked)):
            route = _route(each.escalated.row)
            out_of_sample = route == Route.AUDIT and audits_kept < 1
            yield Deferred(each.escalated.row, Route.DEFERRED if out_of_sample else route)

    def _ended(self, result: Result[_Asked]) -> Iterator[Ended]:
        asked, answer = result.origin, result.answer
        row, policy = asked.escalated.row, asked.escalated.policy
        lane = self._lane(asked)
        if isinstance(answer, Failed):
            lane.allowance.spend(None)
            self._wait(self._equals_of(asked))
            yield Dead(row, answer)
            return
        lane.allowance.spend(_computed(answer))
        said = read(answer, policy, result.latency_ms, asked.read, asked.tokens_cut)
        verdict = said.verdict
        if verdict.outcome != Outcome.VIOLATES and len(asked.unread) > 1:
            self._wait([replace(asked, unread=asked.unread[1:], read=said)])
            return
        equals = self._equals_of(asked)
        self._check(asked, verdict)
        yield Judged(
            row,
            policy,
            said.completion,
            verdict,
            said.latency_ms,
            kept=asked.kept,
            near=asked.checks,
        )
        if verdict.outcome == Outcome.INDETERMINATE:
            self._wait(equals)
            return
        violates = verdict.outcome == Outcome.VIOLATES
        if asked.post is not None:
            self._cache.put(asked.post, policy.version, said.completion, violates=violates)
        if self._reuse is not None and self._provenance is not None and asked.near is not None:
            decision_id = judged_id(row, policy, self._provenance)
            source = Source(decision_id, violates, asked.near, without_cost(said.completion))
            self._reuse.put(source, policy.version)
        for equal in equals:
            yield _copy(equal, without_cost(said.completion), verdict)

    def _check(self, asked: _Asked, verdict: Verdict) -> None:
        """Compare a verdict with that of the source: one that is indeterminate does not agree."""
        if self._reuse is not None and asked.checks is not None:
            policy = asked.escalated.policy
            agreed = verdict.outcome == asked.checks.outcome
            self._reuse.record(asked.checks, policy.version, policy.policy_id, agreed=agreed)

    def _equals_of(self, asked: _Asked) -> list[_Asked]:
        return [] if asked.equals is None else self._equal.pop(asked.equals, [])


def _copy(asked: _Asked, completion: Completion, verdict: Verdict) -> Judged:
    escalated = asked.escalated
    return Judged(escalated.row, escalated.policy, completion, verdict, 0.0, cached=True)


def _reused(asked: _Asked, source: Source) -> Judged:
    policy = asked.escalated.policy
    copy = _copy(asked, source.completion, parse(source.completion, policy))
    return replace(copy, near=source)


def _text(asked: _Asked) -> str:
    row = asked.escalated.row
    text: str = row.batch["text"][row.number].as_py()
    return text


def _request(asked: _Asked) -> Request:
    row, policy = asked.escalated.row, asked.escalated.policy
    return Request(f"{row.batch['offset'][row.number]}-{policy.policy_id}", asked.unread[0], policy)


def _route(row: Row) -> Route:
    return Route(row.batch["route"][row.number].as_py())


def _lot(row: Row) -> bytes:
    """Return what is drawn by: position and policy, the same when a bundle is retried."""
    names = ("topic", "partition", "offset", "policy_id")
    lot = "\x00".join(str(row.batch[name][row.number]) for name in names)
    return lot.encode("utf-8", "surrogatepass")


def _candidate(row: Row) -> Candidate:
    draw = xxhash.xxh3_64_intdigest(_lot(row), _LOTS)
    return Candidate(_route(row), row.batch["score"][row.number].as_py(), draw)


_LOTS = 0x6C6F7473  # another hash than the one that chose the audits


def _computed(completion: Completion) -> int | None:
    """Return the tokens that the engine had to compute, as far as it counted them."""
    if completion.tokens_in is None and completion.tokens_out is None:
        return None
    prompt = (completion.tokens_in or 0) - (completion.tokens_cached or 0)
    return max(0, prompt) + (completion.tokens_out or 0)
