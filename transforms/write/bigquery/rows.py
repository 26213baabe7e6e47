"""What a batch looks like to BigQuery: its table's columns, in parts that one request can hold."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from weir.transforms.dead_letters import dead_letters
from weir.transforms.records import (
    CHANGE,
    DEAD_LETTER,
    DEFERRAL,
    HEADERS,
    HUMAN_LABEL,
    SCREENING,
    THRESHOLD,
    TIMESTAMP,
    VERDICT,
    Stage,
)
from weir.transforms.write.bigquery.appender import Refused
from weir.transforms.write.bigquery.fitting import fit_row

_REQUEST_BYTES = 6 << 20  # of rows; the service takes requests of 10 MB


def _as_stored(schema: pa.Schema) -> pa.Schema:
    """Return the schema with the one integer type that BigQuery has."""
    return pa.schema(
        [f.with_type(pa.int64()) if pa.types.is_integer(f.type) else f for f in schema]
    )


# The tables that are appended to, and their columns.
ROWS = {
    "screenings": _as_stored(SCREENING),
    "shadow_screenings": _as_stored(SCREENING),
    "verdicts": _as_stored(VERDICT),
    "deferrals": _as_stored(DEFERRAL),
    "dead_letters": _as_stored(DEAD_LETTER),
    "thresholds": _as_stored(THRESHOLD),
    "human_labels": _as_stored(HUMAN_LABEL),
    "post_changes": _as_stored(CHANGE),
}


def project(batch: pa.RecordBatch, columns: pa.Schema) -> pa.RecordBatch:
    """Return the columns by name, cast to their types; others are left out.

    A nullable column that the batch lacks is null. Raises KeyError where another one is missing.
    """
    return pa.RecordBatch.from_arrays([_column(batch, field) for field in columns], schema=columns)


def _column(batch: pa.RecordBatch, field: Any) -> Any:
    position = batch.schema.get_field_index(field.name)
    if position < 0:
        if not field.nullable:
            raise KeyError(f"a batch without the column {field.name}, which its table requires")
        array = pa.nulls(batch.num_rows, field.type)
    else:
        array = batch.column(position).cast(field.type)
    if pa.types.is_list(field.type) and array.null_count:
        return _without_null_lists(array)
    return array


def _without_null_lists(array: Any) -> Any:
    """Return the lists with empty ones for the null ones: BigQuery has no null arrays."""
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    ends = pc.cumulative_sum(lengths).cast(pa.int32())
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    return pa.ListArray.from_arrays(offsets, array.flatten(), type=array.type)


def join_batches(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """Return the rows of all batches, of one schema and none of them empty, in their order."""
    if len(batches) == 1:
        return batches[0]
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def cut(rows: pa.RecordBatch, most_bytes: int = _REQUEST_BYTES) -> Iterator[pa.RecordBatch]:
    """Halve rows until each part has at most ``most_bytes`` bytes, or one row; order is kept.

    A row that no request can hold is cut itself.
    """
    waiting = [rows] if rows.num_rows else []
    while waiting:
        part = waiting.pop()
        if part.nbytes <= most_bytes:
            yield part
        elif part.num_rows == 1:
            yield fit_row(part)
        else:
            half = part.num_rows // 2
            waiting += [part.slice(half), part.slice(0, half)]


def refused_letters(
    refused: Sequence[Refused], table: str, run: str, cluster: str
) -> pa.RecordBatch:
    """Return one DEAD_LETTER row for each refused one; its value is the row as JSON."""
    letters = [
        dead_letters(
            _envelope(each.row),
            stage=Stage.WRITE,
            reasons=[each.reason],
            errors=[each.error],
            run=run,
            cluster=cluster,
            # A post may be refused by one table for several policies: each is a letter of its own.
            version=f"{table}/{each.row['decision_id'][0].as_py()}",
        )
        for each in refused
    ]
    return join_batches(letters)


def _envelope(row: pa.RecordBatch) -> pa.RecordBatch:
    """Return the columns that a dead letter takes over from a refused row."""
    return pa.RecordBatch.from_arrays(
        [
            *(row[name] for name in ("topic", "partition", "offset")),
            _own(row, "content_id", pa.string()),
            _own(row, "policy_id", pa.string()),
            _own(row, "timestamp", TIMESTAMP),
            _own(row, "key", pa.binary()),
            _own(row, "author_id", pa.string()),
            pa.array([as_json(row)], pa.binary()),
            pa.nulls(1, HEADERS),
        ],
        names=[
            *("topic", "partition", "offset", "content_id", "policy_id", "timestamp", "key"),
            *("author_id", "value", "headers"),
        ],
    )


def _own(row: pa.RecordBatch, name: str, kind: Any) -> Any:
    return row[name] if name in row.schema.names else pa.nulls(1, kind)


def as_json(row: pa.RecordBatch) -> bytes:
    """Return a batch of one row as a JSON object; bytes, and text that is not UTF-8, as base64."""
    try:
        values = row.to_pylist()[0]
    except UnicodeDecodeError:
        fields = [f.with_type(pa.binary()) if f.type == pa.string() else f for f in row.schema]
        values = row.cast(pa.schema(fields)).to_pylist()[0]
    return msgspec.json.encode(values)
