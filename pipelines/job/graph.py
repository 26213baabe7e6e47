"""The graph: Kafka, decode, screen, judge, and the places that decisions go.

Cut at the escalations it is two jobs, joined by a topic: one that screens, one that judges.
"""

from dataclasses import dataclass, field

import apache_beam as beam
import pyarrow as pa

from weir.pipelines.job.provenance import RecordPolicies, RecordScreen
from weir.pipelines.settings import ModerationSettings
from weir.policies.policy import PolicySet
from weir.policies.source import PolicySource
from weir.transforms import coders
from weir.transforms.bundle_lanes import Lanes
from weir.transforms.decode import Decode
from weir.transforms.escalations import ReadEscalations, WriteEscalations
from weir.transforms.escalations.message import Origin
from weir.transforms.judge import JudgeContent, JudgeSettings
from weir.transforms.process.reloading import Reloading
from weir.transforms.read import ReadFromKafka
from weir.transforms.screen import ScreenContent, ScreenSettings, ScreenSource
from weir.transforms.screen.loaded import LoadedScreen, ReloadedScreen
from weir.transforms.screen.provisional import ProvisionalSettings
from weir.transforms.select import KeepSelected, SkipDecided, Weigh
from weir.transforms.write.bigquery.sink import Stored, WriteToBigQuery
from weir.transforms.write.dead_letter_topic import WriteDeadLetters
from weir.transforms.write.flagged import WriteFlagged, WriteProvisional
from weir.transforms.write.recording import Recorded
from weir.transforms.write.redaction import StoreText

coders.register()

# Of Prism's eight bundles: what waits for others leaves half of them to what reads and screens.
_JUDGE_LANES, _ROW_LANES = 3, 1
# Prism puts partitions whose bundles end together into one bundle, where they are read one after
# the other from then on: a post waits for as long as the others are read.
_PRISM_SECONDS = 0.05
# Every label waits for its bundle's end; on Flink a second of it was two thirds of the latency.
_CLUSTER_SECONDS = 0.3


def on_lanes(settings: ModerationSettings) -> bool:
    """Return whether the job runs on Prism, where a slow step must not take every place."""
    return settings.place.one_process and settings.place.break_fusion


def bundle_seconds(settings: ModerationSettings) -> float:
    """Return how long the source reads before it ends its bundle."""
    endless = settings.stop.at == "never"
    if not settings.place.break_fusion:
        # At the end of a bundle the judge waits for its last answers, and in one process nobody
        # gives it others meanwhile: short bundles cost a GPU half of its speed, those of ten
        # minutes 2 %. Bounded work takes no checkpoints there, so it gains nothing by short ones.
        return 1.0 if endless else 600.0
    if not endless:
        return 1.0
    return _PRISM_SECONDS if settings.place.one_process else _CLUSTER_SECONDS


def source_commits(settings: ModerationSettings) -> bool:
    """Return whether the source itself commits how far it has read, for lag tools."""
    return not settings.place.one_process and settings.stop.at == "never"


def moderate(pipeline: beam.Pipeline, settings: ModerationSettings) -> None:
    """Add the whole job to the pipeline."""
    seconds = bundle_seconds(settings)
    messages = pipeline | "Read" >> ReadFromKafka(
        settings.kafka,
        settings.topics,
        settings.progress.start,
        settings.stop,
        accept_loss=settings.said.source.accept_loss,
        group=settings.progress.group if source_commits(settings) else None,
        bundle_rows=1_000_000 if seconds > 1 else 20_000,
        bundle_seconds=seconds,
        parts=settings.replay.slices if settings.replay else None,
    )
    decide(messages, settings)


def decide(messages: beam.PCollection, settings: ModerationSettings) -> None:
    """Add all that follows the source: from MESSAGE batches to rows and topics."""
    job = _Job(settings)
    escalations = job.screen(messages) if settings.stages.screens else job.escalations(messages)
    if settings.stages.judges:
        job.judge(escalations)
    else:
        job.send(escalations, settings.shape.escalation_topic, count="escalations_sent")
    job.defer()
    job.write_dead_letters()


@dataclass
class _Job:
    settings: ModerationSettings
    dead: list[beam.PCollection] = field(default_factory=list)
    late: list[beam.PCollection] = field(default_factory=list)  # what waits for a later run

    def __post_init__(self) -> None:
        self.run, self.cluster = self.settings.run, self.settings.kafka.cluster

    def screen(self, messages: beam.PCollection) -> beam.PCollection:
        settings, replay = self.settings, self.settings.replay
        flags = settings.said.flags.provisional
        if replay is not None:
            messages = messages | "SkipDecided" >> SkipDecided(replay.decided)
        decoded = messages | "Decode" >> Decode(settings.decode, self.run, self.cluster)
        content = decoded.content
        if replay is not None:
            content = content | "KeepSelected" >> KeepSelected(replay.selection)
        screened = content | "Screen" >> ScreenContent(
            self.reloading_screen(settings.screen),
            self.reloading_policies(),
            ScreenSettings(
                self.run,
                self.cluster,
                audit_rate=settings.audit_rate,
                audit_salt=settings.salt,
                mode=settings.mode,
                record_cleared=settings.said.storing.recorded_share,
                lesson_rate=settings.lesson_rate,
                together=settings.said.spending.judge_together,
            ),
            settings.shadow_screen and self.reloading_screen(settings.shadow_screen),
            ProvisionalSettings(settings.decode, settings.mode) if flags else None,
            settings.shares,
            settings.traces,
        )
        if settings.shares is not None:
            self.dead.append(self.write(screened.thresholds, "thresholds"))
        if settings.surges:
            self.late.append(screened.deferred)
        screenings = screened.screenings
        if flags:
            screened.provisional | "FlagAtOnce" >> WriteProvisional(
                settings.kafka,
                settings.said.topics.flagged_topic,
                f"/weir/{self.run}",
                settings.form,
            )
            if settings.place.break_fusion:
                # Or no post is read while BigQuery is waited for at the end of each bundle.
                screenings = screenings | "RowsApart" >> self.apart(_ROW_LANES)
        rows = self.write(screenings, "screenings", Recorded(settings.salt))
        self.dead += [decoded.dead, rows]
        if settings.decode.tells_changes:
            self.dead.append(self.write(decoded.changes, "post_changes"))
        if settings.shadow_screen is not None:
            drawn = Recorded(settings.salt, counted=False)
            self.dead.append(self.write(screened.shadow, "shadow_screenings", drawn))
        if replay is not None and replay.selection.share < 1:
            return screened.escalations | "Weigh" >> Weigh(replay.selection.share)
        return screened.escalations

    def escalations(self, messages: beam.PCollection) -> beam.PCollection:
        read = messages | "ReadEscalations" >> ReadEscalations(
            self.run, self.cluster, together=self.settings.said.spending.judge_together
        )
        self.dead.append(read.dead)
        return read.escalations

    def judge(self, escalations: beam.PCollection) -> None:
        settings, said = self.settings, self.settings.said
        if settings.place.break_fusion:
            escalations = escalations | "BreakFusion" >> self.apart(_JUDGE_LANES)
        judge = JudgeContent(
            settings.engine,
            self.reloading_policies(),
            JudgeSettings(
                self.run,
                self.cluster,
                mode=settings.mode,
                max_in_flight=said.judge.max_in_flight,
                timeout_seconds=said.judge.judge_timeout,
                cache_bytes=said.spending.cache_bytes,
                budget=settings.budget,
                shadow_budget=settings.shadow_budget,
                reuse=settings.reuse,
                together=said.spending.judge_together,
            ),
            settings.decode,
        )
        judged = escalations | "Judge" >> judge.with_resource_hints(**said.runner.judge_hints)
        judged.violations | "Flag" >> WriteFlagged(
            settings.kafka,
            settings.said.topics.flagged_topic,
            f"/weir/{self.run}",
            settings.form,
        )
        verdicts = self.write(judged.verdicts, "verdicts", settings.redaction)
        self.dead += [judged.dead, verdicts]
        if settings.budgeted:
            self.late.append(judged.deferred)

    def apart(self, lanes: int) -> beam.PTransform:
        """Break the fusion; on Prism for so many bundles at once."""
        return Lanes(lanes) if on_lanes(self.settings) else beam.Reshuffle()

    def reloading_policies(self) -> Reloading[PolicySet]:
        settings, edits = self.settings, self.settings.edits
        source = PolicySource(settings.policies, edits.policies)
        seconds = edits.seconds if edits.policies else 0.0
        return Reloading(source, seconds, RecordPolicies(settings.bigquery))

    def reloading_screen(self, screen: ScreenSource) -> Reloading[LoadedScreen]:
        seconds = self.settings.edits.seconds_of_screen(screen.path)
        source = ReloadedScreen(screen, fixed=not seconds)
        return Reloading(source, seconds, RecordScreen(self.settings.bigquery))

    def send(self, escalations: beam.PCollection, topic: str, count: str | None = None) -> None:
        origin = Origin(self.run, self.cluster, self.settings.mode)
        label = "Send" if count else "Defer"
        escalations | label >> WriteEscalations(self.settings.kafka, topic, origin, count=count)

    def defer(self) -> None:
        if not self.late:
            return
        late = self.late | "Late" >> beam.Flatten()
        self.send(late, self.settings.shape.deferred_topic)
        self.dead.append(self.write(late, "deferrals"))

    def write_dead_letters(self) -> None:
        dead = self.dead | "DeadLetters" >> beam.Flatten()
        # What BigQuery refuses of the dead letters themselves is kept by the topic alone.
        redaction = self.settings.redaction
        self.write(dead, "dead_letters", redaction)
        topic = self.settings.said.topics.dead_letter_topic
        whole = redaction.store is StoreText.FULL
        keep = WriteDeadLetters(self.settings.kafka, topic, whole=whole)
        dead | "KeepDeadLetters" >> keep

    def write(
        self, rows: beam.PCollection, table: str, stored: Stored | None = None
    ) -> beam.PCollection:
        rows.element_type = pa.RecordBatch
        label = f"BigQuery[{table}]"
        return rows | label >> WriteToBigQuery(
            self.settings.bigquery,
            table,
            self.run,
            self.cluster,
            stored=stored,
            traces=self.settings.traces,
        )
