"""Posts that were edited or deleted, as the rows that say so."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import compress

import pyarrow as pa
import pyarrow.compute as pc

from weir.transforms.arrays import Mask
from weir.transforms.decode.envelopes.envelope import Seen, first_of
from weir.transforms.decode.leaves import Leaf
from weir.transforms.decode.outcome import FOUND_CHANGE, content_ids
from weir.transforms.decode.times import creation_times, own_times
from weir.transforms.identity import decision_ids
from weir.transforms.records import CHANGE, DELETED, EDITED


def changes_of(
    seen: Seen, edited: Mask, deleted: Mask, authors: Sequence[str | None] | None
) -> pa.RecordBatch | None:
    """Return a FOUND_CHANGE row for each message that edited or deleted a post; None for none.

    Its time is when that happened, where the message says so, else the post's own, else Kafka's.
    """
    rows = (edited | deleted) & content_ids(seen.batch.num_rows, seen.ids).is_valid().to_numpy(
        zero_copy_only=False
    )
    if not rows.any():
        return None
    times = [each for each in (seen.happened, seen.times) if each is not None]
    change = pc.if_else(pa.array(deleted[rows]), DELETED, EDITED)
    return found_changes(
        seen.batch.filter(pa.array(rows)),
        ids=list(compress(seen.ids, rows)),
        change=change,
        times=list(compress(first_of(times), rows)) if times else None,
        authors=None if authors is None else list(compress(authors, rows)),
    )


def found_changes(
    batch: pa.RecordBatch,
    *,
    ids: Sequence[Leaf],
    change: pa.Array,
    times: Sequence[Leaf] | None = None,
    authors: Sequence[str | None] | None = None,
) -> pa.RecordBatch:
    """Return FOUND_CHANGE rows of MESSAGE rows, each of which says what became of a post."""
    rows = batch.num_rows
    own = pa.nulls(rows, FOUND_CHANGE.field("changed_at").type)
    columns = {
        "content_id": content_ids(rows, ids),
        "topic": batch["topic"],
        "partition": batch["partition"],
        "offset": batch["offset"],
        "change": change,
        "changed_at": creation_times(
            own if times is None else own_times(times), batch["timestamp"]
        ),
        "author_id": pa.nulls(rows, pa.string())
        if authors is None
        else pa.array(authors, pa.string()),
    }
    return pa.RecordBatch.from_arrays(
        [columns[name] for name in FOUND_CHANGE.names], schema=FOUND_CHANGE
    )


def change_rows(found: pa.RecordBatch, *, run: str, cluster: str) -> pa.RecordBatch:
    """Return CHANGE rows of FOUND_CHANGE rows, which are of one topic-partition."""
    rows = found.num_rows
    now = pa.scalar(datetime.now(UTC), CHANGE.field("recorded_at").type)
    columns = {
        "decision_id": decision_ids(found, cluster=cluster, stage="change", version="", run=run),
        "run": pa.repeat(run, rows),
        "recorded_at": pa.repeat(now, rows),
    } | dict(zip(found.schema.names, found.columns, strict=True))
    return pa.RecordBatch.from_arrays([columns[name] for name in CHANGE.names], schema=CHANGE)
