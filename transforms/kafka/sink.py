"""The end of a branch of the graph: rows become messages of a topic."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import apache_beam as beam
import pyarrow as pa

from weir.transforms.accounts import account_for_arrivals
from weir.transforms.kafka.outbox import MAX_RECORD_BYTES, Outbox, ProducerSource, Record
from weir.transforms.process.offset_ledger import positions

Records = Callable[[pa.RecordBatch], Iterator[Record]]
Shrink = Callable[[Record], Record | None]
Tally = Callable[[pa.RecordBatch], Mapping[str, int]]


def _nothing(rows: pa.RecordBatch) -> Mapping[str, int]:  # noqa: ARG001 - the form of every tally
    return {}


class ProduceToKafka(beam.PTransform):
    """Produces the messages of every batch, and fails the bundle unless all are acknowledged.

    ``records`` gives the messages of a batch, ``shrink`` what is sent in place of one that is too
    large for its topic, and ``tally`` how much the batch adds to which fields of Counts once it has
    arrived. The rows have the position of the message they are about: one thing less is owed there.
    """

    def __init__(
        self,
        source: ProducerSource,
        records: Records,
        *,
        shrink: Shrink,
        tally: Tally = _nothing,
        max_record_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        super().__init__()
        self._dofn = _ProduceDoFn(source, records, shrink, tally, max_record_bytes)

    def expand(self, batches: beam.PCollection) -> beam.pvalue.PDone:
        """Add the step to the graph."""
        _ = batches | beam.ParDo(self._dofn)
        return beam.pvalue.PDone(batches.pipeline)


class _ProduceDoFn(beam.DoFn):
    def __init__(
        self,
        source: ProducerSource,
        records: Records,
        shrink: Shrink,
        tally: Tally,
        max_record_bytes: int,
    ) -> None:
        self._source, self._records, self._tally = source, records, tally
        self._shrink, self._max_record_bytes = shrink, max_record_bytes

    def setup(self) -> None:
        self._outbox = Outbox(self._source, self._shrink, max_record_bytes=self._max_record_bytes)

    def start_bundle(self) -> None:
        self._sent: Counter[str] = Counter()
        self._positions: list[pa.RecordBatch] = []

    def process(self, rows: pa.RecordBatch) -> None:
        self._positions.append(positions(rows))
        for record in self._records(rows):
            self._outbox.send(record)
        self._sent.update(self._tally(rows))

    def finish_bundle(self) -> None:
        self._outbox.flush()
        account_for_arrivals(self._positions, self._sent)

    def teardown(self) -> None:
        self._outbox.close()
