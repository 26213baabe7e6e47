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

from tests.benchmarks.stages import SECONDS, timed, timing
from weir.pipelines.job.moderate import IN_PROCESS
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.counts import counts_of
from weir.transforms.decode import Decode, DecodeSettings
from weir.transforms.decode import step as decoding
from weir.transforms.kafka.consumers import PartitionReader
from weir.transforms.kafka.outbox import MAX_RECORD_BYTES
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.read import ReadFromKafka, Start, Stop
from weir.transforms.read.partitions import find_slices
from weir.transforms.records import VIOLATION
from weir.transforms.screen import ScreenContent, ScreenSettings, ScreenSource
from weir.transforms.screen import step as screen_step
from weir.transforms.write import flagged
from weir.transforms.write.bigquery import sink
from weir.transforms.write.bigquery.sink import BigQuerySettings, WriteToBigQuery
from weir.transforms.write.flagged import WriteFlagged

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
    decode = decoding._DecodeDoFn(DecodeSettings(), **run)
    screening = screen_step._Screen(
        screen, load_policies(LIBRARY), ScreenSettings(audit_rate=0.0, **run)
    )
    write = sink._Write(sink._Connect(bigquery, "screenings"), "screenings", **run)
    flag = flagged._WriteDoFn(kafka, FLAGGED, "/bench", MAX_RECORD_BYTES)
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
    decoder = decoding.decoder
    decoding.decoder = lambda settings: timing(decoder(settings), "decode")
    timed(screen_step, "scored", "score")
    timed(screen_step, "sampled", "route")
    timed(screen_step, "routes", "route")
    timed(screen_step, "screenings", "screening rows")
    timed(screen_step, "escalations", "escalations")
    timed(sink._Write, "process", "append")
    timed(sink._Write, "finish_bundle", "append")
    timed(flagged._WriteDoFn, "process", "flag")
    timed(flagged._WriteDoFn, "finish_bundle", "flag")
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
