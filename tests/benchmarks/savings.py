"""What reuse, a ladder of effort and joint questions save, in requests and seconds of a GPU.

``python -m tests.benchmarks.savings [--escalations N] [--json FILE]`` judges one made-up stream
every way, by the judge's own bundles, at a SIMULATED H100, and adds up what the verdicts say they
took. A request costs the GPU what its prompt takes to read, less what the prefix cache holds, and
its part of the decoding steps that it shares with a full batch (see ``batching_model``).

The stream is an assumption, as it was asked for: of the escalated posts 30 % have three policies,
the others one, and 20 % are near-copies of one of the last thousand. Of these a third has another
long number, a third one word changed, a third a few letters more behind. Whether a post violates
is drawn by its first two words, which its copies share.
"""

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tests.benchmarks.batching_model import Gpu
from tests.benchmarks.corpus import messages
from tests.benchmarks.judging import ROWS, escalation
from tests.benchmarks.simulated_gpu import VIOLATING_SHARE, Simulation
from weir.policies.group import groups_of
from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import Effort, PolicySet
from weir.transforms.decode import DecodeSettings
from weir.transforms.judge.asked import route_of
from weir.transforms.judge.budget import UNLIMITED, Allowance
from weir.transforms.judge.bundle import Bundle, Escalated
from weir.transforms.judge.cache import DEFAULT_BYTES, VerdictCache
from weir.transforms.judge.reuse import Reuse, ReuseSettings
from weir.transforms.judge.rows import Judged, Provenance, Row, verdict_batch
from weir.transforms.judge.shared_engine import SharedEngine, Slots
from weir.transforms.records import ESCALATION, Mode, Route

SEVERAL_SHARE, SEVERAL = 0.3, 3  # of the posts, and the policies that they escalate to
_BAND = (0.2, 0.8)  # between which an answer at low effort is in doubt
COPIES_SHARE, RECENT = 0.2, 1000  # of the posts; what they copy is among so many before
_PATIENCE_SECONDS = 3600.0
_TIME_SCALE = 60.0  # nothing is timed: it only has to be in flight for its while

Posts = list[tuple[str, list[str]]]  # text, policy ids


@dataclass(frozen=True)
class Way:
    """How a stream is judged."""

    policies: PolicySet
    together: bool = False
    reuse: bool = False


@dataclass(frozen=True)
class Taken:
    """What 1,000 escalations took."""

    requests: float
    gpu_seconds: float
    reused: float
    checks: float


def posts(count: int, policies: PolicySet, seed: int) -> Iterator[tuple[str, list[str]]]:
    """Yield so many posts with the policies that each is escalated to."""
    rng = random.Random(seed)
    names = [policy.policy_id for policy in policies.policies]
    recent: Posts = []
    for number, (_, value) in enumerate(messages(count, seed=seed)):
        if recent and rng.random() < COPIES_SHARE:
            text, under = rng.choice(recent)
            yield edited(text, number, rng), under
            continue
        several = rng.random() < SEVERAL_SHARE
        under = rng.sample(names, SEVERAL if several else 1)
        text = f"{rng.getrandbits(40):x} {json.loads(value)['text']} {10_000_000 + number}"
        recent = [*recent[-RECENT + 1 :], (text, under)]
        yield text, under


def edited(text: str, number: int, rng: random.Random) -> str:
    """Return a near-copy: the long number, a word after the second, or the end is another."""
    *words, last = text.split()
    match rng.randrange(3):
        case 0:
            last = str(20_000_000 + number)
        case 1:
            words[rng.randrange(2, len(words))] = f"w{number}"
        case 2:
            last += f" {number:x}"
    return " ".join([*words, last])


def batches(of: Sequence[tuple[str, list[str]]], way: Way) -> list[pa.RecordBatch]:
    """Return ESCALATION rows, those of a post beside each other.

    Where several are asked about together, what was cleared of the post is judged beside them.
    """
    every = [policy.policy_id for policy in way.policies.policies]
    rows = [
        escalation(number, text, way.policies[policy_id])
        | ({} if policy_id in under else {"route": str(Route.BESIDE)})
        for number, (text, under) in enumerate(of)
        for policy_id in (every if way.together and len(under) > 1 else under)
    ]
    size = ROWS * (len(every) if way.together else SEVERAL)  # so that few posts are cut in two
    starts = range(0, len(rows), size)
    return [pa.RecordBatch.from_pylist(rows[n : n + size], ESCALATION) for n in starts]


def taken(way: Way, simulation: Simulation, warming: Posts, measured: Posts) -> Taken:
    """Return what the measured posts take, after others that show near-copies to be trusted."""
    engine = simulation()
    try:
        shared = SharedEngine(
            engine,
            Slots(lambda: engine.capacity),
            VerdictCache(DEFAULT_BYTES, engine.model),
            Allowance(UNLIMITED),
            reuse=Reuse(ReuseSettings(DEFAULT_BYTES)) if way.reuse else None,
        )
        verdicts(shared, way, warming)
        return _sum(verdicts(shared, way, measured), simulation.gpu)
    finally:
        engine.close()


def verdicts(shared: SharedEngine, way: Way, of: Posts) -> pa.Table:
    """Return a VERDICT row of each post under each of its policies."""
    provenance = Provenance("bench", "bench", Mode.ENFORCE, shared.engine.name, shared.engine.model)
    bundle = Bundle(shared, _PATIENCE_SECONDS, provenance=provenance)
    groups = groups_of(way.policies.policies) if way.together else {}
    rows: list[Judged] = []
    for batch in batches(of, way):
        named = enumerate(batch["policy_id"].to_pylist())
        escalated = [
            Escalated(Row(batch, number), policy := way.policies[name], groups.get(policy.version))
            for number, name in named
        ]
        rows += [each for each in bundle.take(batch, escalated) if isinstance(each, Judged)]
    rows += [each for each in bundle.finish() if isinstance(each, Judged)]
    judged = [each for each in rows if route_of(each.row) != Route.BESIDE]
    if len(judged) != sum(len(under) for _, under in of):
        raise SystemExit(f"{len(judged)} verdicts are too few: nothing was measured")
    return pa.Table.from_batches([verdict_batch(rows, provenance, DecodeSettings(), 0)])


def _sum(verdicts: pa.Table, gpu: Gpu) -> Taken:
    """Return what verdicts say that they took, for 1,000 of what escalated."""
    beside = pc.sum(pc.equal(verdicts["route"], pa.scalar(str(Route.BESIDE)))).as_py()
    per_1000 = 1000 / (verdicts.num_rows - beside)
    read = pc.sum(pc.subtract(verdicts["tokens_in"], verdicts["tokens_cached"])).as_py()
    decoded = pc.sum(verdicts["tokens_out"]).as_py()
    decoding_s = gpu.step_full_s / gpu.max_num_seqs
    return Taken(
        requests=per_1000 * pc.sum(verdicts["requests"]).as_py(),
        gpu_seconds=per_1000 * (read / gpu.prefill_tokens_per_s + decoded * decoding_s),
        reused=per_1000 * pc.sum(pc.is_valid(verdicts["reused_from"])).as_py(),
        checks=per_1000 * pc.sum(pc.is_valid(verdicts["checked_against"])).as_py(),
    )


def ways(policies: PolicySet) -> dict[str, Way]:
    """Return the ways to judge, the one that the others are compared with first."""
    high = _each(policies, effort=Effort.HIGH)
    ladder = _each(policies, effort=Effort.LOW, second_effort=Effort.HIGH, effort_band=_BAND)
    return {
        "high effort, alone": Way(high),
        "ladder of effort": Way(ladder),
        "together": Way(high, together=True),
        "near-copies": Way(high, reuse=True),
        "all three": Way(ladder, together=True, reuse=True),
    }


def _each(policies: PolicySet, **changes: Any) -> PolicySet:
    return PolicySet(tuple(replace(policy, **changes) for policy in policies.policies))


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=5000, help="that are measured")
    parser.add_argument("--warming", type=int, default=10_000, help="posts before, not measured")
    parser.add_argument("--violating", type=float, default=VIOLATING_SHARE, help="share of posts")
    parser.add_argument("--json", type=Path, default=Path("bench-savings.json"))
    options = parser.parse_args(argv)
    policies = load_policies(LIBRARY)
    stream = list(posts(options.warming + options.posts, policies, seed=7))
    simulation = Simulation(
        violating_share=options.violating, time_scale=_TIME_SCALE, suspected=dict(stream)
    )
    warming, measured = stream[: options.warming], stream[options.warming :]
    found = {
        name: taken(way, simulation, warming, measured) for name, way in ways(policies).items()
    }
    first = next(iter(found.values()))
    print("for 1,000 escalations, SIMULATED on one H100:")
    print(f"  {'':22}{'requests':>10}{'GPU s':>8}{'share':>8}{'reused':>8}{'checks':>8}")
    for name, each in found.items():
        share = each.gpu_seconds / first.gpu_seconds
        print(
            f"  {name:22}{each.requests:10.0f}{each.gpu_seconds:8.2f}{share:8.1%}"
            f"{each.reused:8.0f}{each.checks:8.0f}"
        )
    options.json.write_text(json.dumps({n: asdict(each) for n, each in found.items()}, indent=2))


if __name__ == "__main__":
    main()
