"""What every run counts, and the law that the counts obey.

The counts are Beam metrics, so a bundle that is retried counts once. Beside them the same numbers
are kept live (see ``process.metrics``).
"""

from collections import Counter as Tally
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from apache_beam.metrics import Metrics
from apache_beam.metrics.metric import MetricsFilter

from weir.transforms.process.live_numbers import LIVE, Name
from weir.transforms.process.metrics import NAMESPACE, Counter, Gauge, Milliseconds, gauge

JUDGE_NAMESPACE = "weir.judge"  # what judging took: no part of the law
_BY_NAME = (
    "policies",
    "reasons",
    "left_out_kinds",
)  # the fields of Counts that are no single number
_ENOUGH = 10  # verdicts, before anything is said of most of them
_NEARLY_ALL = 0.9  # of the messages: so many unreadable ones are a setting, not bad luck


@dataclass(frozen=True)
class Counts:
    """Rows of each kind that one job produced: one that screens, one that judges, or both."""

    messages: int = 0
    behind_transactions: int = 0  # beside them: at the end, and kept from being read by an open one
    left_out: int = 0  # of them, those that nothing is decided about: of a replay, or no posts
    undated: int = 0  # of those that were read, posts that Kafka's time stands for their own
    screenings: int = 0
    screenings_unrecorded: int = 0  # of them, those that were not to get a row
    untouched: int = 0  # of them, those that nobody judges for any policy
    nothing_to_read: int = 0  # of the untouched, those whose text is empty once it is read
    escalations: int = 0  # post x policy pairs to be judged, audits and forced included
    escalations_read: int = 0  # of them, those that another job had sent
    escalations_sent: int = 0  # to another job that judges them
    audits: int = 0
    verdicts: int = 0
    violations: int = 0
    indeterminate: int = 0
    unreadable: int = 0  # of them, those whose answer is no verdict in the policy's form
    reused: int = 0  # of the verdicts, those that near-copies took from another post
    reuse_checks: int = 0  # of the verdicts, those on near-copies that were judged all the same
    reuse_disagreements: int = 0  # of the checks, those with another verdict than would be taken
    deferred: int = 0
    dead_letters: int = 0
    dead_letters_decode: int = 0
    dead_letters_escalation: int = 0
    dead_letters_judge: int = 0
    dead_letters_write: int = 0
    dead_letters_unstored: int = 0  # of them, those that BigQuery has no row of
    flagged_messages: int = 0  # of violations; of them `confirmations`
    provisional_flags: int = 0
    confirmations: int = 0  # of provisional flags, by the judge
    withdrawals: int = 0
    policies: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    reasons: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # of letters, by stage
    left_out_kinds: Mapping[str, int] = field(default_factory=dict)  # of the left out, no posts

    def imbalances(self) -> list[str]:
        """Return what does not add up, one sentence each; nothing where all is accounted for."""
        problems = []
        unreadable = self.dead_letters_decode + self.dead_letters_escalation
        entered = self.screenings + self.escalations_read
        if self.messages != self.left_out + entered + unreadable:
            left_out = f"{self.left_out} left out, " if self.left_out else ""
            problems.append(
                f"{self.messages} messages were read, but {left_out}{self.screenings} were "
                f"screened, {self.escalations_read} were escalations and {unreadable} dead-lettered"
            )
        judged = self.verdicts + self.deferred + self.dead_letters_judge
        if self.escalations != judged + self.escalations_sent:
            problems.append(
                f"{self.escalations} escalations, but {self.escalations_sent} sent to be judged, "
                f"{self.verdicts} verdicts, {self.deferred} deferred and "
                f"{self.dead_letters_judge} dead-lettered by the judge"
            )
        if self.dead_letters_unstored:
            problems.append(
                f"BigQuery refused {self.dead_letters_unstored} dead letters, which are on their "
                "topic alone"
            )
        return problems

    @property
    def unread(self) -> bool:
        """Return whether nothing, or nearly nothing, of what came in could be read."""
        unreadable = self.dead_letters_decode + self.dead_letters_escalation
        return unreadable > 0 and unreadable >= _NEARLY_ALL * (self.messages - self.left_out)

    @property
    def failed(self) -> bool:
        """Return whether a command that counted this is to say so by its exit code."""
        return self.unread or self.mostly_unreadable or bool(self.imbalances())

    @property
    def mostly_unreadable(self) -> bool:
        """Return whether most of what the judge answered was no verdict."""
        return self.verdicts >= _ENOUGH and 2 * self.unreadable > self.verdicts

    @property
    def causes(self) -> list[tuple[str, str, int]]:
        """Return stage, reason and number of the dead letters, the most frequent first."""
        found = [(s, r, n) for s, reasons in self.reasons.items() for r, n in reasons.items()]
        return sorted(found, key=lambda cause: (-cause[2], cause))

    def __str__(self) -> str:
        """Return a line for each count and each reason, and what does not add up, if anything."""
        names = [f.name for f in fields(self) if f.name not in _BY_NAME]
        rows = [(name.replace("_", " "), getattr(self, name)) for name in names]
        rows += [(f"dead, {stage}: {reason}", count) for stage, reason, count in self.causes]
        rows += [
            (f"left out, {kind}", count) for kind, count in sorted(self.left_out_kinds.items())
        ]
        lines = [f"{name + ':':34}{value:>12,}" for name, value in rows]
        lines += [each for each in (self.selectivity,) if each]
        return "\n".join([*lines, f"conservation: {'; '.join(self.imbalances()) or 'ok'}"])

    @property
    def selectivity(self) -> str:
        """Return what the screen asks of the judge, in a sentence; nothing where none screened."""
        if not self.screenings:
            return ""
        return (
            f"requests per 1,000 posts: {1000 * self.escalations / self.screenings:,.0f}; "
            f"{self.untouched / self.screenings:.0%} of the posts untouched"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the counts with ``conservation``: "ok", or what does not add up."""
        return asdict(self) | {"conservation": "; ".join(self.imbalances()) or "ok"}


def counter(name: str) -> Counter:
    """Return the counter of one field of Counts."""
    return Counter(Metrics.counter(NAMESPACE, name), Name(name))


def policy_counter(policy_id: str, name: str) -> Counter:
    """Return the counter ``name`` (escalations, violates, safe, ...) of one policy."""
    beam = Metrics.counter(f"{_POLICY_NAMESPACE}{policy_id}", name)
    return Counter(beam, _of_policy(policy_id, name))


def count_left_out(rows: int, kind: str | None = None) -> None:
    """Count messages that nothing is decided about; of messages that are no posts by their kind."""
    if not rows:
        return
    counter("left_out").inc(rows)
    if kind is not None:
        Counter(Metrics.counter(_KIND_NAMESPACE, kind), _of_kind(kind)).inc(rows)


def count_dead_letters(letters: pa.RecordBatch) -> None:
    """Count DEAD_LETTER rows, all of one stage: in all, by stage, and by reason."""
    stage = letters["stage"][0].as_py()
    counter("dead_letters").inc(letters.num_rows)
    counter(f"dead_letters_{stage}").inc(letters.num_rows)
    for reason, count in Tally(letters["reason"].to_pylist()).items():
        beam = Metrics.counter(f"{_REASON_NAMESPACE}{stage}", reason)
        Counter(beam, _of_reason(stage, reason)).inc(count)


def judge_counter(name: str) -> Counter:
    """Return the counter of something that judging took: tokens, cache hits."""
    return Counter(Metrics.counter(JUDGE_NAMESPACE, name), Name(f"judge_{name}"))


def judge_distribution(name: str) -> Milliseconds:
    """Return the distribution of something that judging took; its name ends in ``_ms``."""
    beam = Metrics.distribution(JUDGE_NAMESPACE, name)
    return Milliseconds(beam, Name(f"judge_{name}"))


def judge_gauge(name: str) -> Gauge:
    """Return the gauge of how things stand at the judge."""
    return Gauge(Metrics.gauge(JUDGE_NAMESPACE, name), Name(f"judge_{name}"))


def lag_gauge(topic: str, partition: int) -> Gauge:
    """Return the gauge of how many offsets of a partition are still to be read."""
    beam = Metrics.gauge(f"{NAMESPACE}.lag", f"{topic}[{partition}]")
    return Gauge(beam, Name("lag", (("topic", topic), ("partition", str(partition)))))


def surges(number: int) -> None:
    """Say of how many heads and languages many more posts are above than there should be."""
    gauge("screen_surges").set(number)


def latency(route: str) -> Milliseconds:
    """Return the distribution of the time from a post's Kafka timestamp to its label, by route.

    A cleared post's label is its screening, any other's its verdict.
    """
    beam = Metrics.distribution(f"{NAMESPACE}.latency", f"{route}_ms")
    return Milliseconds(beam, Name("latency_ms", (("route", route),)))


def ages(timestamps: Any, now_us: int) -> npt.NDArray[np.float64]:
    """Return how many milliseconds ago the times were, those in the future as 0, nulls left out."""
    known = np.asarray(timestamps.drop_null().cast(pa.int64()), np.float64)
    return np.maximum(0.0, (now_us - known) / 1000)


def counts_of(result: Any) -> Counts:
    """Return the counts of a pipeline result, committed ones where the runner has them."""
    sums: dict[Name, int] = {}
    for counted in result.metrics().query(MetricsFilter())["counters"]:
        name = _name(counted.key.metric.namespace, counted.key.metric.name)
        value = counted.committed if counted.committed is not None else counted.attempted
        if name is not None:
            sums[name] = sums.get(name, 0) + value
    return _counts(sums)


def counts_here() -> Counts:
    """Return what this process has counted since ``LIVE`` was cleared.

    For Prism, which adds up the counts of a step's first bundles only where they end one after the
    other: of two that end at once it forgets one (its store of counts whose names it does not know
    yet holds one value each). It runs everything in one process and repeats nothing, so there
    these are exact. A runner that repeats a bundle makes them too high.
    """
    return _counts(LIVE.snapshot().counters)


_REASON_NAMESPACE = f"{NAMESPACE}.dead_letters."
_REASON_NAME = "dead_letter_reasons"
_KIND_NAMESPACE = f"{NAMESPACE}.left_out"
_KIND_NAME = "left_out_kinds"
_POLICY_NAMESPACE = f"{NAMESPACE}.policy."
_POLICY_NAME = "policy_"


def _name(namespace: str, name: str) -> Name | None:
    if namespace == NAMESPACE:
        return Name(name)
    if namespace.startswith(_POLICY_NAMESPACE):
        return _of_policy(namespace.removeprefix(_POLICY_NAMESPACE), name)
    if namespace == _KIND_NAMESPACE:
        return _of_kind(name)
    if namespace.startswith(_REASON_NAMESPACE):
        return _of_reason(namespace.removeprefix(_REASON_NAMESPACE), name)
    return None


def _of_reason(stage: str, reason: str) -> Name:
    return Name(_REASON_NAME, (("stage", stage), ("reason", reason)))


def _of_kind(kind: str) -> Name:
    return Name(_KIND_NAME, (("kind", kind),))


def _of_policy(policy_id: str, name: str) -> Name:
    return Name(f"{_POLICY_NAME}{name}", (("policy", policy_id),))


def _counts(sums: Mapping[Name, int]) -> Counts:
    totals = {f.name: 0 for f in fields(Counts) if f.name not in _BY_NAME}
    policies: dict[str, dict[str, int]] = {}
    reasons: dict[str, dict[str, int]] = {}
    kinds: dict[str, int] = {}
    for name, value in sums.items():
        if not name.labels and name.name in totals:
            totals[name.name] = value
        elif name.name.startswith(_POLICY_NAME):
            ((_, policy_id),) = name.labels
            policies.setdefault(policy_id, {})[name.name.removeprefix(_POLICY_NAME)] = value
        elif name.name == _REASON_NAME:
            (_, stage), (_, reason) = name.labels
            reasons.setdefault(stage, {})[reason] = value
        elif name.name == _KIND_NAME:
            ((_, kind),) = name.labels
            kinds[kind] = value
    return Counts(**totals, policies=policies, reasons=reasons, left_out_kinds=kinds)
