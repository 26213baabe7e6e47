"""The judge as a step of the graph: escalations in, verdicts and dead letters out."""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from policies.policy import Policy, PolicySet
from transforms.counts import counter, policy_counter
from transforms.decode import DecodeSettings
from transforms.judge.engine import Engine, Request
from transforms.judge.in_flight import Failed, InFlight, Result
from transforms.judge.rows import (
    Judged,
    Provenance,
    Row,
    dead_letter_batches,
    verdict_batch,
    verdicts_of,
    violations_of,
)
from transforms.judge.shared import ENGINES
from transforms.judge.verdict import parse
from transforms.records import Mode, Outcome

_EMIT_ROWS = 256  # verdicts held back in a bundle until they make a batch worth writing


@dataclass(frozen=True)
class JudgeSettings:
    """What a run's verdicts are for, and how patient it is with its engine."""

    run: str
    cluster: str
    mode: Mode = Mode.ENFORCE
    max_in_flight: int = 256  # requests at the engine at once, of all bundles of a process
    timeout_seconds: float = 120.0  # for one request, from its submission

    def __post_init__(self) -> None:
        if self.max_in_flight < 1:
            raise ValueError(f"max_in_flight is {self.max_in_flight}; it must be at least 1")
        if not self.timeout_seconds > 0:
            raise ValueError(f"timeout_seconds is {self.timeout_seconds}; it must be above 0")


class JudgeContent(beam.PTransform):
    """ESCALATION batches to ``verdicts``, ``violations`` and ``dead`` (tagged outputs).

    Every row ends in exactly one verdict or one dead letter. ``engine`` is called once a process
    and must be picklable. Input is expected in the global window.
    """

    def __init__(
        self,
        engine: Callable[[], Engine],
        policies: PolicySet,
        settings: JudgeSettings,
        decode: DecodeSettings,
    ) -> None:
        super().__init__()
        self._judge = _Judge(engine, policies, settings, decode)

    def expand(self, escalations: beam.PCollection) -> Any:
        """Apply the step."""
        outputs = escalations | beam.ParDo(self._judge).with_outputs(
            "verdicts", "violations", "dead"
        )
        for batches in (outputs.verdicts, outputs.violations, outputs.dead):
            batches.element_type = pa.RecordBatch
        return outputs


@dataclass(frozen=True)
class _Escalated:
    row: Row
    policy: Policy


class _Judge(beam.DoFn):
    def __init__(
        self,
        engine: Callable[[], Engine],
        policies: PolicySet,
        settings: JudgeSettings,
        decode: DecodeSettings,
    ) -> None:
        self._key = uuid.uuid4().hex  # every copy of this step, in every thread, is one user group
        self._engine = engine
        self._policies = {policy.policy_id: policy for policy in policies.policies}
        self._settings = settings
        self._decode = decode
        self._in_flight: InFlight[_Escalated] | None = None

    def setup(self) -> None:
        self._shared = ENGINES.acquire(self._key, self._engine, self._settings.max_in_flight)
        self._provenance = Provenance(
            self._settings.run,
            self._settings.cluster,
            self._settings.mode,
            self._shared.engine.name,
            self._shared.engine.model,
        )

    def start_bundle(self) -> None:
        if self._in_flight is not None:
            self._in_flight.abandon()
        self._in_flight = InFlight(self._shared, self._settings.timeout_seconds)
        self._results: list[Result[_Escalated]] = []
        self._timestamp: Any = None

    def process(
        self, batch: pa.RecordBatch, timestamp: Any = beam.DoFn.TimestampParam
    ) -> Iterator[Any]:
        assert self._in_flight is not None
        if self._timestamp is None or timestamp < self._timestamp:
            self._timestamp = timestamp
        known, unknown = self._escalated(batch)
        yield from self._dead([(row, _unknown(policy_id)) for row, policy_id in unknown])
        texts, offsets = batch["text"], batch["offset"]
        requests = [
            Request(
                f"{offsets[each.row.number]}-{each.policy.policy_id}",
                texts[each.row.number].as_py(),
                each.policy,
            )
            for each in known
        ]
        for result in self._in_flight.submit(known, requests):
            self._results.append(result)
            if len(self._results) >= _EMIT_ROWS:
                yield from self._emit()

    def finish_bundle(self) -> Iterator[Any]:
        assert self._in_flight is not None
        for result in self._in_flight.wait():
            self._results.append(result)
            if len(self._results) >= _EMIT_ROWS:
                yield from self._windowed(self._emit())
        yield from self._windowed(self._emit())
        self._in_flight = None

    def teardown(self) -> None:
        if self._in_flight is not None:
            self._in_flight.abandon()
        ENGINES.release(self._key)

    def _escalated(self, batch: pa.RecordBatch) -> tuple[list[_Escalated], list[tuple[Row, str]]]:
        known: list[_Escalated] = []
        unknown: list[tuple[Row, str]] = []
        for number, policy_id in enumerate(batch["policy_id"].to_pylist()):
            row, policy = Row(batch, number), self._policies.get(str(policy_id))
            if policy is None:
                unknown.append((row, str(policy_id)))
            else:
                known.append(_Escalated(row, policy))
        return known, unknown

    def _emit(self) -> Iterator[Any]:
        judged, dead = [], []
        for result in self._results:
            row, policy = result.origin.row, result.origin.policy
            if isinstance(result.answer, Failed):
                dead.append((row, result.answer))
            else:
                verdict = parse(result.answer, policy)
                judged.append(Judged(row, policy, result.answer, verdict, result.latency_ms))
        self._results = []
        if judged:
            _count(judged)
            rows = verdict_batch(judged, self._provenance, self._decode, time.time_ns() // 1000)
            yield beam.pvalue.TaggedOutput("verdicts", verdicts_of(rows))
            violations = violations_of(rows)
            if violations.num_rows:
                yield beam.pvalue.TaggedOutput("violations", violations)
        yield from self._dead(dead)

    def _dead(self, dead: list[tuple[Row, Failed]]) -> Iterator[Any]:
        if dead:
            counter("dead_letters").inc(len(dead))
            counter("dead_letters_judge").inc(len(dead))
        for batch in dead_letter_batches(dead, self._settings.run, self._settings.cluster):
            yield beam.pvalue.TaggedOutput("dead", batch)

    def _windowed(self, outputs: Iterable[Any]) -> Iterator[Any]:
        for output in outputs:
            value = WindowedValue(output.value, self._timestamp, (GlobalWindow(),))
            yield beam.pvalue.TaggedOutput(output.tag, value)


def _unknown(policy_id: str) -> Failed:
    return Failed("unknown_policy", f"no policy {policy_id!r} is in force")


def _count(judged: list[Judged]) -> None:
    outcomes = Counter(each.verdict.outcome for each in judged)
    counter("verdicts").inc(len(judged))
    counter("violations").inc(outcomes[Outcome.VIOLATES])
    counter("indeterminate").inc(outcomes[Outcome.INDETERMINATE])
    per_policy = Counter((each.policy.policy_id, each.verdict.outcome) for each in judged)
    for (policy_id, outcome), count in per_policy.items():
        policy_counter(policy_id, str(outcome)).inc(count)
