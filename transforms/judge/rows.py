"""Results as rows: verdicts, violations, deferrals and dead letters, column by column."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from weir.policies.policy import Policy, Status
from weir.transforms.dead_letters import dead_letters
from weir.transforms.decode import DecodeSettings, attributes
from weir.transforms.identity import decision_ids
from weir.transforms.judge.engine import Completion
from weir.transforms.judge.in_flight import Failed
from weir.transforms.judge.long_posts import Read
from weir.transforms.judge.near_copies import Source
from weir.transforms.judge.verdict import Verdict
from weir.transforms.records import (
    DEFERRED,
    ESCALATION,
    VERDICT,
    VIOLATION,
    Mode,
    Outcome,
    Route,
    Stage,
)


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
    cached: bool = False
    kept: float = 1.0  # what the budget left of its chance to be judged
    requests: float = 1.0  # that it took: a share of one that asked about several policies
    asked_together: int | None = None  # rows whose verdicts one request gave; None: alone
    first: Read | None = None  # at the first effort, where the verdict is of the second
    # What it nearly copies: the source of a cached verdict, else what the verdict is a check of.
    near: Source | None = None

    @property
    def reused_from(self) -> Source | None:
        """Return the source whose verdict this is."""
        return self.near if self.cached else None

    @property
    def checks(self) -> Source | None:
        """Return the source whose verdict it would have taken, had it not been judged."""
        return None if self.cached else self.near


@dataclass(frozen=True)
class Dead:
    """An escalation that cannot be judged, and why."""

    row: Row
    failed: Failed


@dataclass(frozen=True)
class Deferred:
    """An escalation that is set aside, and the route that it has from now on."""

    row: Row
    route: Route


@dataclass(frozen=True)
class Provenance:
    """Who judges, and the run, cluster and mode of escalations that name none."""

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
    rows = _taken([each.row for each in judged], provenance)
    policies = [each.policy for each in judged]
    versions = [policy.version for policy in policies]  # of what judged: it may be newer
    verdicts = [each.verdict for each in judged]
    completions = [each.completion for each in judged]
    count = len(judged)
    decided: dict[str, Any] = {
        "decision_id": _verdict_ids(rows, versions),
        "mode": [
            mode_of(policy, Mode(mode))
            for policy, mode in zip(policies, _values(rows["mode"]), strict=True)
        ],
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
        "answer": [verdict.answer for verdict in verdicts],
        "engine": [provenance.engine] * count,
        "model": [provenance.model] * count,
        "effort": [each.completion.effort or each.policy.effort for each in judged],
        "tokens_in": [completion.tokens_in for completion in completions],
        "tokens_cached": [completion.tokens_cached for completion in completions],
        "tokens_policy": [completion.tokens_policy for completion in completions],
        "reproducible": [completion.reproducible for completion in completions],
        "tokens_out": [completion.tokens_out for completion in completions],
        "tokens_reasoning": [completion.tokens_reasoning for completion in completions],
        "tokens_cut": [completion.tokens_cut for completion in completions],
        "queue_ms": [completion.queue_ms for completion in completions],
        "latency_ms": [each.latency_ms for each in judged],
        "cached": [each.cached for each in judged],
        "asked_together": [each.asked_together for each in judged],
        "requests": [each.requests for each in judged],
        **_first_rungs(judged),
        "inclusion_probability": pc.multiply(
            rows["inclusion_probability"], pa.array([each.kept for each in judged])
        ),
        "reused_from": [each.reused_from and each.reused_from.decision_id for each in judged],
        "checked_against": [each.checks and each.checks.decision_id for each in judged],
        "checked_verdict": [each.checks and each.checks.outcome for each in judged],
    }
    return _with(rows, decided, VIOLATION)


def judged_id(row: Row, policy: Policy, provenance: Provenance) -> str:
    """Return the decision id that the row's verdict under this policy has."""
    return _verdict_ids(_taken([row], provenance), [policy.version])[0]


def _first_rungs(judged: Sequence[Judged]) -> dict[str, list[Any]]:
    """Return the columns about the first effort, null where there was no second."""
    first = [each.first for each in judged]
    tokens = ("tokens_in", "tokens_cached", "tokens_out")
    return {
        "first_effort": [each.policy.effort if each.first else None for each in judged],
        "first_verdict": [each and each.verdict.outcome for each in first],
        "first_probability": [each and each.verdict.probability for each in first],
        **{
            f"first_{name}": [each and getattr(each.completion, name) for each in first]
            for name in tokens
        },
    }


def verdicts_of(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the columns that the verdicts table has."""
    return batch.select(VERDICT.names)


def violations_of(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows that reach the flagged topic.

    Violations that are meant to count, and whatever became of a post that was flagged already.
    """
    violates = pc.equal(batch["verdict"], pa.scalar(str(Outcome.VIOLATES)))
    counts = pc.equal(batch["mode"], pa.scalar(str(Mode.ENFORCE)))
    awaited = pc.is_valid(batch["provisional_id"])
    return batch.filter(pc.or_(pc.and_(violates, counts), awaited))


def deferred_batch(
    deferred: Sequence[Deferred], provenance: Provenance, deferred_at: int
) -> pa.RecordBatch:
    """Return a DEFERRED row for each escalation set aside; ``deferred_at`` in UTC us."""
    deferred = sorted(deferred, key=lambda each: id(each.row.batch))
    rows = _taken([each.row for each in deferred], provenance)
    decided: dict[str, Any] = {
        "decision_id": _decision_ids(rows, _values(rows["policy_version"]), "defer"),
        "deferred_at": [deferred_at] * len(deferred),
        "route": [each.route for each in deferred],
    }
    return _with(rows, decided, DEFERRED)


def dead_letter_batches(dead: Sequence[Dead], provenance: Provenance) -> list[pa.RecordBatch]:
    """Return DEAD_LETTER rows, one batch for each run, topic-partition and policy version."""
    if not dead:
        return []
    dead = sorted(dead, key=lambda each: id(each.row.batch))
    failures = [each.failed for each in dead]
    rows = _taken([each.row for each in dead], provenance)
    return [
        dead_letters(
            rows.take(pa.array(numbers)),
            stage=Stage.JUDGE,
            reasons=[failures[number].reason for number in numbers],
            errors=[failures[number].error for number in numbers],
            run=group.run,
            cluster=group.cluster,
            version=group.version,
        )
        for group, numbers in _groups(rows, _values(rows["policy_version"])).items()
    ]


def _values(column: pa.Array) -> list[Any]:
    values: list[Any] = column.to_pylist()
    return values


def _with(rows: pa.RecordBatch, decided: dict[str, Any], schema: pa.Schema) -> pa.RecordBatch:
    """Return the columns of the schema: the decided ones, and those of the rows."""
    return pa.RecordBatch.from_arrays(
        [
            pa.array(decided[field.name], field.type) if field.name in decided else rows[field.name]
            for field in schema
        ],
        schema=schema,
    )


def _taken(rows: Sequence[Row], provenance: Provenance) -> pa.RecordBatch:
    """Return the rows as one batch, in the order given; those of one batch stand together.

    None is without its run, cluster and mode.
    """
    numbers: dict[int, list[int]] = {}
    for row in rows:
        numbers.setdefault(id(row.batch), []).append(row.number)
    batches = {id(row.batch): row.batch for row in rows}
    parts = [batches[key].take(pa.array(of, pa.int64())) for key, of in numbers.items()]
    taken = pa.Table.from_batches(parts).combine_chunks().to_batches()[0]
    if "provisional_id" not in taken.schema.names:  # a build from before it left it to this one
        nothing = pa.nulls(taken.num_rows, pa.string())
        taken = taken.append_column(ESCALATION.field("provisional_id"), nothing)
    for name in ("run", "cluster", "mode"):
        own = pa.scalar(str(getattr(provenance, name)))
        at = taken.schema.get_field_index(name)
        taken = taken.set_column(at, name, pc.fill_null(taken.column(at), own))
    return taken


@dataclass(frozen=True)
class _Group:
    """What the rows that share a prefix of their decision ids have in common."""

    run: str
    cluster: str
    topic: str
    partition: int
    version: str


def _groups(rows: pa.RecordBatch, versions: Sequence[str]) -> dict[_Group, list[int]]:
    """Return the row numbers of each group."""
    groups: dict[_Group, list[int]] = {}
    names = ("run", "cluster", "topic", "partition")
    of = zip(*(_values(rows[name]) for name in names), versions, strict=True)
    for number, key in enumerate(of):
        groups.setdefault(_Group(*key), []).append(number)
    return groups


def _verdict_ids(rows: pa.RecordBatch, versions: Sequence[str]) -> list[str]:
    # A provisional flag has gone out under its id: the verdict on it bears the same one, whichever
    # version of the policy judged.
    made = _decision_ids(rows, versions, Stage.JUDGE)
    return [given or own for given, own in zip(_values(rows["provisional_id"]), made, strict=True)]


def _decision_ids(rows: pa.RecordBatch, versions: Sequence[str], stage: str) -> list[str]:
    ids = [""] * rows.num_rows
    positions = rows.select(["topic", "partition", "offset"])
    for group, numbers in _groups(rows, versions).items():
        of_group = decision_ids(
            positions.take(pa.array(numbers)),
            cluster=group.cluster,
            stage=stage,
            version=group.version,
            run=group.run,
        )
        for number, decision_id in zip(numbers, _values(of_group), strict=True):
            ids[number] = decision_id
    return ids
