"""The step of the graph: MESSAGE batches in, CONTENT batches and dead letters out."""

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa

from weir.transforms.accounts import (
    account_for_changes,
    account_for_dead_letters,
    account_for_left_out,
)
from weir.transforms.counts import counter
from weir.transforms.dead_letters import dead_letters
from weir.transforms.decode.changes import change_rows
from weir.transforms.decode.formats import decoder
from weir.transforms.decode.settings import DecodeSettings
from weir.transforms.records import Stage

_LOG = logging.getLogger(__name__)
_BATCH = 20  # messages: fewer may be bad by chance


class Decode(beam.PTransform):
    """Reads each message as a post; what cannot be read is dead-lettered alone.

    Returns outputs ``content`` (CONTENT batches), ``dead`` (DEAD_LETTER batches) and ``changes``
    (CHANGE batches, of posts that were edited or deleted).
    """

    def __init__(self, settings: DecodeSettings, run: str, cluster: str) -> None:
        super().__init__()
        self._dofn = _DecodeDoFn(settings, run, cluster)

    def expand(self, messages: beam.PCollection) -> Any:
        """Decode every batch of messages."""
        decoded = messages | beam.ParDo(self._dofn).with_outputs("dead", "changes", main="content")
        for each in (decoded.content, decoded.dead, decoded.changes):
            each.element_type = pa.RecordBatch
        return decoded


class _DecodeDoFn(beam.DoFn):
    def __init__(self, settings: DecodeSettings, run: str, cluster: str) -> None:
        self._settings = settings
        self._origin = {"run": run, "cluster": cluster}
        self._undated = counter("undated")
        self._said = False

    def setup(self) -> None:
        self._decode = decoder(self._settings)

    def process(self, batch: pa.RecordBatch) -> Iterator[Any]:
        decoded = self._decode(batch)
        if decoded.undated:
            self._undated.inc(decoded.undated)
        for each in decoded.left_out:
            account_for_left_out(batch.take(pa.array(each.rows)), each.kind)
        if decoded.changes is not None:
            changes = change_rows(decoded.changes, **self._origin)
            account_for_changes(changes)
            yield beam.pvalue.TaggedOutput("changes", changes)
        if decoded.content.num_rows:
            yield decoded.content
        if decoded.failures:
            failed = batch.take(pa.array([failure.row for failure in decoded.failures]))
            authors = pa.array([failure.author_id for failure in decoded.failures], pa.string())
            letters = dead_letters(
                failed.append_column("author_id", authors),
                stage=Stage.DECODE,
                reasons=[failure.reason for failure in decoded.failures],
                errors=[failure.error for failure in decoded.failures],
                **self._origin,
            )
            account_for_dead_letters(letters)
            self._warn(batch.num_rows, letters)
            yield beam.pvalue.TaggedOutput("dead", letters)

    def _warn(self, messages: int, letters: pa.RecordBatch) -> None:
        """Say once that a whole batch could not be read: a job may have no end to say it at."""
        if self._said or not _BATCH <= messages == letters.num_rows:
            return
        self._said = True
        reasons = ", ".join(f"{r} {n:,}" for r, n in Counter(letters["reason"].to_pylist()).items())
        _LOG.warning("none of %d messages could be read as a post: %s", messages, reasons)
