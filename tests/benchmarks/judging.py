"""The same requests at the same engine: given to it directly, by the judge in Beam, and in bundles.

What is counted of each is the time from the first submission to the last result and, apart from
it, the whole time with start-up.
"""

import json
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from tests.benchmarks.arriving import Arriving
from tests.benchmarks.batching_model import Fleet
from tests.benchmarks.corpus import messages
from tests.benchmarks.simulated_gpu import Simulation
from weir.pipelines.runners import IN_PROCESS
from weir.policies.policy import Policy, PolicySet
from weir.transforms import coders
from weir.transforms.decode import DecodeSettings
from weir.transforms.judge import JudgeContent, JudgeSettings
from weir.transforms.judge.budget import UNLIMITED, Allowance
from weir.transforms.judge.bundle import Bundle, Ended, Escalated
from weir.transforms.judge.cache import VerdictCache
from weir.transforms.judge.engine import Completion, Engine, Request
from weir.transforms.judge.rows import Judged, Provenance, Row, verdict_batch
from weir.transforms.judge.shared_engine import SharedEngine, Slots
from weir.transforms.records import ESCALATION, Mode

coders.register()

ROWS = 32  # in a batch of escalations, as the screen makes them
_PATIENCE_SECONDS = 3600.0  # an expired request would count as a quick one


@dataclass(frozen=True)
class Measured:
    """How one contender did. Seconds count from the first submission to the last result."""

    requests: int
    seconds: float
    seconds_with_start_up: float
    per_s: float
    mean_in_flight: float
    failed: int

    def record(self) -> dict[str, float]:
        """Return the fields, for JSON."""
        return asdict(self)


def measured(
    submitted: Sequence[float], ended: Sequence[float], started: float, last: float, failed: int = 0
) -> Measured:
    """Return what the times say: of each submission, each answer, the start, the last result."""
    count, seconds = len(ended), last - min(submitted)
    return Measured(
        requests=count,
        seconds=seconds,
        seconds_with_start_up=time.monotonic() - started,
        per_s=count / seconds,
        mean_in_flight=(sum(ended) - sum(submitted)) / seconds,
        failed=failed,
    )


@dataclass
class Watched:
    """An engine that is watched: when requests came to it, and when it answered.

    Closing it does nothing, so that one engine serves every contender.
    """

    engine: Engine
    submitted: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    failed: int = 0

    def __post_init__(self) -> None:
        self.name, self.model = self.engine.name, self.engine.model
        self.capacity, self.content_tokens = self.engine.capacity, self.engine.content_tokens

    def submit(self, asked: Sequence[Request]) -> list["Future[Completion]"]:
        """Pass the requests on."""
        self.submitted += [time.monotonic()] * len(asked)
        futures = self.engine.submit(asked)
        for future in futures:
            future.add_done_callback(self._done)
        return futures

    def close(self) -> None:
        """Leave the engine to whoever made it."""

    def forget(self) -> None:
        """Begin anew, for the next contender."""
        self.submitted, self.ended, self.failed = [], [], 0

    def measured(self, started: float, last: float) -> Measured:
        """Return what was seen of a contender that began and had its last result at these times."""
        return measured(self.submitted, self.ended, started, last, self.failed)

    def _done(self, future: "Future[Completion]") -> None:
        self.failed += future.cancelled() or future.exception() is not None
        self.ended.append(time.monotonic())


def escalated(count: int, policies: PolicySet) -> list[pa.RecordBatch]:
    """Return ``count`` escalations of distinct posts, under each policy in turn."""
    return [
        pa.RecordBatch.from_pylist(
            [_row(number, value, policies) for number, (_, value) in numbered], ESCALATION
        )
        for numbered in _batched(enumerate(messages(count)), ROWS)
    ]


def directly(watched: Watched, batches: Sequence[pa.RecordBatch], policies: PolicySet) -> Measured:
    """Submit everything at once: what the engine can do."""
    watched.forget()
    started = time.monotonic()
    wait(watched.submit(requests(batches, policies)))
    return watched.measured(started, time.monotonic())


def ideally(
    simulation: Simulation, batches: Sequence[pa.RecordBatch], policies: PolicySet
) -> Measured:
    """Return what the simulation's model says on its own, without threads and without a clock."""
    fleet, started = Fleet(simulation.gpu, simulation.gpus), time.monotonic()
    ended: list[float] = []
    for asked in (warming(policies), requests(batches, policies)):
        begins, ended = max(ended, default=0.0), []
        fleet.add([simulation.job(number, each) for number, each in enumerate(asked)], begins)
        while (due := fleet.next_end()) is not None:
            ended += [each.ended for each in fleet.take(due)]
    ended = [(each - begins) / simulation.time_scale for each in ended]
    return measured([0.0] * len(ended), ended, started, ended[-1])


def warming(policies: PolicySet) -> list[Request]:
    """Return one request a policy, so that every prefix is cached before anybody is measured."""
    return requests(escalated(len(policies.policies), policies), policies)


def requests(batches: Sequence[pa.RecordBatch], policies: PolicySet) -> list[Request]:
    """Return the rows as requests."""
    return [
        Request(f"{offset}-{policy_id}", text, policies[policy_id])
        for batch in batches
        for offset, policy_id, text in zip(
            *(batch[name].to_pylist() for name in ("offset", "policy_id", "text")), strict=True
        )
    ]


def in_beam(
    watched: Watched,
    batches: Sequence[pa.RecordBatch],
    policies: PolicySet,
    source_rows: int | None = None,
    options: Sequence[str] = (),
) -> Measured:
    """Judge in a pipeline, on the runner that the options name; in process where they do not.

    The source ends a bundle after ``source_rows`` escalations; None: it has one bundle. Between
    it and the judge fusion is broken where the job breaks it: everywhere but in process.
    """
    watched.forget()
    started = time.monotonic()
    seen = _Seen()
    in_process = not any(option.startswith("--runner") for option in options)
    pipeline = beam.Pipeline(
        IN_PROCESS if in_process else None, options=PipelineOptions(list(options))
    )
    per_bundle = len(batches) if source_rows is None else max(1, source_rows // ROWS)
    escalations = pipeline | Arriving(_lend(batches), per_bundle)
    if not in_process:
        escalations |= beam.Reshuffle()
    judged = escalations | _judge(watched, policies)
    judged.verdicts | beam.Map(_see, _lend(seen))
    pipeline.run().wait_until_finish()
    return _all(seen, watched, batches, started)


def in_bundles(
    watched: Watched,
    batches: Sequence[pa.RecordBatch],
    policies: PolicySet,
    threads: int,
    rows: int,
) -> Measured:
    """Judge in bundles of so many rows, so many of them at once, as a streaming runner would.

    Each thread takes the next bundle when its last one has ended; all share one engine's places.
    """
    watched.forget()
    started = time.monotonic()
    shared = SharedEngine(
        watched,
        Slots(lambda: watched.capacity),
        VerdictCache(0, watched.model),
        Allowance(UNLIMITED),
    )
    bundles: queue.SimpleQueue[Sequence[pa.RecordBatch]] = queue.SimpleQueue()
    for bundle in _batched(batches, max(1, rows // ROWS)):
        bundles.put(bundle)
    seen = _Seen()
    workers = [
        threading.Thread(target=_work, args=(shared, policies, bundles, seen))
        for _ in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return _all(seen, watched, batches, started)


def _row(number: int, value: bytes, policies: PolicySet) -> dict[str, Any]:
    post = json.loads(value)
    text = f"{post['text']} {number}"  # no two alike, or a cache would answer
    return escalation(number, text, policies.policies[number % len(policies.policies)])


def escalation(number: int, text: str, policy: Policy) -> dict[str, Any]:
    """Return a row of ESCALATION: the post of that offset under a policy."""
    return {
        "content_id": f"p{number:07d}",
        "text": text,
        "created_at": 0,
        "language": "en",
        "topic": "bench",
        "partition": 0,
        "offset": number,
        "timestamp": 0,
        "value": json.dumps({"text": text}).encode(),
        "headers": [],
        "policy_id": policy.policy_id,
        "policy_version": policy.version,
        "screen_version": "bench",
        "route": "escalate",
        "score": 0.5,
        "inclusion_probability": 1.0,
    }


def _work(
    shared: SharedEngine,
    policies: PolicySet,
    bundles: "queue.SimpleQueue[Sequence[pa.RecordBatch]]",
    seen: "_Seen",
) -> None:
    provenance = Provenance("bench", "bench", Mode.ENFORCE, shared.engine.name, shared.engine.model)
    while True:
        try:
            batches = bundles.get_nowait()
        except queue.Empty:
            return
        bundle = Bundle(shared, _PATIENCE_SECONDS)
        ended: list[Ended] = []
        for batch in batches:
            named = enumerate(batch["policy_id"].to_pylist())
            rows = [Escalated(Row(batch, number), policies[name]) for number, name in named]
            ended += bundle.take(batch, rows)
        ended += bundle.finish()
        judged = [each for each in ended if isinstance(each, Judged)]
        seen.see(verdict_batch(judged, provenance, DecodeSettings(), time.time_ns() // 1000))


def _judge(watched: Watched, policies: PolicySet) -> JudgeContent:
    settings = JudgeSettings(
        run="bench",
        cluster="bench",
        max_in_flight=watched.capacity,
        timeout_seconds=_PATIENCE_SECONDS,
    )
    return JudgeContent(_lend(watched), policies, settings, DecodeSettings())


class _Seen:
    """The verdicts that came out of the judge, and when the last of them did."""

    def __init__(self) -> None:
        self._rows: list[int] = []  # appending is safe between threads, adding is not
        self.last = 0.0

    @property
    def verdicts(self) -> int:
        return sum(self._rows)

    def see(self, batch: pa.RecordBatch) -> None:
        self._rows.append(batch.num_rows)
        self.last = time.monotonic()


def _see(batch: pa.RecordBatch, seen: Any) -> None:
    seen().see(batch)


def _all(
    seen: _Seen, watched: Watched, batches: Sequence[pa.RecordBatch], started: float
) -> Measured:
    # The judge's own account, so that nothing lost or failed passes for speed.
    rows = sum(batch.num_rows for batch in batches)
    if seen.verdicts != rows:
        raise SystemExit(f"{seen.verdicts} verdicts of {rows} escalations: nothing was measured")
    return watched.measured(started, seen.last)


_LENT: list[Any] = []


@dataclass(frozen=True)
class _Lent:
    """Stands for a thing of this process in what Beam pickles."""

    number: int

    def __call__(self) -> Any:
        return _LENT[self.number]


def _lend(thing: Any) -> _Lent:
    _LENT.append(thing)
    return _Lent(len(_LENT) - 1)


def _batched(items: Any, size: int) -> Iterator[tuple[Any, ...]]:
    items = iter(items)
    while batch := tuple(islice(items, size)):
        yield batch
