"""One large partition, read by one worker or in parts by two: what the splitting gains.

``python -m tests.benchmarks.replaying [--messages N] [--runner R]``: reads, decodes and screens
one partition of an embedded broker, unsplit and split in turn, and prints seconds and shares. The
in-process runner has two worker processes, so that each has a core and a lock of its own.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa

from tests.benchmarks.corpus import messages
from weir.infra.local import broker
from weir.pipelines.runners import job_options
from weir.transforms.decode import Decode, DecodeSettings
from weir.transforms.kafka.settings import KafkaSettings, ensure_topics
from weir.transforms.read import ReadFromKafka, Start, Stop
from weir.transforms.read.find_slices import find_slices
from weir.transforms.screen import STARTER, Screen

TOPIC = "history"


class Score(beam.DoFn):
    """Screens each batch; writes down which process did so, how many rows, and when."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def setup(self) -> None:
        self.screen = Screen.load(STARTER)

    def process(self, content: pa.RecordBatch) -> None:
        began = time.time()
        self.screen.score(content["text"])
        with (Path(self.folder) / str(os.getpid())).open("a") as out:
            out.write(f"{content.num_rows} {began} {time.time()}\n")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=500_000)
    parser.add_argument("--runner", default="direct")
    parser.add_argument("--processes", type=int, default=2, help="of the in-process runner")
    options = parser.parse_args(argv)
    arguments = [f"--runner={options.runner}"]
    if options.runner == "direct" and options.processes > 1:
        arguments.append(f"--direct-num-workers={options.processes}")
        arguments.append("--direct-running-mode=multi_processing")
    with broker() as bootstrap:
        kafka = KafkaSettings(bootstrap)
        ensure_topics(kafka, [TOPIC], 1)
        _fill(kafka, options.messages)
        for how in ("unsplit", "split"):
            print(json.dumps({"how": how} | _measure(kafka, arguments, split=how == "split")))


def _fill(kafka: KafkaSettings, count: int) -> None:
    producer = kafka.producer(batch_size=512 << 10)
    for _, value in messages(count):
        last = producer.send(TOPIC, value=value, partition=0)
    producer.flush()
    last.get(timeout=240)
    producer.close()


def _measure(kafka: KafkaSettings, arguments: list[str], *, split: bool) -> dict[str, Any]:
    found = tuple(find_slices(kafka, (TOPIC,), Start("earliest"), Stop("latest")))
    with tempfile.TemporaryDirectory() as folder:
        pipeline = beam.Pipeline(options=job_options(arguments))
        batches = pipeline | ReadFromKafka(
            kafka,
            (TOPIC,),
            Start("earliest"),
            Stop("latest"),
            bundle_rows=1 << 40,
            bundle_seconds=3600.0,
            parts=found if split else None,
        )
        decoded = batches | Decode(DecodeSettings(), "bench", "bench")
        decoded.content | "Score" >> beam.ParDo(Score(folder))
        began = time.monotonic()
        pipeline.run().wait_until_finish()
        seconds = time.monotonic() - began
        lines = {
            file.name: [tuple(map(float, line.split())) for line in file.read_text().splitlines()]
            for file in Path(folder).iterdir()
        }
    every = [line for of_one in lines.values() for line in of_one]
    return {
        "rows_by_process": sorted(int(sum(rows for rows, *_ in each)) for each in lines.values()),
        # From the first batch to the last: what starting the workers takes is left out.
        "screening_seconds": round(max(e for *_, e in every) - min(b for _, b, _ in every), 2),
        "seconds": round(seconds, 2),
    }


if __name__ == "__main__":
    main()
