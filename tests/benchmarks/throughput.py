"""CPU time per message, Weir in Beam against a plain loop and against the usual choice.

``python -m tests.benchmarks.throughput [--messages N] [--repeats N] [--out FILE]``: one broker, one
topic, every contender in a process of its own, in turn, so that the ratios hold on a noisy machine.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa

from tests.benchmarks.corpus import FLAGGED_SHARE, messages
from tests.benchmarks.measured import FLAGGED
from weir.pipelines.demo import PARTITIONS, Stack, local_stack
from weir.transforms.kafka.settings import ensure_topics
from weir.transforms.screen import STARTER, Screen

Stacks = Callable[[], AbstractContextManager[Stack]]
Run = Callable[[str, Sequence[str]], None]


def apart(module: str, arguments: Sequence[str]) -> None:
    """Run a module of this folder in a process of its own."""
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments]
    subprocess.run(command, check=True, timeout=900)


def main(argv: Sequence[str] | None = None, stack: Stacks = local_stack, run: Run = apart) -> None:
    """Measure, print a table, and write what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    options = parser.parse_args(argv)
    with stack() as local, tempfile.TemporaryDirectory() as folder:
        ensure_topics(local.kafka, [FLAGGED, "usual-flagged"], 1)
        size = _fill(local, "bench", options.messages)
        _fill(local, "bench-quarter", options.messages // 4)
        contenders = Contenders(local, Path(folder), run)
        _screen().save(Path(folder), {})
        runs: dict[str, list[dict[str, Any]]] = {"usual": [], "loop": [], "beam": []}
        for number in range(options.repeats):
            for how, measured in runs.items():
                print(f"run {number + 1} of {options.repeats}: {how}", file=sys.stderr)
                measured.append(contenders.measure(how, "bench", options.messages))
        quarter = contenders.measure("beam", "bench-quarter", options.messages // 4)
    report = {
        "messages": options.messages,
        "bytes_per_message": size / options.messages,
        "cpu_us_per_message": {how: _median(runs[how], "cpu_us") for how in runs},
        "beam_to_usual": _ratio(runs["beam"], runs["usual"]),
        "beam_adds_us": _difference(runs["beam"], runs["loop"], "cpu_us"),
        "outside_the_stages_us": {
            how: _median(runs[how], "outside_us") for how in ("loop", "beam")
        },
        "peak_mb": {
            "beam": max(run["peak_mb"] for run in runs["beam"]),
            "beam, a quarter of the messages": quarter["peak_mb"],
        },
        "stages_us": {
            stage: {how: median(run["stages_us"][stage] for run in runs[how]) for how in _OURS}
            for stage in runs["beam"][0]["stages_us"]
        },
        "runs": runs,
    }
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    _print(report)
    print(f"\nall of it is in {options.out}")


_OURS = ("loop", "beam")


def _screen() -> Screen:
    """Return the starter screen with thresholds that escalate about 5 % of the corpus."""
    starter = Screen.load(STARTER)
    sample = pa.array([json.loads(value)["text"] for _, value in messages(4000, seed=11)])
    scores = starter.score(sample)
    return starter.with_thresholds(np.quantile(scores, 1 - FLAGGED_SHARE / scores.shape[1], axis=0))


def _fill(stack: Stack, topic: str, count: int) -> int:
    ensure_topics(stack.kafka, [topic], PARTITIONS)
    producer, size = stack.kafka.producer(), 0
    for key, value in messages(count):
        producer.send(topic, key=key, value=value)
        size += len(value)
    producer.flush()
    producer.close()
    return size


@dataclass(frozen=True)
class Contenders:
    """Those that are compared, over one stack; ``folder`` holds the screen."""

    stack: Stack
    folder: Path
    run: Run

    def measure(self, how: str, topic: str, count: int) -> dict[str, Any]:
        """Run one of them; SystemExit where it has not read every message."""
        out = self.folder / "measured.json"
        kafka, bigquery = self.stack.kafka, self.stack.bigquery
        if how == "usual":
            brokers = kafka.bootstrap_servers
            self.run("usual", [brokers, topic, str(count), str(PARTITIONS), str(out)])
        else:
            job = {
                "how": how,
                "bootstrap": kafka.bootstrap_servers,
                "topic": topic,
                "project": bigquery.project,
                "dataset": bigquery.dataset,
                "rest": bigquery.rest_endpoint,
                "grpc": bigquery.grpc_endpoint,
                "screen": str(self.folder),
            }
            self.run("measured", [json.dumps(job), str(out)])
        measured: dict[str, Any] = json.loads(out.read_text())
        if measured["messages"] != count:
            raise SystemExit(f"{how} read {measured['messages']} of {count} messages")
        return measured


def _median(runs: Sequence[dict[str, Any]], name: str) -> float:
    return median(run[name] for run in runs)


def _ratio(ours: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]]) -> float:
    return median(a["cpu_us"] / b["cpu_us"] for a, b in zip(ours, theirs, strict=True))


def _difference(
    ours: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]], name: str
) -> float:
    return median(a[name] - b[name] for a, b in zip(ours, theirs, strict=True))


def _print(report: dict[str, Any]) -> None:
    print(f"{report['messages']:,} messages of {report['bytes_per_message']:.0f} bytes")
    print("\nCPU microseconds per message, start-up and judge left out")
    for how, cost in report["cpu_us_per_message"].items():
        print(f"  {how:24} {cost:8.1f}")
    print(f"  beam / usual             {report['beam_to_usual']:8.3f}")
    print(f"  beam - loop              {report['beam_adds_us']:8.1f}")
    print("\nby stage                       loop     beam")
    for stage, cost in report["stages_us"].items():
        print(f"  {stage:24} {cost['loop']:8.2f} {cost['beam']:8.2f}")
    outside = report["outside_the_stages_us"]
    print(f"  {'outside the stages':24} {outside['loop']:8.2f} {outside['beam']:8.2f}")
    print("\npeak memory, MB")
    for name, peak in report["peak_mb"].items():
        print(f"  {name:34} {peak:8.0f}")


if __name__ == "__main__":
    main()
