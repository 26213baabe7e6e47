"""What every format ends in: CONTENT rows, and the rows that could not be read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weir.transforms.decode.times import creation_times, own_times
from weir.transforms.decode.written_times import Time
from weir.transforms.records import CONTENT, TIMESTAMP

# Ids and language tags stand in headers, log lines and clustered columns.
LONGEST_ID = 1024
LONGEST_LANGUAGE = 35  # the length that RFC 5646 asks implementations to allow for


@dataclass(frozen=True)
class Failure:
    """A row that is no post. ``error`` is a sentence that holds nothing of the message."""

    row: int
    reason: str
    error: str
    author_id: str | None = None  # a pseudonym, where it is asked for and can be told


@dataclass(frozen=True)
class Decoded:
    """Every row of a MESSAGE batch, once: as CONTENT in the order it came, or as a failure."""

    content: pa.RecordBatch
    failures: tuple[Failure, ...]
    undated: int = 0  # posts whose own time is missing or cannot be read: Kafka's stands for it


@dataclass(frozen=True)
class Posts:
    """The decoded columns of the rows that were read, parallel; None where there is none."""

    texts: pa.Array
    ids: Sequence[str | int | None] | None  # None where the format has none, as for the others
    times: Sequence[Time] | None
    languages: Sequence[str | None] | None
    authors: Sequence[str | None] | None = None  # pseudonyms; None where they are not asked for


def drop_failures(batch: pa.RecordBatch, failures: Sequence[Failure]) -> pa.RecordBatch:
    """Return the batch less the rows that failed."""
    if not failures:
        return batch
    kept = np.ones(batch.num_rows, np.bool_)
    kept[[failure.row for failure in failures]] = False
    return batch.filter(pa.array(kept))


def outcome(batch: pa.RecordBatch, posts: Posts, failures: Sequence[Failure]) -> Decoded:
    """Return what became of a MESSAGE batch: what was decoded of the rows that did not fail."""
    readable = drop_failures(batch, failures)
    rows = readable.num_rows
    own = pa.nulls(rows, TIMESTAMP) if posts.times is None else own_times(posts.times)
    columns = {
        "content_id": _content_ids(readable, posts.ids),
        "text": posts.texts,
        "created_at": creation_times(own, readable["timestamp"]),
        "language": _languages(posts.languages, rows),
        "author_id": pa.nulls(rows, pa.string())
        if posts.authors is None
        else pa.array(posts.authors, pa.string()),
    } | dict(zip(readable.schema.names, readable.columns, strict=True))
    content = pa.RecordBatch.from_arrays([columns[name] for name in CONTENT.names], schema=CONTENT)
    undated = 0 if posts.times is None else own.null_count
    return Decoded(content, tuple(failures), undated)


def _content_ids(readable: pa.RecordBatch, ids: Sequence[str | int | None] | None) -> pa.Array:
    try:
        named = pa.nulls(readable.num_rows, pa.string()) if ids is None else _strings(ids)
    except pa.ArrowTypeError:
        named = _strings([None if i is None else str(i) for i in ids or ()])
    length = pc.utf8_length(named)
    usable = pc.and_(pc.greater(length, 0), pc.less_equal(length, LONGEST_ID))
    if pc.all(usable, skip_nulls=False).as_py():
        return named
    position = pc.binary_join_element_wise(
        readable["topic"],
        readable["partition"].cast(pa.string()),
        readable["offset"].cast(pa.string()),
        "/",
    )
    return pc.if_else(usable.fill_null(False), named, position)


def _strings(values: Sequence[str | int | None]) -> pa.Array:
    return pa.array(values, pa.string())


def _languages(languages: Sequence[str | None] | None, rows: int) -> pa.Array:
    tags = pa.nulls(rows, pa.string()) if languages is None else _strings(languages)
    if tags.null_count == len(tags):
        return tags
    plausible = pc.less_equal(pc.utf8_length(tags), LONGEST_LANGUAGE)
    return pc.if_else(plausible, tags, pa.scalar(None, pa.string()))
