"""What the judge says of what it did and of what that took (see ``transforms.accounts``)."""

from collections import Counter
from collections.abc import Iterable, Sequence

import pyarrow as pa

from weir.transforms.accounts import account_for_dead_letters
from weir.transforms.counts import (
    counter,
    judge_counter,
    judge_distribution,
    judge_gauge,
    latency,
    policy_counter,
)
from weir.transforms.judge.bundle import Bundle
from weir.transforms.judge.rows import Dead, Judged, Row
from weir.transforms.judge.shared_engine import SharedEngine
from weir.transforms.judge.unreadable_answers import is_unreadable
from weir.transforms.process.backlog import WAITING
from weir.transforms.process.offset_ledger import PROGRESS
from weir.transforms.records import Outcome

_TOKENS = ("tokens_in", "tokens_cached", "tokens_policy", "tokens_out", "tokens_reasoning")


def account_for_verdicts(judged: Sequence[Judged], violations: pa.RecordBatch, now_us: int) -> None:
    """Count verdicts, whose escalations wait no longer; VIOLATION rows owe a message each."""
    _count_verdicts(judged, now_us)
    PROGRESS.hold(violations)
    _make_room(each.row for each in judged)


def account_for_dead(dead: Sequence[Dead], letters: Iterable[pa.RecordBatch]) -> None:
    """Count escalations that ended as DEAD_LETTER batches, and wait no longer."""
    for batch in letters:
        account_for_dead_letters(batch)
    _make_room(each.row for each in dead)


def _make_room(rows: Iterable[Row]) -> None:
    if WAITING.on:
        for row in rows:
            WAITING.less(row.batch.slice(row.number, 1))


def _count_verdicts(judged: Sequence[Judged], now_us: int) -> None:
    """Count verdicts by outcome and policy.

    The latency by route is from the post's Kafka timestamp up to ``now_us``.
    """
    outcomes = Counter(each.verdict.outcome for each in judged)
    counter("verdicts").inc(len(judged))
    counter("violations").inc(outcomes[Outcome.VIOLATES])
    counter("indeterminate").inc(outcomes[Outcome.INDETERMINATE])
    counter("unreadable").inc(sum(is_unreadable(each.verdict) for each in judged))
    per_policy = Counter((each.policy.policy_id, each.verdict.outcome) for each in judged)
    for (policy_id, outcome), count in per_policy.items():
        policy_counter(policy_id, str(outcome)).inc(count)
    asked = [each for each in judged if not each.cached]
    reused = sum(each.reused_from is not None for each in judged)
    judge_counter("cache_hits").inc(len(judged) - len(asked) - reused)
    counter("reused").inc(reused)
    checks = [each.verdict.outcome == each.checks.outcome for each in judged if each.checks]
    counter("reuse_checks").inc(len(checks))
    counter("reuse_disagreements").inc(checks.count(False))
    for each in judged:
        posted = each.row.batch["timestamp"][each.row.number].value
        if posted is not None:
            route = each.row.batch["route"][each.row.number].as_py()
            latency(route).update(max(0.0, (now_us - posted) / 1000))


def count_requests(bundle: Bundle) -> None:
    """Count the requests of a bundle that were answered, and the tokens and time that each took.

    Windows and second efforts are requests too, also where the post is then deferred or dead; a
    verdict from the cache or of a near-copy is none. ``asked_alone`` are posts whose request about
    several policies failed, or whose answer to it could not be read.
    """
    answers, asked_alone = bundle.take_answers()
    said = [answer for answer, _ in answers]
    judge_counter("requests").inc(len(answers))
    judge_counter("asked_alone").inc(asked_alone)
    for name in _TOKENS:
        judge_counter(name).inc(sum(getattr(answer, name) or 0 for answer in said))
    judge_counter("tokens_policy_cached").inc(
        sum(min(each.tokens_policy or 0, each.tokens_cached or 0) for each in said)
    )
    answering, queueing = judge_distribution("latency_ms"), judge_distribution("queue_ms")
    for answer, latency_ms in answers:
        answering.update(latency_ms)
        if answer.queue_ms is not None:
            queueing.update(answer.queue_ms)


def gauge_judge(shared: SharedEngine) -> None:
    """Say how many requests are at the engine, and how much of the budget is used up, in percent.

    Both are of the process, as is how many kinds of verdict near-copies are trusted with.
    """
    judge_gauge("in_flight").set(shared.in_flight)
    if shared.reuse is not None:
        judge_gauge("reuse_trusted").set(shared.reuse.trusted)
    budgets = {
        "budget_used_percent": shared.allowance,
        "shadow_budget_used_percent": shared.shadow_allowance,
    }
    for name, allowance in budgets.items():
        used = allowance.used()
        if used is not None:
            judge_gauge(name).set(100 * used)
