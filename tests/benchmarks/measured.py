"""One measured run over a topic, in a process of its own: in Beam, or in a plain loop.

Both call the same functions. The judge is left out: what the screen escalates is flagged as it
is, so that the flagged topic is paid for.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
from kafka import TopicPartition

import transforms.decode.step
import transforms.screen.step
import transforms.write.bigquery
import transforms.write.flagged
from pipelines.moderate import IN_PROCESS
from policies.loading import LIBRARY, load_policies
from tests.benchmarks.stages import SECONDS, timed, timing
from transforms.counts import counts_of
from transforms.decode import Decode, DecodeSettings
from transforms.kafka import KafkaSettings
from transforms.read import ReadFromKafka, Start, Stop
from transforms.read.consumers import PartitionReader
from transforms.read.partitions import find_slices
from transforms.records import VIOLATION
from transforms.screen import ScreenContent, ScreenSettings, ScreenSource
from transforms.write.bigquery import BigQuerySettings, WriteToBigQuery
from transforms.write.flagged import WriteFlagged
from transforms.write.outbox import MAX_RECORD_BYTES

FLAGGED = "bench-flagged"


def violations(escalated: pa.RecordBatch) -> pa.RecordBatch:
    """Return escalations as the violations they would be if the judge agreed with the screen."""
    rows = escalated.num_rows
    said = {
        "decision_id": pa.array([f"bench-{i}" for i in range(rows)]),
        "run": pa.repeat("bench", rows),
        "mode": pa.repeat("enforce", rows),
        "judged_at": escalated["created_at"],
        "verdict": pa.repeat("violates", rows),
        "engine": pa.repeat("none", rows),
        "model": pa.repeat("none", rows),
        "effort": pa.repeat("low", rows),
        "cached": pa.repeat(False, rows),
    }
    known = set(escalated.schema.names)
    return pa.RecordBatch.from_arrays(
        [
            said[field.name]
            if field.name in said
            else escalated[field.name]
            if field.name in known
            else pa.nulls(rows, field.type)
            for field in VIOLATION
        ],
        schema=VIOLATION,
    )


class _Flag(beam.DoFn):
    def process(self, batch: pa.RecordBatch) -> Any:
        yield violations(batch)


def in_beam(
    kafka: KafkaSettings, topic: str, bigquery: BigQuerySettings, screen: ScreenSource
) -> int:
    """Run the job's own transforms; return the messages read."""
    run = {"run": "bench", "cluster": "bench"}
    pipeline = beam.Pipeline(runner=IN_PROCESS)
    read = pipeline | "Read" >> ReadFromKafka(
        kafka, (topic,), Start.parse("earliest"), Stop.parse("latest")
    )
    decoded = read | "Decode" >> Decode(DecodeSettings(), **run)
    screened = decoded.content | "Screen" >> ScreenContent(
        screen, load_policies(LIBRARY), ScreenSettings(audit_rate=0.0, **run)
    )
    flagged = screened.escalations | "Flag" >> beam.ParDo(_Flag()).with_output_types(pa.RecordBatch)
    _ = flagged | "Send" >> WriteFlagged(kafka, FLAGGED, source="/bench")
    _ = screened.screenings | "Write" >> WriteToBigQuery(bigquery, "screenings", **run)
    result = pipeline.run()
    result.wait_until_finish()
    return counts_of(result).messages


def in_a_loop(
    kafka: KafkaSettings, topic: str, bigquery: BigQuerySettings, screen: ScreenSource
) -> int:
    """Call the steps' functions one after the other; return the messages read."""
    run = {"run": "bench", "cluster": "bench"}
    decode = transforms.decode.step._DecodeDoFn(DecodeSettings(), **run)
    screening = transforms.screen.step._Screen(
        screen, load_policies(LIBRARY), ScreenSettings(audit_rate=0.0, **run)
    )
    write = transforms.write.bigquery._Write(
        transforms.write.bigquery._Connect(bigquery, "screenings"), "screenings", **run
    )
    flag = transforms.write.flagged._WriteDoFn(kafka, FLAGGED, "/bench", MAX_RECORD_BYTES)
    steps = [decode, screening, write, flag]
    for step in steps:
        step.setup()
        step.start_bundle()
    read = 0
    for part in find_slices(kafka, (topic,), Start.parse("earliest"), Stop.parse("latest")):
        reader = PartitionReader(kafka, TopicPartition(part.topic, part.partition))
        reader.seek(part.start)
        position, since = part.start, 0
        while position < part.stop:
            batch, position = reader.poll(4000)
            if batch is None:
                continue
            read += batch.num_rows
            since += batch.num_rows
            for content in decode.process(batch):
                for output in screening.process(content):
                    if isinstance(output, beam.pvalue.TaggedOutput):
                        flag.process(violations(output.value))
                    else:
                        write.process(output, 0, None)
            if since >= 20_000:  # what a bundle holds in Beam
                for step in (write, flag):
                    step.finish_bundle()
                    step.start_bundle()
                since = 0
        reader.close()
    for step in (write, flag):
        step.finish_bundle()
        step.teardown()
    return read


def main() -> None:
    """Run once; the argument is JSON: how, bootstrap, topic, rest, grpc,
    project, dataset, screen, out."""
    job = json.loads(sys.argv[1])
    timed(PartitionReader, "poll", "read")
    decoder = transforms.decode.step.decoder
    transforms.decode.step.decoder = lambda settings: timing(decoder(settings), "decode")
    timed(transforms.screen.step, "scores_of", "score")
    timed(transforms.screen.step, "audited", "route")
    timed(transforms.screen.step, "routes", "route")
    timed(transforms.screen.step, "screenings", "screening rows")
    timed(transforms.screen.step, "escalations", "escalations")
    timed(transforms.write.bigquery._Write, "process", "append")
    timed(transforms.write.bigquery._Write, "finish_bundle", "append")
    timed(transforms.write.flagged._WriteDoFn, "process", "flag")
    timed(transforms.write.flagged._WriteDoFn, "finish_bundle", "flag")
    bigquery = BigQuerySettings(
        job["project"], job["dataset"], rest_endpoint=job["rest"], grpc_endpoint=job["grpc"]
    )
    go = in_beam if job["how"] == "beam" else in_a_loop
    screen = ScreenSource.of(job["screen"])
    started, wall = time.process_time(), time.time()
    read = go(KafkaSettings(job["bootstrap"]), job["topic"], bigquery, screen)
    cpu = time.process_time() - started
    Path(job["out"]).write_text(
        json.dumps(
            {
                "messages": read,
                "cpu_us": cpu / read * 1e6,
                "wall_s": time.time() - wall,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "stages_us": {k: v / read * 1e6 for k, v in SECONDS.items()},
                "outside_us": (cpu - sum(SECONDS.values())) / read * 1e6,
            }
        )
    )


if __name__ == "__main__":
    main()
