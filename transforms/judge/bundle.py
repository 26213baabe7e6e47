"""One bundle's escalations on their way: answered from the cache, sent to the engine, or deferred.

Of equal posts in a bundle one is asked about, and the others wait for its answer. A post may be
asked about under several policies at once; where such an answer cannot be read as a whole, it is
asked about under each alone. A long post is asked about window by window, until one violates, and
policy by policy. What is in doubt at a policy's first effort is asked again at its second. Policies
in shadow are judged within a budget of their own, so that they take nothing from those that count.

A near-copy of a judged post may take its verdict (see ``reuse``); those of posts that are being
judged do not wait for them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from weir.policies.group import POST_TOKENS, Group
from weir.policies.policy import Status
from weir.transforms.judge.asked import Asked, computed, context_of, lot, route_of, text_of
from weir.transforms.judge.budget import Allowance, decide
from weir.transforms.judge.cache import Fingerprint, fingerprints, without_cost
from weir.transforms.judge.engine import Completion
from weir.transforms.judge.harmony.context import room_beside
from weir.transforms.judge.harmony.windows import fits, windows
from weir.transforms.judge.in_flight import Failed, InFlight, Result
from weir.transforms.judge.joint_questions import Escalated, of_one_post, said_of_each, shares
from weir.transforms.judge.long_posts import Read, read, with_costs
from weir.transforms.judge.near_copies import Source
from weir.transforms.judge.reuse import NearCopy
from weir.transforms.judge.rows import Dead, Deferred, Judged, Provenance, judged_id
from weir.transforms.judge.second_effort import climbs
from weir.transforms.judge.shared_engine import SharedEngine
from weir.transforms.judge.verdict import Verdict, parse
from weir.transforms.records import Outcome, Route

__all__ = ["Bundle", "Ended", "Escalated"]

# With a budget, escalations are weighed against each other: this many, or a whole bundle of fewer.
_WEIGHED_ROWS = 1024

Ended = Judged | Dead | Deferred


@dataclass
class _Lane:
    """Escalations that are weighed against each other, and what may be spent on them."""

    allowance: Allowance
    waiting: list[Asked] = field(default_factory=list)


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
        self._in_flight: InFlight[Asked] = InFlight(shared, timeout_seconds)
        self._equal: dict[tuple[bytes, str], list[Asked]] = {}  # to one that is asked about
        self._content_tokens = shared.engine.content_tokens
        self._answers: list[tuple[Completion, float]] = []
        self._asked_alone = 0

    def take(self, batch: pa.RecordBatch, escalated: Sequence[Escalated]) -> Iterator[Ended]:
        """Start on rows of the batch, and yield what has ended meanwhile.

        Rows of one post whose policies have a group are asked about together.
        """
        context = batch["context"] if "context" in batch.schema.names else None
        posts = fingerprints(batch["text"], context) if self._cache.on else None
        if self._reuse is not None:
            near = self._reuse.sketches(batch)
            if context is not None:  # what a post answers is no part of a sketch
                near = [None if c else n for n, c in zip(near, context.to_pylist(), strict=True)]
            escalated = [replace(each, near=near[each.row.number]) for each in escalated]
        for rows in of_one_post(escalated):
            for asked in self._questions(rows, posts):
                known = self._known(asked)
                if known is None:
                    yield from self._begin_or_reuse(asked)
                    continue
                for each, completion in zip(asked.rows, known, strict=True):
                    yield _copy(each, completion, parse(completion, each.policy))
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

    def take_answers(self) -> tuple[list[tuple[Completion, float]], int]:
        """Return, since the last time, all answers, and the posts then asked about alone.

        Each answer with the milliseconds that it took, whatever became of the rows that asked for
        it. The posts are those about which an answer for several policies came to nothing.
        """
        taken = self._answers, self._asked_alone
        self._answers, self._asked_alone = [], 0
        return taken

    def _questions(
        self, rows: tuple[Escalated, ...], posts: Sequence[Fingerprint] | None
    ) -> Iterator[Asked]:
        """Yield what is asked about the rows of one post: one question, or one for each of them."""
        group = rows[0].group
        several = len({each.policy.policy_id for each in rows}) > 1
        room = min(POST_TOKENS, self._content_tokens)  # that several policies leave in a prompt
        room = room_beside(context_of(rows), room)
        if group is not None and several and fits(text_of(rows), room):
            audited = any(route_of(each.row) == Route.AUDIT for each in rows)
            post = None if audited or posts is None else posts[rows[0].row.number]
            yield Asked(rows, group, group.version, post)
            return
        for each in rows:
            audited = route_of(each.row) == Route.AUDIT
            post = None if audited or posts is None else posts[each.row.number]
            yield Asked((each,), each.policy.rungs[0], each.policy.version, post)

    def _known(self, asked: Asked) -> list[Completion] | None:
        """Return what is kept of every row; None where one of them has to be asked about."""
        if asked.post is None:
            return None
        known: list[Completion] = []
        for each in asked.rows:
            found = self._cache.get(asked.post, asked.name(each.policy))
            if found is None:
                return None
            known.append(found)
        return known

    def _begin_or_reuse(self, asked: Asked) -> Iterator[Ended]:
        """Ask about the rows that take no verdict of a post which they nearly copy.

        None does of a post that is asked about in any case, for what is judged beside them.
        """
        if any(route_of(each.row) == Route.BESIDE for each in asked.rows):
            self._begin(asked)
            return
        left: list[Escalated] = []
        for each in asked.rows:
            nearly = self._nearly(each, asked.name(each.policy))
            if nearly is not None and not nearly.check:
                yield _reused(each, nearly.source)
            else:
                left.append(replace(each, checks=nearly.source if nearly is not None else None))
        if left:
            self._begin(asked.of(left))

    def _nearly(self, each: Escalated, name: str) -> NearCopy | None:
        """Return what a post nearly copies: not itself, where its bundle is tried again."""
        if self._reuse is None or self._provenance is None or each.near is None:
            return None
        found = self._reuse.find(each.near, name, lot(each.row))
        if found is None:
            return None
        own = judged_id(each.row, each.policy, self._provenance)
        return None if found.source.decision_id == own else found

    def _begin(self, asked: Asked) -> None:
        """Ask, or wait for what is said of an equal post that is asked about."""
        if asked.equals is not None:
            if asked.equals in self._equal:
                self._equal[asked.equals].append(asked)
                return
            self._equal[asked.equals] = []
        self._wait([asked])

    def _lane(self, asked: Asked) -> _Lane:
        return self._shadow if asked.asks.status == Status.SHADOW else self._live

    def _wait(self, asked: Sequence[Asked]) -> None:
        for each in asked:
            self._lane(each).waiting.append(each)

    def _ask(self, lane: _Lane) -> Iterator[Ended]:
        waiting, lane.waiting = lane.waiting, []
        if lane.allowance.limited:
            affordable = lane.allowance.take(len(waiting))
            decision = decide([each.candidate for each in waiting], affordable)
            for number in decision.defer:
                yield from self._deferred(waiting[number], decision.audits_kept)
            waiting = [
                replace(waiting[number], kept=waiting[number].kept * decision.audits_kept)
                if waiting[number].route == Route.AUDIT
                else waiting[number]
                for number in decision.judge
            ]
        waiting = [self._in_windows(each) for each in waiting]
        for result in self._in_flight.submit(waiting, [each.request for each in waiting]):
            yield from self._ended(result)

    def _in_windows(self, asked: Asked) -> Asked:
        if asked.unread:
            return asked
        found = windows(asked.text, room_beside(asked.context, self._content_tokens))
        return replace(asked, unread=found.texts, tokens_cut=found.tokens_cut)

    def _deferred(self, asked: Asked, audits_kept: float) -> Iterator[Ended]:
        out_of_sample = asked.route == Route.AUDIT and audits_kept < 1
        for each in (asked, *self._equals_of(asked)):
            for escalated in each.rows:
                route = route_of(escalated.row)
                out = out_of_sample and route == Route.AUDIT
                yield Deferred(escalated.row, Route.DEFERRED if out else route)

    def _ended(self, result: Result[Asked]) -> Iterator[Ended]:
        asked, answer = result.origin, result.answer
        allowance = self._lane(asked).allowance
        if isinstance(answer, Failed):
            allowance.spend(None)
            if isinstance(asked.asks, Group):
                self._ask_alone(asked)
                return
            self._wait(self._equals_of(asked))
            yield Dead(asked.rows[0].row, answer)
            return
        self._answers.append((answer, result.latency_ms))
        allowance.spend(computed(answer))
        if isinstance(asked.asks, Group):
            yield from self._ended_together(asked, asked.asks, answer, result.latency_ms)
        else:
            yield from self._ended_alone(asked, answer, result.latency_ms)

    def _ended_together(
        self, asked: Asked, group: Group, answer: Completion, latency_ms: float
    ) -> Iterator[Ended]:
        if asked.tokens_cut:
            answer = replace(answer, tokens_cut=asked.tokens_cut)
        count = len(asked.rows)
        said = said_of_each(answer, group)
        costs = [
            Read(share, parse(share, group), latency_ms, 1 / count)
            for share in shares(answer, count)
        ]
        if said is None:
            self._ask_alone(asked, costs)
            return
        verdicts = {p.policy_id: parse(said[p.policy_id], p) for p in group.members}
        done = {
            p.policy_id
            for p in group.members
            if verdicts[p.policy_id].reason is None and not climbs(verdicts[p.policy_id], p)
        }
        for policy_id in done:
            self._keep(asked.post, group.question(policy_id), said[policy_id], verdicts[policy_id])
        for each, cost in zip(asked.rows, costs, strict=True):
            policy_id = each.policy.policy_id
            own = with_costs(Read(said[policy_id], verdicts[policy_id], 0.0), cost)
            if climbs(own.verdict, each.policy):
                self._begin(asked.alone(each).climbing(own))
            else:
                yield self._judged(asked, each, own, asked_together=count)
        for equal in self._equals_of(asked):
            for each in equal.rows:
                policy_id = each.policy.policy_id
                if policy_id in done:
                    yield _copy(each, without_cost(said[policy_id]), verdicts[policy_id])
                else:
                    self._begin(equal.alone(each))

    def _ended_alone(self, asked: Asked, answer: Completion, latency_ms: float) -> Iterator[Ended]:
        (escalated,) = asked.rows
        said = read(answer, escalated.policy, latency_ms, asked.read, asked.tokens_cut)
        if said.verdict.outcome != Outcome.VIOLATES and len(asked.unread) > 1:
            self._wait([replace(asked, unread=asked.unread[1:], read=said)])
            return
        if asked.first is None and climbs(said.verdict, escalated.policy):
            self._wait([asked.climbing(said)])
            return
        if asked.first is not None:
            at_second = replace(said.completion, effort=asked.asks.effort)
            said = replace(said, completion=at_second)
        equals = self._equals_of(asked)
        yield self._judged(asked, escalated, said)
        if said.verdict.outcome == Outcome.INDETERMINATE:
            self._wait(equals)
            return
        self._keep(asked.post, asked.question, said.completion, said.verdict)
        for equal in equals:
            yield _copy(equal.rows[0], without_cost(said.completion), said.verdict)

    def _keep(
        self, post: Fingerprint | None, question: str, completion: Completion, verdict: Verdict
    ) -> None:
        if post is not None:
            violates = verdict.outcome == Outcome.VIOLATES
            self._cache.put(post, question, completion, violates=violates)

    def _ask_alone(self, asked: Asked, spent: Sequence[Read] | None = None) -> None:
        """Ask about each row alone where the answer to all of them came to nothing."""
        self._asked_alone += 1
        equals = self._equals_of(asked)
        for number, each in enumerate(asked.rows):
            self._begin(replace(asked.alone(each), spent=spent[number] if spent else None))
        for equal in equals:
            for each in equal.rows:
                self._begin(equal.alone(each))

    def _judged(
        self, asked: Asked, escalated: Escalated, said: Read, asked_together: int | None = None
    ) -> Judged:
        whole = with_costs(said, *(each for each in (asked.spent, asked.first, said) if each))
        audit = route_of(escalated.row) == Route.AUDIT
        self._teach_reuse(asked.name(escalated.policy), escalated, said)
        return Judged(
            escalated.row,
            escalated.policy,
            whole.completion,
            whole.verdict,
            whole.latency_ms,
            kept=asked.kept if audit else 1.0,
            requests=whole.requests,
            asked_together=asked_together,
            first=asked.first,
            near=escalated.checks,
        )

    def _teach_reuse(self, name: str, escalated: Escalated, said: Read) -> None:
        """Keep a decision for near-copies, and compare it with that which it would have taken.

        One that is indeterminate agrees with none, and is kept for none.
        """
        if self._reuse is None or self._provenance is None:
            return
        policy, outcome = escalated.policy, said.verdict.outcome
        if escalated.checks is not None:
            agreed = outcome == escalated.checks.outcome
            self._reuse.record(escalated.checks, name, policy.policy_id, agreed=agreed)
        if escalated.near is not None and outcome != Outcome.INDETERMINATE:
            decision_id = judged_id(escalated.row, policy, self._provenance)
            free, violates = without_cost(said.completion), outcome == Outcome.VIOLATES
            self._reuse.put(Source(decision_id, violates, escalated.near, free), name)

    def _equals_of(self, asked: Asked) -> list[Asked]:
        return [] if asked.equals is None else self._equal.pop(asked.equals, [])


def _copy(escalated: Escalated, completion: Completion, verdict: Verdict) -> Judged:
    return Judged(
        escalated.row, escalated.policy, completion, verdict, 0.0, cached=True, requests=0.0
    )


def _reused(escalated: Escalated, source: Source) -> Judged:
    verdict = parse(source.completion, escalated.policy)
    return replace(_copy(escalated, source.completion, verdict), near=source)
