"""``weir demo``: the whole system on one machine, from a file of posts to answers in BigQuery."""

import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.options.pipeline_options import PipelineOptions

from weir.infra.local import Emulator, bigquery_emulator, broker, kafka_broker
from weir.pipelines.bigquery.dataset import connect
from weir.pipelines.bigquery.queries import NO_RETRY
from weir.pipelines.bigquery.tables import PRIVATE, TABLES, create_tables
from weir.pipelines.compare.rows import Compared, compare_sides
from weir.pipelines.compare.sides import days_of_run
from weir.pipelines.errors import OptionError
from weir.pipelines.job.moderate import prepare, run_to_end
from weir.pipelines.options.content import DecodeOptions, StoringOptions
from weir.pipelines.options.file import BEAM
from weir.pipelines.options.job import OPTIONS
from weir.pipelines.options.judging import EndpointOptions, JudgeOptions, SpendingOptions
from weir.pipelines.options.screening import (
    ColdStartOptions,
    DecidingOptions,
    ProvisionalOptions,
    ReadingOptions,
    ShareOptions,
)
from weir.pipelines.policy_edit import ACCOUNTS_MAY_BE_SOLD, PolicyEdit
from weir.pipelines.posts import SAMPLE, PostFile, read_posts
from weir.pipelines.runners import IN_PROCESS, job_options
from weir.pipelines.screening.recall import Audited, added_up, audit_days
from weir.pipelines.settings import ModerationSettings
from weir.transforms.counts import Counts, counts_of
from weir.transforms.decode import DecodeSettings
from weir.transforms.judge.engine import Engine
from weir.transforms.kafka.settings import KafkaSettings, ensure_topics
from weir.transforms.read import ReadFromKafka, Start, Stop
from weir.transforms.screen import Screen
from weir.transforms.write.bigquery.sink import BigQuerySettings

TOPIC = "posts"
PARTITIONS = 4
MAX_POST_BYTES = 2 << 20  # with what Kafka puts around it:
_OVERHEAD = 4 << 10  # its key of at most 1,024 characters, and the record's own lengths


@dataclass(frozen=True)
class Stack:
    """An embedded broker and BigQuery emulator, with the topics and tables made."""

    kafka: KafkaSettings
    bigquery: BigQuerySettings

    @property
    def options(self) -> dict[str, str]:
        """Return the options of ``weir run`` that point at this stack, by their names."""
        return {
            "brokers": str(self.kafka.bootstrap_servers),
            "topics": TOPIC,
            "bigquery-project": self.bigquery.project,
            "bigquery-dataset": self.bigquery.dataset,
            "bigquery-rest": str(self.bigquery.rest_endpoint),
            "bigquery-grpc": str(self.bigquery.grpc_endpoint),
        }

    def arguments(self) -> list[str]:
        """Return them as they stand on a command line."""
        return [f"--{name}={value}" for name, value in self.options.items()]


@dataclass(frozen=True)
class Edited:
    """What became of the same posts under a policy that was edited."""

    compared: Compared
    examples: int  # of the policy, that were labelled anew
    seconds: float


@dataclass(frozen=True)
class DemoReport:
    """What one run did, counted in the pipeline and again where the results lie."""

    counts: Counts
    problems: tuple[str, ...]
    seconds: float  # of the job, start-up of the stack not included
    core_seconds: float  # of processors, that the job took of this process
    flagged: tuple[dict[str, Any], ...]
    rates: tuple[dict[str, Any], ...]
    recall: tuple[Audited, ...]
    causes: tuple[dict[str, Any], ...]  # of the dead letters, most frequent first
    screen: Screen
    edited: Edited | None = None
    unread: tuple[dict[str, Any], ...] = ()  # reasons of indeterminate verdicts, as the causes

    def to_json(self) -> dict[str, Any]:
        """Return the counts, per policy too, and ``conservation``: "ok" or what does not add up."""
        return self.counts.to_json() | {
            "conservation": "; ".join(self.problems) or "ok",
            "seconds": round(self.seconds, 2),
            "core_seconds": round(self.core_seconds, 2),
        }


class BrokerKind(StrEnum):
    """Which broker the stack has."""

    EMBEDDED = "embedded"
    KAFKA = "kafka"


@contextmanager
def _apache_kafka() -> Iterator[str]:
    with kafka_broker() as running:
        yield running.bootstrap


_BROKERS = {BrokerKind.EMBEDDED: broker, BrokerKind.KAFKA: _apache_kafka}


@contextmanager
def local_stack(kind: BrokerKind = BrokerKind.EMBEDDED) -> Iterator[Stack]:
    """Start the stack on free loopback ports; it is gone when this process is."""
    with _BROKERS[kind]() as bootstrap, bigquery_emulator() as emulator:
        yield stack_on(bootstrap, emulator)


def stack_on(bootstrap: str, emulator: Emulator, dataset: str = "weir") -> Stack:
    """Make the topics and tables on a broker and an emulator that are running; return the stack."""
    stack = Stack(
        KafkaSettings(bootstrap),
        BigQuerySettings(
            project=emulator.project,
            dataset=dataset,
            rest_endpoint=emulator.rest_endpoint,
            grpc_endpoint=emulator.grpc_endpoint,
        ),
    )
    ensure_topics(stack.kafka, [TOPIC], PARTITIONS)
    ensure_topics(stack.kafka, ["weir-flagged", "weir-dead-letters"], 1)
    create_tables(stack.bigquery, create_dataset=True)
    return stack


# Of a job's file only what decides is taken: never its brokers, its tables or its runner.
_DECIDING = (
    DecodeOptions,
    DecidingOptions,
    ReadingOptions,
    ProvisionalOptions,
    ShareOptions,
    ColdStartOptions,
    JudgeOptions,
    EndpointOptions,
    SpendingOptions,
    StoringOptions,
)
_OURS = {each.name for concern in _DECIDING for each in concern.options()} - {"run", "mode"}
NOT_OF_FILE = frozenset(OPTIONS) - _OURS | {BEAM}


def checked_settings(arguments: Iterable[str]) -> ModerationSettings:
    """Return the settings that the job will have, before there is a stack; OptionError."""
    nowhere = Stack(
        KafkaSettings("127.0.0.1:1"),
        BigQuerySettings(
            "demo", "demo", rest_endpoint="http://127.0.0.1:1", grpc_endpoint="127.0.0.1:1"
        ),
    )
    return ModerationSettings.from_options(_job_options(nowhere, arguments, "demo"))


def input_posts(path: Path | None, decode: DecodeSettings) -> PostFile:
    """Return the posts of a file; of the sample where there is none, whose newest is of just now.

    FileError or OptionError where it cannot be read, or holds no post or one that no topic takes.
    """
    posts = read_posts(path, decode) if path else _until_now(read_posts(SAMPLE, decode))
    for number, (_, value) in enumerate(posts.messages, 1):
        if len(value) > MAX_POST_BYTES - _OVERHEAD:
            raise OptionError(
                f"Post {number} of {posts.name} has {len(value):,} bytes, and the topic takes "
                f"{MAX_POST_BYTES - _OVERHEAD:,} at most. Cut it or take it out"
            )
    return posts


_TIME = re.compile(rb'(?<="created_at": ")[^"]+')  # as the sample has it


def _until_now(sample: PostFile) -> PostFile:
    """Return the sample with its two weeks up to now: pages show what came lately."""
    found = [_TIME.findall(value)[0] for _, value in sample.messages]
    times = [datetime.fromisoformat(each.decode()) for each in found]
    later = datetime.now(UTC).replace(microsecond=0) - max(times)
    moved = tuple(
        (key, _TIME.sub((time + later).isoformat().encode(), value))
        for (key, value), time in zip(sample.messages, times, strict=True)
    )
    return replace(sample, messages=moved)


def fill(stack: Stack, messages: Iterable[tuple[bytes | None, bytes]]) -> int:
    """Send messages, key and value, to the topic; return how many."""
    producer = stack.kafka.producer(max_request_size=MAX_POST_BYTES)
    try:
        sent = [producer.send(TOPIC, key=key, value=value) for key, value in messages]
        producer.flush()
        for acknowledgement in sent:
            acknowledgement.get(timeout=60)
    finally:
        producer.close()
    return len(sent)


def _job_options(stack: Stack, arguments: Iterable[str], run: str) -> PipelineOptions:
    own = [*stack.arguments(), "--group=none", "--stop=latest", f"--run={run}"]
    return job_options([*own, *arguments])


def moderate_once(
    stack: Stack,
    arguments: Iterable[str],
    run: str = "demo",
    handed_over: int | None = None,
    engine: Callable[[], Engine] | None = None,
) -> DemoReport:
    """Run the bounded job over what the topic holds, and check it against its results.

    ``handed_over`` is how many posts are to be read, and ``engine`` what the arguments come to,
    where that is known.
    """
    settings, counts, seconds, core_seconds = _decide(stack, run, arguments, engine)
    run = settings.run
    return DemoReport(
        counts=counts,
        problems=(
            *_against_input(handed_over, counts),
            *counts.imbalances(),
            *_against_results(stack, settings, counts),
        ),
        seconds=seconds,
        core_seconds=core_seconds,
        flagged=tuple(query(stack.bigquery, FLAGGED_EXAMPLES, run)),
        rates=tuple(query(stack.bigquery, VIOLATION_RATES, run)),
        recall=tuple(added_up(audit_days(stack.bigquery, run))),
        causes=tuple(query(stack.bigquery, CAUSES, run)),
        screen=settings.screen.screen(),
        unread=tuple(query(stack.bigquery, UNREAD, run)),
    )


def _decide(
    stack: Stack,
    run: str,
    arguments: Iterable[str],
    engine: Callable[[], Engine] | None = None,
) -> tuple[ModerationSettings, Counts, float, float]:
    options = _job_options(stack, arguments, run)
    settings = ModerationSettings.from_options(options, engine)
    ensure_topics(stack.kafka, settings.topics_written)
    started, spent = time.time(), time.process_time()
    counts = run_to_end(options, prepare(settings))
    return settings, counts, time.time() - started, time.process_time() - spent


def with_edit(
    stack: Stack, report: DemoReport, edit: PolicyEdit = ACCOUNTS_MAY_BE_SOLD
) -> DemoReport:
    """Decide the sample again under a policy that was edited, beside the run ``demo``."""
    with tempfile.TemporaryDirectory() as folder:
        examples = edit.write(Path(folder))
        arguments = [f"--policies={folder}", "--mode=replay"]
        _, _, seconds, _ = _decide(stack, "demo-edited", arguments)
    found = compare_sides(
        stack.bigquery, "demo", "demo-edited", policy_id=edit.policy_id, most=_FLIPS_SHOWN
    )
    return replace(report, edited=Edited(found, examples, seconds))


_FLIPS_SHOWN = 3
FLAGGED_EXAMPLES = """
SELECT policy_id, content_id, text, rationale, probability
FROM `{dataset}.verdicts`
WHERE run = @run AND verdict = 'violates'
QUALIFY ROW_NUMBER() OVER (PARTITION BY policy_id ORDER BY probability DESC, content_id) = 1
ORDER BY probability DESC, policy_id
"""

VIOLATION_RATES = """
SELECT policy_id,
  CAST(ROUND(SUM(weight)) AS INT64) AS posts,
  SUM(IF(decided_by = 'judge', 1, 0)) AS judged,
  SUM(IF(verdict = 'violates', 1, 0)) AS violations,
  SUM(IF(verdict = 'indeterminate', 1, 0)) AS indeterminate
FROM `{dataset}.labels`
WHERE run = @run
GROUP BY policy_id ORDER BY violations DESC, policy_id
"""

CAUSES = """
SELECT stage, reason, COUNT(*) AS dead_letters, MIN(error) AS for_example
FROM `{dataset}.dead_letters`
WHERE run = @run
GROUP BY stage, reason ORDER BY dead_letters DESC, reason
"""

UNREAD = """
SELECT reason, COUNT(*) AS verdicts
FROM `{dataset}.verdicts`
WHERE run = @run AND verdict = 'indeterminate' AND reason IS NOT NULL
GROUP BY reason ORDER BY verdicts DESC, reason
"""

_STORED = """
SELECT
  (SELECT COUNT(DISTINCT decision_id) FROM `{dataset}.screenings` WHERE run = @run) AS screenings,
  (SELECT COUNT(DISTINCT decision_id) FROM `{dataset}.verdicts` WHERE run = @run) AS verdicts,
  (SELECT COUNT(DISTINCT decision_id) FROM `{dataset}.dead_letters` WHERE run = @run)
    AS dead_letters
"""


def query(settings: BigQuerySettings, sql: str, run: str) -> list[dict[str, Any]]:
    """Return the rows of a query over the settings' dataset, ``@run`` bound."""
    with connect(settings) as dataset:
        return dataset.rows(sql, run=run)


_A_WEEK = 7


def days_since_the_first(stack: Stack, run: str) -> int:
    """Return of how many days the posts of a run are, today's too; a week at least."""
    today = datetime.now(UTC).date()
    with connect(stack.bigquery) as dataset:
        first, _ = days_of_run(dataset, run) or (today, today)
    return max((today - first).days + 1, _A_WEEK)


def _against_input(handed_over: int | None, counts: Counts) -> list[str]:
    if handed_over in (None, counts.messages):
        return []
    return [f"{handed_over} posts were handed over, but {counts.messages} messages were read"]


def _against_results(stack: Stack, settings: ModerationSettings, counts: Counts) -> list[str]:
    """Compare what the job counted with what lies in BigQuery and on the flagged topic."""
    stored = query(stack.bigquery, _STORED, settings.run)[0]
    refused = counts.dead_letters_write  # rows of the tables before that of the dead letters
    problems = []
    for table, counted in (
        ("screenings", counts.screenings - counts.screenings_unrecorded),
        ("verdicts", counts.verdicts),
        ("dead_letters", counts.dead_letters - counts.dead_letters_unstored),
    ):
        least = counted if table == "dead_letters" else counted - refused
        if not least <= stored[table] <= counted:
            problems.append(f"{counted} {table} were counted, but BigQuery holds {stored[table]}")
    flagged = topic_length(settings.kafka, settings.said.topics.flagged_topic)
    sent = counts.flagged_messages + counts.provisional_flags + counts.withdrawals
    if flagged < sent:
        problems.append(f"{sent} messages were flagged, but the topic holds {flagged}")
    return problems


def topic_length(kafka: KafkaSettings, topic: str) -> int:
    """Return how many messages a topic holds, by reading it to its end."""
    pipeline = beam.Pipeline(runner=IN_PROCESS)
    _ = pipeline | ReadFromKafka(kafka, (topic,), Start.parse("earliest"), Stop.parse("latest"))
    result = pipeline.run()
    result.wait_until_finish()
    return counts_of(result).messages


def export(stack: Stack, folder: Path) -> list[Path]:
    """Write every table but the private ones out of BigQuery as Parquet, one file each."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with connect(stack.bigquery) as dataset:
        for table in (name for name in TABLES if name not in PRIVATE):
            listed = dataset.client.list_rows(f"{dataset.name}.{table}", retry=NO_RETRY, timeout=60)
            rows: pa.Table = listed.to_arrow(create_bqstorage_client=False)
            path = folder / f"{table}.parquet"
            pq.write_table(rows, path)
            written.append(path)
    return written
