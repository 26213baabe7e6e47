"""The graph: Kafka, decode, screen, judge, and the three places that decisions go."""

from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa

from pipelines.options import ModerationSettings
from transforms import coders
from transforms.decode import Decode
from transforms.judge import JudgeContent, JudgeSettings
from transforms.read import ReadFromKafka
from transforms.screen import ScreenContent, ScreenSettings
from transforms.write.bigquery import WriteToBigQuery
from transforms.write.dead_letter_topic import WriteDeadLetters
from transforms.write.flagged import WriteFlagged

coders.register()


def moderate(pipeline: beam.Pipeline, settings: ModerationSettings) -> None:
    """Add the whole job to the pipeline."""
    messages = pipeline | "Read" >> ReadFromKafka(
        settings.kafka,
        settings.topics,
        settings.start,
        settings.stop,
        accept_loss=settings.accept_loss,
        # At the end of a bundle the judge waits for its last answers, and in one process nobody
        # gives it others meanwhile: short bundles cost a GPU half of its speed, those of ten
        # minutes 2 %. One process takes no checkpoints, so it gains nothing by short ones.
        bundle_rows=20_000 if settings.break_fusion else 1_000_000,
        bundle_seconds=1.0 if settings.break_fusion else 600.0,
    )
    decide(messages, settings)


def decide(messages: beam.PCollection, settings: ModerationSettings) -> None:
    """Add all that follows the source: from MESSAGE batches to rows and topics."""
    run = {"run": settings.run, "cluster": settings.kafka.cluster}
    decoded = messages | "Decode" >> Decode(settings.decode, **run)
    screened = decoded.content | "Screen" >> ScreenContent(
        settings.screen,
        settings.policies,
        ScreenSettings(audit_rate=settings.audit_rate, **run),
    )
    escalations = screened.escalations
    if settings.break_fusion:
        escalations = escalations | "BreakFusion" >> beam.Reshuffle()
    judged = escalations | "Judge" >> JudgeContent(
        settings.engine,
        settings.policies,
        JudgeSettings(
            mode=settings.mode,
            max_in_flight=settings.max_in_flight,
            timeout_seconds=settings.judge_timeout,
            **run,
        ),
        settings.decode,
    )
    write = _Tables(settings, run)
    judged.violations | "Flag" >> WriteFlagged(
        settings.kafka, settings.flagged_topic, source=f"/weir/{settings.run}"
    )
    refused = [write(screened.screenings, "screenings"), write(judged.verdicts, "verdicts")]
    dead = (decoded.dead, judged.dead, *refused) | "DeadLetters" >> beam.Flatten()
    # What BigQuery refuses of the dead letters themselves is kept by the topic alone.
    write(dead, "dead_letters")
    dead | "KeepDeadLetters" >> WriteDeadLetters(settings.kafka, settings.dead_letter_topic)


@dataclass(frozen=True)
class _Tables:
    settings: ModerationSettings
    run: dict[str, Any]

    def __call__(self, rows: beam.PCollection, table: str) -> beam.PCollection:
        rows.element_type = pa.RecordBatch
        label = f"BigQuery[{table}]"
        return rows | label >> WriteToBigQuery(self.settings.bigquery, table, **self.run)
