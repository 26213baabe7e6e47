"""The steps of the graph at either end of a topic of escalations."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weir.transforms.accounts import account_for_carried, account_for_dead_letters
from weir.transforms.coders import slices
from weir.transforms.dead_letters import dead_letters
from weir.transforms.decode.outcome import drop_failures
from weir.transforms.escalations.message import (
    Origin,
    decode_escalations,
    escalation_records,
    shorten,
)
from weir.transforms.kafka.outbox import MAX_RECORD_BYTES
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.kafka.sink import ProduceToKafka
from weir.transforms.records import POST_KEY, Stage, post_bytes
from weir.transforms.screen.rows import ESCALATION_ROWS, cuts


class WriteEscalations(ProduceToKafka):
    """Produces every row of ESCALATION batches.

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
        super().__init__(
            settings,
            partial(escalation_records, topic=topic, origin=origin),
            shrink=shorten,
            tally=partial(_tally, count),
            max_record_bytes=max_record_bytes,
        )


def _tally(name: str | None, escalations: pa.RecordBatch) -> dict[str, int]:
    return {} if name is None else {name: escalations.num_rows}


class ReadEscalations(beam.PTransform):
    """Reads MESSAGE batches of a topic of escalations; what is none is dead-lettered alone.

    Returns outputs ``escalations`` (ESCALATION batches of at most 32 rows, as the screen makes
    them) and ``dead`` (DEAD_LETTER batches). ``run`` and ``cluster`` stand on the dead letters.
    ``together`` says that the judge is asked about a post under several policies at once.
    """

    def __init__(self, run: str, cluster: str, *, together: bool = False) -> None:
        super().__init__()
        self._dofn = _ReadDoFn(run, cluster, together)

    def expand(self, messages: beam.PCollection) -> Any:
        """Decode every batch of messages."""
        read = messages | beam.ParDo(self._dofn).with_outputs("dead", main="escalations")
        read.escalations.element_type = pa.RecordBatch
        read.dead.element_type = pa.RecordBatch
        return read


class _ReadDoFn(beam.DoFn):
    def __init__(self, run: str, cluster: str, together: bool) -> None:
        self._origin = {"run": run, "cluster": cluster}
        self._together = together

    def process(self, messages: pa.RecordBatch) -> Iterator[Any]:
        read = decode_escalations(messages)
        account_for_carried(drop_failures(messages, read.failures), read.escalations)
        if read.escalations.num_rows:
            yield from _batches(read.escalations, self._together)
        if read.failures:
            letters = dead_letters(
                messages.take(pa.array([failure.row for failure in read.failures])),
                stage=Stage.ESCALATION,
                reasons=[failure.reason for failure in read.failures],
                errors=[failure.error for failure in read.failures],
                **self._origin,
            )
            account_for_dead_letters(letters)
            yield beam.pvalue.TaggedOutput("dead", letters)


def _batches(escalations: pa.RecordBatch, together: bool) -> Iterator[pa.RecordBatch]:
    if not together:
        # One policy's posts stay together because the judge reads the policy once for all.
        order = pc.sort_indices(escalations, [("policy_id", "ascending")])
        yield from slices(escalations.take(order), ESCALATION_ROWS)
        return
    order = pc.sort_indices(escalations, [(name, "ascending") for name in (*POST_KEY, "policy_id")])
    ordered = escalations.take(order)
    begins = np.zeros(ordered.num_rows, bool)
    for name in POST_KEY:
        values: Any = ordered[name]
        values = values.fill_null("") if name in ("cluster", "run") else values
        begins[1:] |= np.asarray(pc.not_equal(values[1:], values[:-1]))
    for start, stop in cuts(post_bytes(ordered), np.cumsum(begins)):
        yield ordered.slice(start, stop - start)
