"""The steps of a replay's graph: what is left out of it, and what the rest stands for."""

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from weir.transforms.accounts import account_for_left_out
from weir.transforms.select.decided_offsets import Decided
from weir.transforms.select.selection import Selection


class SkipDecided(beam.PTransform):
    """MESSAGE batches in; those messages out that this run has not decided yet."""

    def __init__(self, decided: Decided) -> None:
        super().__init__()
        self._dofn = _SkipDecided(decided)

    def expand(self, messages: beam.PCollection) -> beam.PCollection:
        """Add the step to the graph."""
        return messages | beam.ParDo(self._dofn).with_output_types(pa.RecordBatch)


class KeepSelected(beam.PTransform):
    """CONTENT batches in; the selected posts out."""

    def __init__(self, selection: Selection) -> None:
        super().__init__()
        self._dofn = _KeepSelected(selection)

    def expand(self, content: beam.PCollection) -> beam.PCollection:
        """Add the step to the graph."""
        return content | beam.ParDo(self._dofn).with_output_types(pa.RecordBatch)


class Weigh(beam.PTransform):
    """ESCALATION batches in and out: their inclusion probability is that of a sample's posts."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self._share = share

    def expand(self, escalations: beam.PCollection) -> beam.PCollection:
        """Add the step to the graph."""
        return escalations | beam.Map(weigh, self._share).with_output_types(pa.RecordBatch)


class _SkipDecided(beam.DoFn):
    def __init__(self, decided: Decided) -> None:
        self._decided = decided

    def process(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        if not batch.num_rows:
            return
        offsets: Any = batch["offset"].to_numpy()
        place = batch["topic"][0].as_py(), batch["partition"][0].as_py()
        yield from _keep(batch, ~self._decided.mask(*place, offsets))


class _KeepSelected(beam.DoFn):
    def __init__(self, selection: Selection) -> None:
        self._selection = selection

    def process(self, content: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        ids: Any = content["content_id"]
        yield from _keep(content, self._selection.mask(ids))


def _keep(batch: pa.RecordBatch, kept: npt.NDArray[np.bool_]) -> Iterator[pa.RecordBatch]:
    if not kept.all():
        account_for_left_out(batch.filter(pa.array(~kept)))
        batch = batch.filter(pa.array(kept))
    if batch.num_rows:
        yield batch


def weigh(escalations: pa.RecordBatch, share: float) -> pa.RecordBatch:
    """Return the rows as those of posts that were drawn with a probability."""
    name = "inclusion_probability"
    probability = np.asarray(escalations[name]) * share
    place = escalations.schema.get_field_index(name)
    return escalations.set_column(place, escalations.schema.field(place), pa.array(probability))
