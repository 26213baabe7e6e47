"""One bundle's escalations on their way: answered from the cache, sent to the engine, or deferred.

Of equal posts in a bundle one is asked about, and the others wait for its answer. A long post is
asked about window by window, until one violates. Policies in
shadow are judged within a budget of their own, so that they take nothing from those that count.
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
from weir.transforms.judge.rows import Dead, Deferred, Judged, Row
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

    def __init__(self, shared: SharedEngine, timeout_seconds: float) -> None:
        self._cache = shared.cache
        self._live, self._shadow = _Lane(shared.allowance), _Lane(shared.shadow_allowance)
        self._in_flight: InFlight[_Asked] = InFlight(shared, timeout_seconds)
        self._equal: dict[tuple[bytes, str], list[_Asked]] = {}  # to one that is asked about
        self._content_tokens = shared.engine.content_tokens

    def take(self, batch: pa.RecordBatch, escalated: Sequence[Escalated]) -> Iterator[Ended]:
        """Start on rows of the batch, and yield what has ended meanwhile."""
        posts = fingerprints(batch["text"]) if self._cache.on else None
        routes = batch["route"]
        for each in escalated:
            number = each.row.number
            audit = routes[number].as_py() == Route.AUDIT
            asked = _Asked(each, None if audit or posts is None else posts[number])
            known = self._cache.get(asked.post, each.policy.version) if asked.post else None
            if known is not None:
                yield _copy(asked, known, parse(known, each.policy))
            elif not self._waits_for_equal(asked):
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
        yield Judged(row, policy, said.completion, verdict, said.latency_ms, kept=asked.kept)
        if verdict.outcome == Outcome.INDETERMINATE:
            self._wait(equals)
            return
        if asked.post is not None:
            violates = verdict.outcome == Outcome.VIOLATES
            self._cache.put(asked.post, policy.version, said.completion, violates=violates)
        for equal in equals:
            yield _copy(equal, without_cost(said.completion), verdict)

    def _equals_of(self, asked: _Asked) -> list[_Asked]:
        return [] if asked.equals is None else self._equal.pop(asked.equals, [])


def _copy(asked: _Asked, completion: Completion, verdict: Verdict) -> Judged:
    escalated = asked.escalated
    return Judged(escalated.row, escalated.policy, completion, verdict, 0.0, cached=True)


def _text(asked: _Asked) -> str:
    row = asked.escalated.row
    text: str = row.batch["text"][row.number].as_py()
    return text


def _request(asked: _Asked) -> Request:
    row, policy = asked.escalated.row, asked.escalated.policy
    return Request(f"{row.batch['offset'][row.number]}-{policy.policy_id}", asked.unread[0], policy)


def _route(row: Row) -> Route:
    return Route(row.batch["route"][row.number].as_py())


def _candidate(row: Row) -> Candidate:
    # The lot is drawn by position and policy: the same when a bundle is retried.
    names = ("topic", "partition", "offset", "policy_id")
    lot = "\x00".join(str(row.batch[name][row.number]) for name in names)
    draw = xxhash.xxh3_64_intdigest(lot.encode("utf-8", "surrogatepass"), _LOTS)
    return Candidate(_route(row), row.batch["score"][row.number].as_py(), draw)


_LOTS = 0x6C6F7473  # another hash than the one that chose the audits


def _computed(completion: Completion) -> int | None:
    """Return the tokens that the engine had to compute, as far as it counted them."""
    if completion.tokens_in is None and completion.tokens_out is None:
        return None
    prompt = (completion.tokens_in or 0) - (completion.tokens_cached or 0)
    return max(0, prompt) + (completion.tokens_out or 0)
