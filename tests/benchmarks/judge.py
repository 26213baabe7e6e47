"""How much of an engine's speed the judge in Beam leaves, in requests a second.

``python -m tests.benchmarks.judge [--gpus 1 8] [--seconds N] [--out FILE]`` measures with a
SIMULATION of H100s; ``--engine vllm``, with that engine's own options, with the real thing.
Everything that is compared runs on the same requests and the same engine, in one process, in turn.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, cast

from tests.benchmarks.batching_model import (
    PUBLISHED_REQUESTS_PER_S,
    PUBLISHED_TOKENS_IN,
    PUBLISHED_TOKENS_OUT,
)
from tests.benchmarks.judging import (
    ROWS,
    Measured,
    Watched,
    directly,
    escalated,
    ideally,
    in_beam,
    in_bundles,
    requests,
    warming,
)
from tests.benchmarks.simulated_gpu import Simulation
from weir.pipelines.options.job import JobOptions, read
from weir.pipelines.settings.engines import engine_factory
from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import Contract, PolicySet
from weir.transforms.judge.engine import Engine

if TYPE_CHECKING:
    from weir.transforms.judge.vllm.engine import VllmEngine

SOURCE_ROWS = 1000  # escalated from a source bundle of 20,000 posts at 5 %
LONG_ROWS = 32_000  # what one H100 answers in ten minutes
MODEL = "the model alone"  # what the simulation says without threads and without a clock
BUNDLES_AT_ONCE = 8  # on Prism; on Flink, the parallelism
ESCALATED_SHARE = 0.05
_SHAPES_SCALE = (
    8.0  # what the host costs weighs eight times as much in those, so it is not flattery
)

Way = Callable[[], Measured]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print tables, and write what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default="simulated")
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 8], help="simulated ones")
    parser.add_argument("--seconds", type=float, default=120, help="that each run is to take")
    parser.add_argument("--shape-requests", type=int, default=8000, help="for shapes of bundles")
    parser.add_argument("--time-scale", type=float, default=1.0, help="simulated s in one s")
    parser.add_argument("--requests", type=int, default=200, help="where nothing is simulated")
    parser.add_argument("--repeats", type=int, default=3, help="where nothing is simulated")
    parser.add_argument("--prism", type=Path, help="the runner's binary, to measure on it as well")
    parser.add_argument("--out", type=Path, default=Path("bench-judge.json"))
    options, of_engine = parser.parse_known_args(argv)
    policies = load_policies(LIBRARY)
    if options.engine == "simulated":
        report = _simulated(policies, options)
    else:
        report = _real(policies, options, of_engine)
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    print(f"\nall of it is in {options.out}")


def _simulated(policies: PolicySet, options: argparse.Namespace) -> dict[str, Any]:
    print(_ASSUMPTIONS)
    simulation = Simulation(time_scale=options.time_scale)
    report: dict[str, Any] = {"simulation": asdict(simulation), "full_rate": {}}
    for gpus in options.gpus:
        of = replace(simulation, gpus=gpus)
        runs = _full_rate(of, policies, options.seconds)
        report["full_rate"][gpus] = _told(f"{gpus} simulated H100, time x{of.time_scale:g}", runs)
        _plan(runs["beam"], of)
    of = replace(simulation, time_scale=_SHAPES_SCALE)
    runs = _shapes(of, policies, options.shape_requests, options.prism)
    report["bundles"] = _told(f"bundles, 1 simulated H100, time x{of.time_scale:g}", runs)
    return report


def _full_rate(simulation: Simulation, policies: PolicySet, seconds: float) -> dict[str, Measured]:
    count = round(seconds * PUBLISHED_REQUESTS_PER_S * simulation.gpus * simulation.time_scale)
    batches, engine = escalated(count, policies), simulation()
    watched = Watched(engine)
    ways: dict[str, Way] = {
        MODEL: lambda: ideally(simulation, batches, policies),
        "direct": lambda: directly(watched, batches, policies),
        "beam": lambda: in_beam(watched, batches, policies),
    }
    return _measured(engine, watched, policies, ways)


def _shapes(
    simulation: Simulation, policies: PolicySet, requests: int, prism: Path | None
) -> dict[str, Measured]:
    batches, engine = escalated(requests, policies), simulation()
    watched = Watched(engine)
    ways: dict[str, Way] = {
        MODEL: lambda: ideally(simulation, batches, policies),
        "direct": lambda: directly(watched, batches, policies),
    }
    for rows in (SOURCE_ROWS // 5, SOURCE_ROWS, LONG_ROWS):
        ways[f"in process, bundles of {rows:,}"] = partial(
            in_beam, watched, batches, policies, rows
        )
    for rows in (ROWS, 128, 256, SOURCE_ROWS):
        ways[f"{BUNDLES_AT_ONCE} threads, bundles of {rows:,}"] = partial(
            in_bundles, watched, batches, policies, BUNDLES_AT_ONCE, rows
        )
    if prism is not None:
        on_prism = [
            "--runner=PrismRunner",
            f"--prism-location={prism}",
            "--environment-type=LOOPBACK",
            "--job-server-timeout=3600",
        ]
        ways[f"Prism, source bundles of {SOURCE_ROWS:,}"] = lambda: in_beam(
            watched, batches, policies, SOURCE_ROWS, on_prism
        )
    return _measured(engine, watched, policies, ways)


def _measured(
    engine: Engine, watched: Watched, policies: PolicySet, ways: dict[str, Way]
) -> dict[str, Measured]:
    try:
        wait(engine.submit(warming(policies)))
        return {name: way() for name, way in ways.items()}
    finally:
        engine.close()


def _told(title: str, runs: dict[str, Measured]) -> dict[str, Any]:
    print(f"\n{title}")
    against = [name for name in (MODEL, "direct") if name in runs]
    head = ["requests", "s", "+start-up", "in flight", "failed", "req/s"]
    head += ["/ model" if name == MODEL else f"/ {name}" for name in against]
    print(f"  {'':34}" + "".join(f"{name:>10}" for name in head))
    shares = {
        name: {other: each.per_s / runs[other].per_s for other in against}
        for name, each in runs.items()
    }
    for name, each in runs.items():
        print(
            f"  {name:34}{each.requests:10,}{each.seconds:10.1f}{each.seconds_with_start_up:10.1f}"
            f"{each.mean_in_flight:10.0f}{each.failed:10}{each.per_s:10.2f}"
            + "".join(f"{share:10.1%}" for share in shares[name].values()),
            flush=True,
        )
    return {name: {**each.record(), "of": shares[name]} for name, each in runs.items()}


def _plan(beam: Measured, simulation: Simulation) -> None:
    judged = beam.per_s / simulation.time_scale
    print(
        f"  so, SIMULATED: {judged:,.0f} judged a second, which is {judged / ESCALATED_SHARE:,.0f} "
        f"posts a second where {ESCALATED_SHARE:.0%} of them escalate to one policy each"
    )


def _real(
    policies: PolicySet, options: argparse.Namespace, of_engine: Sequence[str]
) -> dict[str, Any]:
    said = JobOptions.of(read([f"--engine={options.engine}", *of_engine])[0])
    engine = engine_factory(said.judge, said.endpoint, policies)()
    # Answers of a label are the shortest there are, so what Weir costs weighs most.
    policies = PolicySet(tuple(replace(p, contract=Contract.LABEL) for p in policies.policies))
    watched, batches = Watched(engine), escalated(options.requests, policies)
    ways: dict[str, Way] = {
        "direct": lambda: directly(watched, batches, policies),
        "beam": lambda: in_beam(watched, batches, policies),
    }
    if engine.name == "vllm":
        from tests.benchmarks.vllm_ways import all_at_once, by_run_inference

        vllm = cast("VllmEngine", engine)
        ways = {
            "direct": lambda: all_at_once(vllm, requests(batches, policies)),
            "direct, by the engine": ways["direct"],
            "beam": ways["beam"],
        }
    rounds = []
    try:
        # Once unmeasured, or the first would fill the prefix cache for the others.
        directly(watched, batches, policies)
        for number in range(options.repeats):
            runs = _round(ways, number)
            rounds.append(_told(f"{engine.name}, round {number + 1}", runs))
    finally:
        engine.close()
    report: dict[str, Any] = {"engine": engine.name, "model": engine.model, "rounds": rounds}
    report["beam_to_direct"] = median(each["beam"]["of"]["direct"] for each in rounds)
    print(f"\nbeam / direct, the median of the rounds: {report['beam_to_direct']:.1%}")
    if engine.name == "vllm":  # when the engine is gone: they would share the processor
        runs["RunInference"], sizes = by_run_inference(vllm, batches, policies)
        told = _told("RunInference on a server with the same settings, beside the last round", runs)
        report["run_inference"] = {**told["RunInference"], "batches": sizes}
        print(f"  it sent batches of {sizes}, each as long as its slowest")
    return report


def _round(ways: dict[str, Way], number: int) -> dict[str, Measured]:
    """Run each way once, every other time backwards, so that a drift favours nobody."""
    order = list(ways) if number % 2 == 0 else list(reversed(ways))
    runs = {name: ways[name]() for name in order}
    return {name: runs[name] for name in ways}


_ASSUMPTIONS = f"""A SIMULATION, for capacity planning: no model runs and the verdicts mean nothing.
Published: {PUBLISHED_REQUESTS_PER_S} requests/s of gpt-oss-20b on one H100 at \
{PUBLISHED_TOKENS_IN} tokens in and {PUBLISHED_TOKENS_OUT} out.
Derived from it: the time of a decoding step at a full batch.
Assumed: 256 sequences at once, 50,000 prompt tokens/s, 250 tokens/s for a request alone, answers
of {PUBLISHED_TOKENS_OUT} tokens on average with the slowest 1 % ten times as long as the median,
4 characters a token, a policy's prefix read once and cached, contexts that cost nothing."""


if __name__ == "__main__":
    main()
