"""Whether memory is flat: the job on Prism or Flink for half an hour, every process weighed.

``python -m weir.infra.local.isolated python -m tests.benchmarks.soak prism --minutes 30``,
with a real Kafka broker. Printed for each process: resident MB at the start and at the end, the
slope in MB an hour with twice its standard error, and on Flink the sizes of its checkpoints.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from tests.benchmarks.rigged import at_half, on_flink, stream_of
from tests.runners.stream import Command
from weir.infra.local import flink_cluster

_WARM_SECONDS = 180  # caches fill and JVMs warm up: no part of the slope
_EVERY_SECONDS = 5.0


def resident(root):
    """Return the resident MB of each process below one, by name and id."""
    parents, names, found = {}, {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text().rsplit(")", 1)
            status = (folder / "status").read_text()
            words = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:  # it ended meanwhile
            continue
        pid = int(folder.name)
        parents[pid] = int(stat[1].split()[1])
        kilobytes = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
        found[pid] = int(kilobytes[0]) / 1024 if kilobytes else 0.0
        names[pid] = _named(words)
    return {
        f"{names[pid]} {pid}": megabytes
        for pid, megabytes in found.items()
        if megabytes and pid != root and _is_below(pid, root, parents)
    }


def _named(words):
    known = ("kafka.Kafka", "TaskManagerRunner", "StandaloneSession", "worker_pool_main",
             "sdk_worker_main", "weir.pipelines.job.moderate", "emulator", "prism", "job-server",
             "FlinkJobServerDriver")  # fmt: skip
    line = " ".join(words)
    return next((each for each in known if each in line), Path(words[0]).name)


def _is_below(pid, root, parents):
    while pid in parents and pid != root:
        pid = parents[pid]
    return pid == root


def slope(seconds, megabytes):
    """Return MB an hour, and its standard error, by least squares.

    Samples that follow each other are alike, so their number is taken as that of the minutes.
    """
    hours = np.asarray(seconds) / 3600
    values = np.asarray(megabytes)
    line, constant = np.polyfit(hours, values, 1)
    rest = values - (line * hours + constant)
    minutes = max(3.0, (hours[-1] - hours[0]) * 60)
    error = rest.std() / (hours.std() * np.sqrt(minutes))
    return float(line), float(error)


def checkpoints(folder):
    """Return the bytes of each checkpoint of a folder that is there now."""
    return [
        sum(file.stat().st_size for file in each.parent.glob("*"))
        for each in folder.glob("**/_metadata")
    ]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runner", choices=["prism", "flink"])
    parser.add_argument("--rate", type=float, default=300)
    parser.add_argument("--minutes", type=float, default=30)
    chosen = parser.parse_args(argv)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-soak-")))
        stream = stream_of(stack, folder, at_half)
        arguments, kept = ["--runner=prism"], folder
        no_cache = "--cache-mb=0"  # it grows to its limit, as it should, and for hours here
        if chosen.runner == "flink":
            cluster = stack.enter_context(flink_cluster())
            arguments, kept = on_flink(cluster), cluster.folder / "checkpoints"
        job = stack.enter_context(
            Command([*stream.arguments(), *arguments, no_cache], folder / "log")
        )
        samples, sizes = [], []
        with stream.sending(chosen.rate):
            began = time.monotonic()
            while (passed := time.monotonic() - began) < _WARM_SECONDS + chosen.minutes * 60:
                time.sleep(_EVERY_SECONDS)
                assert job.process.poll() is None, job.log.read_text("utf-8", "replace")[-3000:]
                if passed > _WARM_SECONDS:
                    samples.append((passed, resident(os.getpid())))
                    sizes.append(max(checkpoints(kept), default=0))
        account = stream.wait_until_labelled()
        job.terminate()
    print(json.dumps({"runner": chosen.runner, "minutes": chosen.minutes, "account": str(account)}))
    for name in sorted(set.intersection(*(set(found) for _, found in samples))):
        megabytes = [found[name] for _, found in samples]
        grows, error = slope([at for at, _ in samples], megabytes)
        ends = np.mean(megabytes[:12]), np.mean(megabytes[-12:])
        print(f"{name:32}{ends[0]:8.0f} ->{ends[1]:6.0f} MB{grows:+9.1f} +-{2 * error:.1f} MB/h")
    if any(sizes):
        print(f"checkpoints: {sizes[0]} -> {sizes[-1]} bytes, {max(sizes)} at most")


if __name__ == "__main__":
    main()
