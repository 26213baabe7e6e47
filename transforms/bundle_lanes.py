"""A few lanes in front of a slow step, so that it never takes all the places of a small runner.

Prism runs eight bundles at once, whatever they are of, and makes another of a step for whatever
has come since the last one. A judge that takes five seconds a post thereby fills all eight, and
nothing is read until one ends. Bundles of a stateful step never share a key at the same time: with
a key for each lane there are at most as many bundles as lanes, and what comes meanwhile waits and
goes into the next one.
"""

import itertools
import uuid
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.coders import VarIntCoder
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

_BUNDLES: dict[str, Iterator[int]] = {}  # of each such step of this process, as they begin


class Lanes(beam.PTransform):
    """Gives RecordBatches on as they are, for at most ``count`` bundles at once of what follows.

    What follows has to be fused with it, as it is by itself. It breaks the fusion with what comes
    before. Not for a runner that spreads keys over workers: it would use ``count`` of them.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """Add the two steps to the graph."""
        keyed = batches | "Choose" >> beam.ParDo(_Choose(self._count)).with_output_types(
            tuple[int, pa.RecordBatch]
        )
        return keyed | "Enter" >> beam.ParDo(_Enter()).with_output_types(pa.RecordBatch)


class _Choose(beam.DoFn):
    """Puts what comes of one bundle into one lane, the next one for each."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._key = uuid.uuid4().hex

    def start_bundle(self) -> None:
        self._lane = next(_BUNDLES.setdefault(self._key, itertools.count())) % self._count

    def process(self, batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
        yield self._lane, batch


class _Enter(beam.DoFn):
    """Is stateful by what it declares; it keeps nothing, so no state is ever asked for."""

    _STATE = ReadModifyWriteStateSpec("lane", VarIntCoder())

    def process(
        self,
        keyed: tuple[int, pa.RecordBatch],
        state: Any = beam.DoFn.StateParam(_STATE),  # noqa: ARG002 - makes it stateful
    ) -> Iterator[pa.RecordBatch]:
        yield keyed[1]
