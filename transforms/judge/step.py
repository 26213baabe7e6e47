"""The judge as a step of the graph: escalations in, verdicts and dead letters out."""

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from weir.policies.policy import PolicySet
from weir.policies.source import PolicySource
from weir.transforms.accounts import account_for_deferrals
from weir.transforms.decode import DecodeSettings
from weir.transforms.judge.accounts import (
    account_for_dead,
    account_for_verdicts,
    count_requests,
    gauge_judge,
)
from weir.transforms.judge.budget import UNLIMITED, Budget
from weir.transforms.judge.bundle import Bundle, Ended, Escalated
from weir.transforms.judge.engine import Engine
from weir.transforms.judge.in_flight import Failed
from weir.transforms.judge.known_policies import KnownPolicies
from weir.transforms.judge.reuse import ReuseSettings
from weir.transforms.judge.rows import (
    Dead,
    Deferred,
    Judged,
    Provenance,
    Row,
    dead_letter_batches,
    deferred_batch,
    verdict_batch,
    verdicts_of,
    violations_of,
)
from weir.transforms.judge.shared_engine import ENGINES
from weir.transforms.process.garbage import freeze_objects
from weir.transforms.process.reloading import RELOADS, Reloading
from weir.transforms.records import Mode

_LOG = logging.getLogger(__name__)
# Results are held back in a bundle until they make a batch worth writing, or until people wait.
_EMIT_ROWS = 256
_EMIT_SECONDS = 5.0


@dataclass(frozen=True)
class JudgeSettings:
    """What a run's verdicts are for, and how patient it is with its engine.

    ``run``, ``cluster`` and ``mode`` are those of escalations that name none of their own.
    """

    run: str
    cluster: str
    mode: Mode = Mode.ENFORCE
    max_in_flight: int = 256  # requests at the engine at once, of all bundles of a process
    timeout_seconds: float = 120.0  # for one request, from its submission
    cache_bytes: int = 0  # of verdicts kept for equal posts, of all bundles of a process
    budget: Budget = UNLIMITED  # of a process
    shadow_budget: Budget = UNLIMITED  # of a process, for policies in shadow alone
    reuse: ReuseSettings | None = None  # of verdicts by near-copies; None: they are judged
    together: bool = False  # a post is asked about under all policies of a group at once

    def __post_init__(self) -> None:
        if self.max_in_flight < 1:
            raise ValueError(f"max_in_flight is {self.max_in_flight}; it must be at least 1")
        if not self.timeout_seconds > 0:
            raise ValueError(f"timeout_seconds is {self.timeout_seconds}; it must be above 0")
        if self.cache_bytes < 0:
            raise ValueError(f"cache_bytes is {self.cache_bytes}; it must be 0 or more")


class JudgeContent(beam.PTransform):
    """ESCALATION batches in; ``verdicts``, ``violations``, ``deferred`` and ``dead`` out (tagged).

    Every row ends in exactly one verdict, one deferral or one dead letter. ``engine`` is called
    once a process and must be picklable. Input is expected in the global window. Policies that are
    given as a Reloading are read again while the job runs: a row is judged by the version that it
    names where this process knows it, else by the one in force.
    """

    def __init__(
        self,
        engine: Callable[[], Engine],
        policies: PolicySet | Reloading[PolicySet],
        settings: JudgeSettings,
        decode: DecodeSettings,
    ) -> None:
        super().__init__()
        if isinstance(policies, PolicySet):
            policies = Reloading(PolicySource(policies))
        self._judge = _Judge(engine, policies, settings, decode)

    def expand(self, escalations: beam.PCollection) -> Any:
        """Apply the step."""
        outputs = escalations | beam.ParDo(self._judge).with_outputs(*_OUTPUTS)
        for name in _OUTPUTS:
            outputs[name].element_type = pa.RecordBatch
        return outputs


_OUTPUTS = ("verdicts", "violations", "deferred", "dead")


class _Judge(beam.DoFn):
    def __init__(
        self,
        engine: Callable[[], Engine],
        policies: Reloading[PolicySet],
        settings: JudgeSettings,
        decode: DecodeSettings,
    ) -> None:
        self._key = uuid.uuid4().hex  # every copy of this step, in every thread, is one user group
        self._engine = engine
        self._policies = policies
        self._settings = settings
        self._decode = decode
        self._bundle: Bundle | None = None

    def setup(self) -> None:
        policies = RELOADS.acquire(self._policies)
        self._known = KnownPolicies(policies, together=self._settings.together)
        self._shared = ENGINES.acquire(
            self._key,
            self._engine,
            self._settings.max_in_flight,
            self._settings.cache_bytes,
            self._settings.budget,
            self._settings.shadow_budget,
            self._settings.reuse,
        )
        self._provenance = Provenance(
            self._settings.run,
            self._settings.cluster,
            self._settings.mode,
            self._shared.engine.name,
            self._shared.engine.model,
        )
        freeze_objects("judge")

    def start_bundle(self) -> None:
        if self._bundle is not None:
            self._bundle.abandon()
        self._bundle = Bundle(self._shared, self._settings.timeout_seconds, self._provenance)
        self._ended: list[Ended] = []
        self._emitted = time.monotonic()
        self._timestamp: Any = None

    def process(
        self, batch: pa.RecordBatch, timestamp: Any = beam.DoFn.TimestampParam
    ) -> Iterator[Any]:
        assert self._bundle is not None
        if self._timestamp is None or timestamp < self._timestamp:
            self._timestamp = timestamp
        known, unknown = self._escalated(batch)
        self._ended += unknown
        gauge_judge(self._shared)
        for ended in self._bundle.take(batch, known):
            yield from self._kept(ended)

    def finish_bundle(self) -> Iterator[Any]:
        assert self._bundle is not None
        for ended in self._bundle.finish():
            yield from self._windowed(self._kept(ended))
        yield from self._windowed(self._emit())
        self._bundle = None

    def teardown(self) -> None:
        if self._bundle is not None:
            self._bundle.abandon()
        ENGINES.release(self._key)
        RELOADS.release(self._policies)

    def _escalated(self, batch: pa.RecordBatch) -> tuple[list[Escalated], list[Dead]]:
        known: list[Escalated] = []
        unknown: list[Dead] = []
        named = (batch["policy_id"].to_pylist(), batch["policy_version"].to_pylist())
        for number, (policy_id, version) in enumerate(zip(*named, strict=True)):
            row, policy = Row(batch, number), self._known.policy(str(policy_id), str(version))
            if policy is None:
                unknown.append(Dead(row, _unknown(str(policy_id))))
            else:
                known.append(Escalated(row, policy, self._known.group(policy)))
        return known, unknown

    def _kept(self, ended: Ended) -> Iterator[Any]:
        self._ended.append(ended)
        if len(self._ended) >= _EMIT_ROWS or time.monotonic() - self._emitted >= _EMIT_SECONDS:
            yield from self._emit()

    def _emit(self) -> Iterator[Any]:
        ended, self._ended = self._ended, []
        self._emitted = time.monotonic()
        now = time.time_ns() // 1000
        gauge_judge(self._shared)
        if self._bundle is not None:
            count_requests(self._bundle)
        if judged := [each for each in ended if isinstance(each, Judged)]:
            if warning := self._shared.unreadable.record(each.verdict for each in judged):
                _LOG.warning("%s", warning)
            rows = verdict_batch(judged, self._provenance, self._decode, now)
            violations = violations_of(rows)
            account_for_verdicts(judged, violations, now)
            yield beam.pvalue.TaggedOutput("verdicts", verdicts_of(rows))
            if violations.num_rows:
                yield beam.pvalue.TaggedOutput("violations", violations)
        if deferred := [each for each in ended if isinstance(each, Deferred)]:
            rows = deferred_batch(deferred, self._provenance, now)
            account_for_deferrals(rows)
            yield beam.pvalue.TaggedOutput("deferred", rows)
        if dead := [each for each in ended if isinstance(each, Dead)]:
            batches = dead_letter_batches(dead, self._provenance)
            account_for_dead(dead, batches)
            for letters in batches:
                yield beam.pvalue.TaggedOutput("dead", letters)

    def _windowed(self, outputs: Iterable[Any]) -> Iterator[Any]:
        for output in outputs:
            value = WindowedValue(output.value, self._timestamp, (GlobalWindow(),))
            yield beam.pvalue.TaggedOutput(output.tag, value)


def _unknown(policy_id: str) -> Failed:
    return Failed("unknown_policy", f"no policy {policy_id!r} is in force")
