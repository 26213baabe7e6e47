"""The steps of the graph at either end of a topic of escalations."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from weir.transforms.coders import slices
from weir.transforms.counts import count_dead_letters, counter, policy_counter
from weir.transforms.dead_letters import dead_letters
from weir.transforms.decode.decoded import without
from weir.transforms.escalations.message import Origin, decoded, escalation_records, shortened
from weir.transforms.kafka.outbox import MAX_RECORD_BYTES, Outbox
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.process.backlog import WAITING
from weir.transforms.process.offset_ledger import PROGRESS, positions
from weir.transforms.records import Route, Stage
from weir.transforms.screen.rows import ESCALATION_ROWS


class WriteEscalations(beam.PTransform):
    """Produces every row of ESCALATION batches, and fails the bundle unless all arrive.

    ``origin`` stands on rows that name no job of their own. ``count`` is the field of Counts that
    counts what arrived, where that is not counted elsewhere.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        origin: Origin,
        *,
        count: str | None = None,
        max_record_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        super().__init__()
        self._dofn = _WriteDoFn(settings, topic, origin, count, max_record_bytes)

    def expand(self, escalations: beam.PCollection) -> beam.pvalue.PDone:
        """Write every batch of escalations."""
        _ = escalations | beam.ParDo(self._dofn)
        return beam.pvalue.PDone(escalations.pipeline)


class _WriteDoFn(beam.DoFn):
    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        origin: Origin,
        count: str | None,
        max_record_bytes: int,
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._origin = origin
        self._count = count
        self._max_record_bytes = max_record_bytes

    def setup(self) -> None:
        self._outbox = Outbox(self._settings, shortened, max_record_bytes=self._max_record_bytes)

    def start_bundle(self) -> None:
        self._sent = 0
        self._positions: list[pa.RecordBatch] = []

    def process(self, escalations: pa.RecordBatch) -> None:
        self._positions.append(positions(escalations))
        for record in escalation_records(escalations, self._topic, self._origin):
            self._outbox.send(record)
            self._sent += 1

    def finish_bundle(self) -> None:
        self._outbox.settle()
        for each in self._positions:
            PROGRESS.release(each)
        if self._count is not None:
            counter(self._count).inc(self._sent)

    def teardown(self) -> None:
        self._outbox.close()


class ReadEscalations(beam.PTransform):
    """Reads MESSAGE batches of a topic of escalations; what is none is dead-lettered alone.

    Returns outputs ``escalations`` (ESCALATION batches of at most 32 rows, as the screen makes
    them) and ``dead`` (DEAD_LETTER batches). ``run`` and ``cluster`` stand on the dead letters.
    """

    def __init__(self, run: str, cluster: str) -> None:
        super().__init__()
        self._dofn = _ReadDoFn(run, cluster)

    def expand(self, messages: beam.PCollection) -> Any:
        """Decode every batch of messages."""
        read = messages | beam.ParDo(self._dofn).with_outputs("dead", main="escalations")
        read.escalations.element_type = pa.RecordBatch
        read.dead.element_type = pa.RecordBatch
        return read


class _ReadDoFn(beam.DoFn):
    def __init__(self, run: str, cluster: str) -> None:
        self._origin = {"run": run, "cluster": cluster}

    def process(self, messages: pa.RecordBatch) -> Iterator[Any]:
        read = decoded(messages)
        PROGRESS.carry(without(messages, read.failures), read.escalations)
        if read.escalations.num_rows:
            _count(read.escalations)
            WAITING.add(read.escalations)
            # One policy's posts stay together because the judge reads the policy once for all.
            order = pc.sort_indices(read.escalations, [("policy_id", "ascending")])
            yield from slices(read.escalations.take(order), ESCALATION_ROWS)
        if read.failures:
            letters = dead_letters(
                messages.take(pa.array([failure.row for failure in read.failures])),
                stage=Stage.ESCALATION,
                reasons=[failure.reason for failure in read.failures],
                errors=[failure.error for failure in read.failures],
                **self._origin,
            )
            count_dead_letters(letters)
            PROGRESS.hold(letters)  # a row and a message each
            yield beam.pvalue.TaggedOutput("dead", letters)


def _count(escalations: pa.RecordBatch) -> None:
    counter("escalations").inc(escalations.num_rows)
    counter("escalations_read").inc(escalations.num_rows)
    audits = pc.sum(pc.equal(escalations["route"], pa.scalar(str(Route.AUDIT)))).as_py()
    counter("audits").inc(audits)
    for policy_id, count in Counter(escalations["policy_id"].to_pylist()).items():
        policy_counter(policy_id, "escalations").inc(count)
