"""A source of batches that are there already, cut into bundles as the Kafka source cuts them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa

from weir.transforms.read.find_slices import Slice
from weir.transforms.read.source import SliceRestrictions


class Arriving(beam.PTransform):
    """Gives the batches that ``lent`` returns, ``per_bundle`` of them in each bundle."""

    def __init__(self, lent: Callable[[], Sequence[pa.RecordBatch]], per_bundle: int) -> None:
        super().__init__()
        self._lent, self._per_bundle = lent, per_bundle

    def expand(self, pipeline: Any) -> beam.PCollection:
        every = Slice("bench", 0, 0, len(self._lent()))
        batches = (
            pipeline
            | beam.Create([every], reshuffle=False)
            | beam.ParDo(_Give(self._lent, self._per_bundle))
        )
        batches.element_type = pa.RecordBatch
        return batches


class _Give(beam.DoFn):
    def __init__(self, lent: Callable[[], Sequence[pa.RecordBatch]], per_bundle: int) -> None:
        self._lent, self._per_bundle = lent, per_bundle

    def process(
        self,
        element: Slice,
        tracker: Any = beam.DoFn.RestrictionParam(SliceRestrictions()),
    ) -> Iterator[pa.RecordBatch]:
        batches, given = self._lent(), tracker.current_restriction()
        for number in range(given.start, given.stop):
            if not tracker.try_claim(number):
                return
            yield batches[number]
            if number + 1 - given.start == self._per_bundle and number + 1 < given.stop:
                tracker.defer_remainder()
                return
