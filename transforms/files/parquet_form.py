"""Parquet: rows as they are, by number."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from weir.transforms.files.records import FileError, checked_names, found_names

MAGIC = b"PAR1"
_UNSOUND = (pa.ArrowException, OSError, ValueError, OverflowError)


def read_parquet(
    content: bytes, wanted: Sequence[str]
) -> tuple[list[str], list[tuple[Any, ...]], list[str]]:
    """Return the columns' names, the rows below them, and notes; FileError where it is not sound.

    A column that Python has no values for is left out with a note, unless it is a wanted one.
    """
    try:
        table = pq.read_table(pa.BufferReader(content))
    except _UNSOUND as error:
        raise _unsound(error) from error
    named, notes = found_names(table.column_names, wanted)
    checked_names([named[name] for name in table.column_names], wanted)
    columns: dict[str, list[Any]] = {}
    for written, column in zip(table.column_names, table.columns, strict=True):
        try:
            columns[named[written]] = _microseconds(column).to_pylist()
        except _UNSOUND as error:
            if named[written] in wanted:
                raise _unsound(error) from error
            notes.append(f"the column {written!r} cannot be read and is left out")
    return list(columns), list(zip(*columns.values(), strict=True)), notes


def _unsound(error: Exception) -> FileError:
    return FileError(
        f"it is no sound Parquet file with texts in UTF-8 ({type(error).__name__}); write it again"
    )


def _microseconds(column: Any) -> Any:
    # Python's times have no nanoseconds.
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return column.cast(pa.timestamp("us", kind.tz), safe=False)
    return column
