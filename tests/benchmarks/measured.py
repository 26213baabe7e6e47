"""One measured run over a topic, in a process of its own: in Beam, or in a plain loop.

Both call the same functions. The judge is left out: what the screen escalates is flagged as it
is, so that the flagged topic is paid for.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import apache_beam as beam
import pyarrow as pa
from kafka import TopicPartition

from tests.benchmarks.stages import timed, timing
from weir.pipelines.runners import IN_PROCESS
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.counts import counts_of
from weir.transforms.decode import Decode, DecodeSettings
from weir.transforms.decode import step as decode_step
from weir.transforms.kafka.outbox import Outbox
from weir.transforms.kafka.partition_reader import PartitionReader
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.read import ReadFromKafka, Start, Stop
from weir.transforms.read.find_slices import find_slices
from weir.transforms.records import VIOLATION
from weir.transforms.screen import ScreenContent, ScreenSettings, ScreenSource
from weir.transforms.screen import step as screening_step
from weir.transforms.screen.thresholds.decide import Applied
from weir.transforms.write import flagged
from weir.transforms.write.bigquery import sink as bigquery_sink
from weir.transforms.write.bigquery.appender import Appender
from weir.transforms.write.bigquery.connection import AppendConnection
from weir.transforms.write.bigquery.rows import ROWS
from weir.transforms.write.bigquery.sink import BigQuerySettings, WriteToBigQuery

# What the steps call is timed where they call it.
decoding: Any = decode_step
screen_step: Any = screening_step
sink: Any = bigquery_sink

FLAGGED = "bench-flagged"
_ROWS = 20_000  # what a bundle holds in Beam
_APPEND_BYTES = 2 << 20  # and an append


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
    run: dict[str, Any] = {"run": "bench", "cluster": "bench"}
    pipeline = beam.Pipeline(runner=IN_PROCESS)
    read = pipeline | "Read" >> ReadFromKafka(
        kafka, (topic,), Start.parse("earliest"), Stop.parse("latest")
    )
    decoded = read | "Decode" >> Decode(DecodeSettings(), **run)
    screened = decoded.content | "Screen" >> ScreenContent(
        screen, load_policies(LIBRARY), ScreenSettings(audit_rate=0.0, **run)
    )
    found = screened.escalations | "Flag" >> beam.ParDo(_Flag()).with_output_types(pa.RecordBatch)
    _ = found | "Send" >> flagged.WriteFlagged(kafka, FLAGGED, source="/bench")
    _ = screened.screenings | "Write" >> WriteToBigQuery(bigquery, "screenings", **run)
    result = pipeline.run()
    result.wait_until_finish()
    return counts_of(result).messages


def in_a_loop(
    kafka: KafkaSettings, topic: str, bigquery: BigQuerySettings, source: ScreenSource
) -> int:
    """Call the steps' functions one after the other; return the messages read."""
    decode, screen = decoding.decoder(DecodeSettings()), _Screening(source)
    outbox, rows = Outbox(kafka, flagged.trim), _Rows(bigquery)
    read = since = 0
    for batch in _batches(kafka, topic):
        read += batch.num_rows
        since += batch.num_rows
        screenings, escalations = screen(decode(batch).content)
        rows.add(screenings)
        for escalated in escalations:
            for record in flagged.flagged_records(violations(escalated), FLAGGED, "/bench"):
                outbox.send(record)
        if since >= _ROWS:
            rows.flush()
            outbox.flush()
            since = 0
    rows.close()
    outbox.flush()
    outbox.close()
    return read


def _batches(kafka: KafkaSettings, topic: str) -> Iterator[pa.RecordBatch]:
    for part in find_slices(kafka, (topic,), Start.parse("earliest"), Stop.parse("latest")):
        reader = PartitionReader(kafka, TopicPartition(part.topic, part.partition))
        reader.seek(part.start)
        position = part.start
        while position < part.stop:
            batch, position = reader.poll(4000)
            if batch is not None:
                yield batch
        reader.close()


class _Screening:
    """What the screen's step does with a batch where nothing is audited and no head is missing."""

    def __init__(self, source: ScreenSource) -> None:
        self._screen, self._policies = source.screen(), load_policies(LIBRARY)
        self._settings = ScreenSettings("bench", "bench", audit_rate=0.0)
        self._applied = [Applied(self._screen, self._policies, None, "bench", 0.0)]

    def __call__(self, content: pa.RecordBatch) -> tuple[pa.RecordBatch, Iterator[pa.RecordBatch]]:
        read = screen_step.score_all([self._screen], content["text"])
        routed = screen_step.routed_posts(
            content["content_id"],
            self._applied,
            read,
            self._settings,
            screen_step.stream_time(content),
        )
        scores, codes = routed.decided[0].scores, routed.codes
        known: dict[str, Any] = {
            "screen_version": self._screen.version,
            "policies": self._policies,
            "settings": self._settings,
        }
        rows = screen_step.screenings(
            content,
            scores,
            codes,
            screened_at=datetime.now(UTC),
            stages=self._screen.stages(read.scores[0]).max(axis=1),
            languages=read.languages,
            **known,
        )
        return rows, screen_step.escalations(content, scores, codes, **known)


class _Rows:
    """Screenings on their way to BigQuery, appended as the sink appends them."""

    def __init__(self, bigquery: BigQuerySettings) -> None:
        def connect() -> AppendConnection:
            return AppendConnection(bigquery.write_client(), bigquery.stream("screenings"))

        self._appender = Appender(connect, "screenings")
        self._waiting: list[pa.RecordBatch] = []

    def add(self, screenings: pa.RecordBatch) -> None:
        self._waiting.append(sink.project(screenings, ROWS["screenings"]))
        if sum(rows.nbytes for rows in self._waiting) >= _APPEND_BYTES:
            self._append()

    def flush(self) -> None:
        self._append()
        if refused := self._appender.drain():
            raise SystemExit(f"BigQuery refused {len(refused)} rows: nothing was measured")

    def close(self) -> None:
        self.flush()
        self._appender.close()

    def _append(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            for part in sink.cut(sink.join_batches(waiting)):
                self._appender.append(part)


# What is timed: an owner, a function of it, and the stage.
_STAGES = (
    (PartitionReader, "poll", "read"),
    (screen_step, "score_all", "score"),
    (screen_step, "routed_posts", "route"),
    (screen_step, "screenings", "screening rows"),
    (screen_step, "escalations", "escalations"),
    (sink, "project", "append"),
    (sink, "join_batches", "append"),
    (Appender, "append", "append"),
    (Appender, "drain", "append"),
    (flagged, "flagged_records", "flag"),
    (Outbox, "send", "flag"),
    (Outbox, "flush", "flag"),
)


@contextmanager
def _timed() -> Iterator[Mapping[str, float]]:
    decoder = decoding.decoder
    with timed(_STAGES) as seconds:

        def made(settings: DecodeSettings) -> Any:
            return timing(decoder(settings), "decode", seconds)

        with patch.object(decoding, "decoder", made):
            yield seconds


def measure(job: Mapping[str, str]) -> dict[str, Any]:
    """Run once; ``job`` is how, bootstrap, topic, rest, grpc, project, dataset and screen."""
    bigquery = BigQuerySettings(
        job["project"], job["dataset"], rest_endpoint=job["rest"], grpc_endpoint=job["grpc"]
    )
    go = in_beam if job["how"] == "beam" else in_a_loop
    screen = ScreenSource.of(job["screen"])
    with _timed() as seconds:
        started, wall = time.process_time(), time.time()
        read = go(KafkaSettings(job["bootstrap"]), job["topic"], bigquery, screen)
        cpu = time.process_time() - started
    return {
        "messages": read,
        "cpu_us": cpu / read * 1e6,
        "wall_s": time.time() - wall,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "stages_us": {stage: spent / read * 1e6 for stage, spent in seconds.items()},
        "outside_us": (cpu - sum(seconds.values())) / read * 1e6,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Run once and write what was measured; the arguments are the job as JSON, and a file."""
    job, out = sys.argv[1:] if argv is None else argv
    Path(out).write_text(json.dumps(measure(json.loads(job))))


if __name__ == "__main__":
    main()
