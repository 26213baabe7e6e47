"""Forms of a row that BigQuery can take, where it cannot take the whole one."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

ROW_BYTES = 8 << 20  # the service takes requests of 10 MB
# What may be long, and what it becomes: text says itself what it lacks, bytes stay those of the
# message, JSON stays JSON.
_LONG = ("text", "attributes", "rationale", "reasoning", "note", "key", "value", "headers")
_ENVELOPE = ("key", "value", "headers")
_MARK_BYTES = 64  # of what is said in place of what is cut


def fit_row(row: pa.RecordBatch, most_bytes: int = ROW_BYTES) -> pa.RecordBatch:
    """Return a batch of one row with at most so many bytes: its longest values are cut.

    A text says how many bytes it lacks, attributes become an object that does, and of a dead letter
    the error does. Nothing else of a row is long.
    """
    if row.nbytes <= most_bytes:
        return row
    sizes = {name: row[name].nbytes for name in _LONG if name in row.schema.names}
    level = _level(list(sizes.values()), most_bytes - (row.nbytes - sum(sizes.values())))
    left_out = 0
    for name in (name for name, size in sizes.items() if size > level):
        column, lacking = _cut(name, row[name], max(0, level - _MARK_BYTES))
        row, left_out = _with(row, name, column), left_out + lacking
    return _noted(row, f"{left_out:,} bytes of the message are left out here")


def _level(sizes: list[int], room: int) -> int:
    """Return the size to cut to what is larger, so that all take no more than the room."""
    for place, size in enumerate(sorted(sizes)):
        share = room // (len(sizes) - place)
        if size > share:
            return share
        room -= size
    return max(sizes)


def bare(row: pa.RecordBatch) -> pa.RecordBatch:
    """Return a DEAD_LETTER row without its message: for one that is refused with it."""
    for name in _ENVELOPE:
        row = _with(row, name, _nothing(row[name].type))
    return _noted(row, "BigQuery took the row without the message alone")


def _cut(name: str, column: Any, kept: int) -> tuple[Any, int]:
    """Return the column of one value cut to about so many bytes, and how many bytes are gone."""
    if name == "headers":
        return _nothing(column.type), column.nbytes
    size = pc.binary_length(column)[0].as_py() or 0
    if name == "attributes":
        return pa.array([f'{{"weir_bytes_left_out": {size}}}']), size
    raw = column.cast(pa.binary())[0].as_py()[:kept]
    if column.type == pa.binary():
        return pa.array([raw], column.type), size - len(raw)
    text = raw.decode("utf-8", "ignore")
    lacking = size - len(text.encode())
    return pa.array([f"{text}\n[{lacking:,} bytes left out]"]), lacking


def _nothing(kind: Any) -> Any:
    # BigQuery has no null arrays.
    return pa.array([[]], kind) if pa.types.is_list(kind) else pa.nulls(1, kind)


def _with(row: pa.RecordBatch, name: str, column: Any) -> pa.RecordBatch:
    at = row.schema.get_field_index(name)
    return row.set_column(at, row.schema.field(at), column)


def _noted(row: pa.RecordBatch, note: str) -> pa.RecordBatch:
    if "error" not in row.schema.names:
        return row
    return _with(row, "error", pa.array([f"{row['error'][0].as_py()} {note}."]))
