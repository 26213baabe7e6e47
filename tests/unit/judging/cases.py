"""Escalations, the step that judges them in a pipeline, and what came of it."""

import json
from dataclasses import dataclass, replace

import apache_beam as beam
import pyarrow as pa
from apache_beam.metrics import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions

from tests.fakes import ScriptedEngine
from weir.policies.policy import Policy, PolicySet
from weir.transforms import coders
from weir.transforms.counts import Counts, counts_of
from weir.transforms.decode import DecodeSettings
from weir.transforms.judge import JudgeContent, JudgeSettings
from weir.transforms.process.reloading import Reloading
from weir.transforms.records import DEAD_LETTER, DEFERRED, ESCALATION, VERDICT, VIOLATION

coders.register()


POLICY = Policy(
    policy_id="spam",
    title="Spam",
    owner="team",
    text="No spam.",
    labels={"1": "violates", "0": "safe"},
    rules={"R1": "adverts"},
)


FRAUD = replace(POLICY, policy_id="fraud")


SETTINGS = JudgeSettings(run="r", cluster="c", timeout_seconds=20)
CACHED = replace(SETTINGS, cache_bytes=1 << 20)
VERDICT_POSITION = pa.schema([VERDICT.field(name) for name in ("topic", "partition", "offset")])


SEEN: dict[str, list[pa.RecordBatch]] = {}


ENGINES_MADE: list[ScriptedEngine] = []


@dataclass(frozen=True)
class Scripted:
    """A picklable factory; the engines it makes can be looked at afterwards."""

    capacity: int = 1_000
    kind: type[ScriptedEngine] = ScriptedEngine

    def __call__(self) -> ScriptedEngine:
        ENGINES_MADE.append(self.kind(capacity=self.capacity))
        return ENGINES_MADE[-1]


def escalations(*texts, policy_ids=("spam",), partition=0, first=0, **changes):
    rows = [
        {
            "content_id": f"p{first + n}",
            "text": text,
            "created_at": 0,
            "language": "en",
            "topic": "posts",
            "partition": partition,
            "offset": first + n,
            "timestamp": 0,
            "key": b"k",
            "value": json.dumps({"id": f"p{first + n}", "text": text, "likes": 3}).encode(),
            "headers": [{"key": "h", "value": b"v"}],
            "policy_id": policy_id,
            "policy_version": "old",
            "screen_version": "s",
            "route": "escalate",
            "score": 0.5,
            "inclusion_probability": 1.0,
        }
        | changes
        for n, text in enumerate(texts)
        for policy_id in policy_ids
    ]
    return pa.RecordBatch.from_pylist(rows, schema=ESCALATION)


def keep(batch, tag):
    SEEN.setdefault(tag, []).append(batch)


@dataclass
class Judged:
    verdicts: pa.Table
    violations: pa.Table
    deferred: pa.Table
    dead: pa.Table
    counts: Counts
    metrics: dict[str, int]  # of the judge: a counter's value, a distribution's number of values
    engine: ScriptedEngine
    batches: dict[str, list[pa.RecordBatch]]

    def by_id(self, column="verdict"):
        rows = self.verdicts.to_pylist()
        return {row["content_id"]: row[column] for row in rows}


def judge(*batches, settings=SETTINGS, policies=(POLICY,), engine=Scripted()) -> Judged:
    SEEN.clear()
    ENGINES_MADE.clear()
    pipeline = beam.Pipeline("FnApiRunner", options=PipelineOptions([]))
    decides = policies if isinstance(policies, Reloading) else PolicySet(tuple(policies))
    outputs = (
        pipeline
        | beam.Create(list(batches), reshuffle=False)
        | JudgeContent(engine, decides, settings, DecodeSettings())
    )
    for tag in ("verdicts", "violations", "deferred", "dead"):
        outputs[tag] | f"Keep {tag}" >> beam.Map(keep, tag)
    result = pipeline.run()
    result.wait_until_finish()
    schemas = {
        "verdicts": VERDICT,
        "violations": VIOLATION,
        "deferred": DEFERRED,
        "dead": DEAD_LETTER,
    }
    tables = {t: pa.Table.from_batches(SEEN.get(t, []), s) for t, s in schemas.items()}
    found = result.metrics().query(MetricsFilter().with_namespace("weir.judge"))
    metrics = {each.key.metric.name: each.committed for each in found["counters"]}
    metrics |= {each.key.metric.name: each.committed.count for each in found["distributions"]}
    return Judged(
        **tables,
        counts=counts_of(result),
        metrics=metrics,
        engine=ENGINES_MADE[0],
        batches=dict(SEEN),
    )
