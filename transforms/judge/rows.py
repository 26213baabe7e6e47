"""Results as rows: verdicts, violations and dead letters, column by column."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from policies.policy import Policy, Status
from transforms.dead_letters import dead_letters
from transforms.decode import DecodeSettings, attributes
from transforms.identity import decision_ids
from transforms.judge.engine import Completion
from transforms.judge.in_flight import Failed
from transforms.judge.verdict import Verdict
from transforms.records import VERDICT, VIOLATION, Mode, Outcome, Stage


@dataclass(frozen=True)
class Row:
    """A row of an ESCALATION batch."""

    batch: pa.RecordBatch
    number: int


@dataclass(frozen=True)
class Judged:
    """An escalation that was answered, and what the answer says."""

    row: Row
    policy: Policy
    completion: Completion
    verdict: Verdict
    latency_ms: float


@dataclass(frozen=True)
class Provenance:
    """What is the same on every row of a run."""

    run: str
    cluster: str
    mode: Mode
    engine: str
    model: str


def mode_of(policy: Policy, mode: Mode) -> Mode:
    """Return what a verdict under this policy is for, in a run of that mode."""
    return Mode.SHADOW if mode == Mode.ENFORCE and policy.status == Status.SHADOW else mode


def verdict_batch(
    judged: Sequence[Judged], provenance: Provenance, decode: DecodeSettings, judged_at: int
) -> pa.RecordBatch:
    """Return VIOLATION rows for what was judged, whatever the verdict; ``judged_at`` in UTC us."""
    judged = sorted(judged, key=lambda each: id(each.row.batch))
    rows = _taken([each.row for each in judged])
    policies = [each.policy for each in judged]
    versions = [policy.version for policy in policies]  # of what judged: it may be newer
    verdicts = [each.verdict for each in judged]
    completions = [each.completion for each in judged]
    count = len(judged)
    decided: dict[str, Any] = {
        "decision_id": _decision_ids(rows, versions, provenance),
        "run": [provenance.run] * count,
        "mode": [mode_of(policy, provenance.mode) for policy in policies],
        "judged_at": [judged_at] * count,
        "attributes": attributes(rows["value"], decode),
        "policy_version": versions,
        "verdict": [verdict.outcome for verdict in verdicts],
        "probability": [verdict.probability for verdict in verdicts],
        "confidence": [verdict.confidence for verdict in verdicts],
        "categories": [verdict.categories for verdict in verdicts],
        "rule_ids": [verdict.rule_ids for verdict in verdicts],
        "rationale": [verdict.rationale for verdict in verdicts],
        "reasoning": [verdict.reasoning for verdict in verdicts],
        "reason": [verdict.reason for verdict in verdicts],
        "engine": [provenance.engine] * count,
        "model": [provenance.model] * count,
        "effort": [policy.effort for policy in policies],
        "tokens_in": [completion.tokens_in for completion in completions],
        "tokens_cached": [completion.tokens_cached for completion in completions],
        "tokens_out": [completion.tokens_out for completion in completions],
        "tokens_reasoning": [completion.tokens_reasoning for completion in completions],
        "tokens_cut": [completion.tokens_cut for completion in completions],
        "queue_ms": [completion.queue_ms for completion in completions],
        "latency_ms": [each.latency_ms for each in judged],
        "cached": [False] * count,
    }
    return pa.RecordBatch.from_arrays(
        [
            pa.array(decided[field.name], field.type) if field.name in decided else rows[field.name]
            for field in VIOLATION
        ],
        schema=VIOLATION,
    )


def verdicts_of(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the columns that the verdicts table has."""
    return batch.select(VERDICT.names)


def violations_of(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows that reach the flagged topic: violations that are meant to count."""
    violates = pc.equal(batch["verdict"], pa.scalar(str(Outcome.VIOLATES)))
    counts = pc.equal(batch["mode"], pa.scalar(str(Mode.ENFORCE)))
    return batch.filter(pc.and_(violates, counts))


def dead_letter_batches(
    dead: Sequence[tuple[Row, Failed]], run: str, cluster: str
) -> list[pa.RecordBatch]:
    """Return DEAD_LETTER rows, one batch for each topic-partition and policy version."""
    if not dead:
        return []
    dead = sorted(dead, key=lambda each: id(each[0].batch))
    failures = [failed for _, failed in dead]
    rows = _taken([row for row, _ in dead])
    versions = _values(rows["policy_version"])
    return [
        dead_letters(
            rows.take(pa.array(group)),
            stage=Stage.JUDGE,
            reasons=[failures[number].reason for number in group],
            errors=[failures[number].error for number in group],
            run=run,
            cluster=cluster,
            version=versions[group[0]],
        )
        for group in _groups(rows, versions)
    ]


def _values(column: pa.Array) -> list[Any]:
    values: list[Any] = column.to_pylist()
    return values


def _taken(rows: Sequence[Row]) -> pa.RecordBatch:
    """Return the rows as one batch, in the order given; those of one batch stand together."""
    numbers: dict[int, list[int]] = {}
    for row in rows:
        numbers.setdefault(id(row.batch), []).append(row.number)
    batches = {id(row.batch): row.batch for row in rows}
    taken = [batches[key].take(pa.array(of, pa.int64())) for key, of in numbers.items()]
    return pa.Table.from_batches(taken).combine_chunks().to_batches()[0]


def _groups(rows: pa.RecordBatch, versions: Sequence[str]) -> list[list[int]]:
    """Return the row numbers of each topic-partition and version."""
    groups: dict[tuple[str, int, str], list[int]] = {}
    of = zip(_values(rows["topic"]), _values(rows["partition"]), versions, strict=True)
    for number, key in enumerate(of):
        groups.setdefault(key, []).append(number)
    return list(groups.values())


def _decision_ids(
    rows: pa.RecordBatch, versions: Sequence[str], provenance: Provenance
) -> list[str]:
    ids = [""] * rows.num_rows
    positions = rows.select(["topic", "partition", "offset"])
    for group in _groups(rows, versions):
        of_group = decision_ids(
            positions.take(pa.array(group)),
            cluster=provenance.cluster,
            stage=Stage.JUDGE,
            version=versions[group[0]],
            run=provenance.run,
        )
        for number, decision_id in zip(group, _values(of_group), strict=True):
            ids[number] = decision_id
    return ids
