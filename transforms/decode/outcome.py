"""What every format ends in: CONTENT rows, and the rows that could not be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weir.transforms.decode.fates import LeftOut
from weir.transforms.decode.times import creation_times, own_times
from weir.transforms.decode.written_times import Time
from weir.transforms.records import CHANGE, CONTENT, TIMESTAMP

# Ids and language tags stand in headers, log lines and clustered columns.
LONGEST_ID = 1024
LONGEST_LANGUAGE = 35  # the length that RFC 5646 asks implementations to allow for

FOUND_CHANGE = pa.schema(
    [field for field in CHANGE if field.name not in ("decision_id", "run", "recorded_at")]
)


@dataclass(frozen=True)
class Failure:
    """A row that is no post. ``error`` is a sentence that holds nothing of the message."""

    row: int
    reason: str
    error: str
    author_id: str | None = None  # a pseudonym, where it is asked for and can be told


@dataclass(frozen=True)
class Decoded:
    """Every row of a MESSAGE batch, once: as CONTENT in the order it came, a failure, or neither.

    Neither are those that are left out, and those that take a post back: the deleted of
    ``changes``.
    """

    content: pa.RecordBatch
    failures: tuple[Failure, ...]
    undated: int = 0  # posts whose own time is missing or cannot be read: Kafka's stands for it
    left_out: tuple[LeftOut, ...] = ()
    changes: pa.RecordBatch | None = None  # of FOUND_CHANGE, where posts were edited or deleted


@dataclass(frozen=True)
class Posts:
    """The decoded columns of the rows that were read, parallel; None where there is none."""

    texts: pa.Array
    ids: Sequence[str | int | None] | None  # None where the format has none, as for the others
    times: Sequence[Time] | None
    languages: Sequence[str | None] | None
    authors: Sequence[str | None] | None = None  # pseudonyms; None where they are not asked for
    context: pa.Array | None = None


def drop_failures(batch: pa.RecordBatch, failures: Sequence[Failure]) -> pa.RecordBatch:
    """Return the batch less the rows that failed."""
    if not failures:
        return batch
    kept = np.ones(batch.num_rows, np.bool_)
    kept[[failure.row for failure in failures]] = False
    return batch.filter(pa.array(kept))


def content_of(batch: pa.RecordBatch, posts: Posts) -> tuple[pa.RecordBatch, int]:
    """Return CONTENT rows of the MESSAGE rows that are posts, and how many of them are undated."""
    rows = batch.num_rows
    own = pa.nulls(rows, TIMESTAMP) if posts.times is None else own_times(posts.times)
    ids = content_ids(rows, posts.ids)
    if ids.null_count:
        position = pc.binary_join_element_wise(
            batch["topic"],
            batch["partition"].cast(pa.string()),
            batch["offset"].cast(pa.string()),
            "/",
        )
        ids = pc.if_else(ids.is_valid(), ids, position)
    columns = {
        "content_id": ids,
        "text": posts.texts,
        "created_at": creation_times(own, batch["timestamp"]),
        "language": _languages(posts.languages, rows),
        "author_id": pa.nulls(rows, pa.string())
        if posts.authors is None
        else pa.array(posts.authors, pa.string()),
        "context": pa.nulls(rows, pa.string()) if posts.context is None else posts.context,
    } | dict(zip(batch.schema.names, batch.columns, strict=True))
    content = pa.RecordBatch.from_arrays([columns[name] for name in CONTENT.names], schema=CONTENT)
    return content, 0 if posts.times is None else own.null_count


def content_ids(rows: int, ids: Sequence[str | int | None] | None) -> pa.Array:
    """Return ids as they name posts; null where there is none that can."""
    try:
        named = pa.nulls(rows, pa.string()) if ids is None else _strings(ids)
    except pa.ArrowTypeError:
        usable = [str(i) if isinstance(i, str | int) else None for i in ids or ()]
        named = _strings(usable)
    length = pc.utf8_length(named)
    fits = pc.and_(pc.greater(length, 0), pc.less_equal(length, LONGEST_ID))
    if pc.all(fits, skip_nulls=True).as_py() is not False:
        return named
    return pc.if_else(fits, named, pa.scalar(None, pa.string()))


def _strings(values: Sequence[str | int | None]) -> pa.Array:
    return pa.array(values, pa.string())


def _languages(languages: Sequence[str | None] | None, rows: int) -> pa.Array:
    try:
        tags = pa.nulls(rows, pa.string()) if languages is None else _strings(languages)
    except pa.ArrowTypeError:
        tags = _strings([_first_tag(each) for each in languages or ()])
    if tags.null_count == len(tags):
        return tags
    plausible = pc.less_equal(pc.utf8_length(tags), LONGEST_LANGUAGE)
    return pc.if_else(plausible, tags, pa.scalar(None, pa.string()))


def _first_tag(leaf: Any) -> str | None:
    """Return the first of a list of tags, or the one that there is."""
    first = next(iter(leaf), None) if isinstance(leaf, list) else leaf
    return first if isinstance(first, str) else None
