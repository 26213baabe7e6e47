"""What every run counts, and the law that the counts obey.

The counts are Beam metrics, so a bundle that is retried counts once.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from apache_beam.metrics import Metrics
from apache_beam.metrics.metric import MetricsFilter

NAMESPACE = "weir"
JUDGE_NAMESPACE = "weir.judge"  # what judging took: no part of the law


@dataclass(frozen=True)
class Counts:
    """Rows of each kind that one job produced: one that screens, one that judges, or both."""

    messages: int = 0
    screenings: int = 0
    screenings_unrecorded: int = 0  # of them, those that were not to get a row
    escalations: int = 0  # post x policy pairs to be judged, audits and forced included
    escalations_read: int = 0  # of them, those that another job had sent
    escalations_sent: int = 0  # to another job that judges them
    audits: int = 0
    verdicts: int = 0
    violations: int = 0
    indeterminate: int = 0
    deferred: int = 0
    dead_letters: int = 0
    dead_letters_decode: int = 0
    dead_letters_escalation: int = 0
    dead_letters_judge: int = 0
    dead_letters_write: int = 0
    flagged_messages: int = 0
    policies: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def imbalances(self) -> list[str]:
        """Return what does not add up, one sentence each; nothing where all is accounted for."""
        problems = []
        unreadable = self.dead_letters_decode + self.dead_letters_escalation
        if self.messages != self.screenings + self.escalations_read + unreadable:
            problems.append(
                f"{self.messages} messages were read, but {self.screenings} were screened, "
                f"{self.escalations_read} were escalations and {unreadable} dead-lettered"
            )
        judged = self.verdicts + self.deferred + self.dead_letters_judge
        if self.escalations != judged + self.escalations_sent:
            problems.append(
                f"{self.escalations} escalations, but {self.escalations_sent} sent to be judged, "
                f"{self.verdicts} verdicts, {self.deferred} deferred and "
                f"{self.dead_letters_judge} dead-lettered by the judge"
            )
        return problems

    def __str__(self) -> str:
        """Return a line for each count, and what does not add up, if anything."""
        rows = [(f.name, getattr(self, f.name)) for f in fields(self) if f.name != "policies"]
        lines = [f"{name.replace('_', ' ') + ':':26}{value:>12,}" for name, value in rows]
        return "\n".join([*lines, f"conservation: {'; '.join(self.imbalances()) or 'ok'}"])

    def to_json(self) -> dict[str, Any]:
        """Return the counts with ``conservation``: "ok", or what does not add up."""
        return asdict(self) | {"conservation": "; ".join(self.imbalances()) or "ok"}


def counter(name: str) -> Any:
    """Return the Beam counter of one field of Counts."""
    return Metrics.counter(NAMESPACE, name)


def policy_counter(policy_id: str, name: str) -> Any:
    """Return the Beam counter ``name`` (escalations, violates, safe, ...) of one policy."""
    return Metrics.counter(f"{NAMESPACE}.policy.{policy_id}", name)


def judge_counter(name: str) -> Any:
    """Return the Beam counter of something that judging took: tokens, cache hits."""
    return Metrics.counter(JUDGE_NAMESPACE, name)


def judge_distribution(name: str) -> Any:
    """Return the Beam distribution of something that judging took, in whole units."""
    return Metrics.distribution(JUDGE_NAMESPACE, name)


def counts_of(result: Any) -> Counts:
    """Return the counts of a pipeline result, committed ones where the runner has them."""
    totals = {f.name: 0 for f in fields(Counts) if f.name != "policies"}
    policies: dict[str, dict[str, int]] = {}
    prefix = f"{NAMESPACE}.policy."
    for counted in result.metrics().query(MetricsFilter())["counters"]:
        name, namespace = counted.key.metric.name, counted.key.metric.namespace
        value = counted.committed if counted.committed is not None else counted.attempted
        if namespace == NAMESPACE and name in totals:
            totals[name] += value
        elif namespace.startswith(prefix):
            per_policy = policies.setdefault(namespace.removeprefix(prefix), {})
            per_policy[name] = per_policy.get(name, 0) + value
    return Counts(**totals, policies=policies)
