"""Read a team's own labels: CSV or Parquet, a ``text`` column and one column per policy.

A label is 1 (violates), 0 (does not) or empty (nobody knows). No error names a post's text.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from weir.transforms.screen.training.labelled import LabelledPost, LabelledSet, LabelsError

TEXT = "text"
_PARQUET = b"PAR1"  # its first four bytes
_LONGEST_CELL = 1 << 30  # characters; Python's csv refuses 131,073 unless told


@dataclass(frozen=True)
class LabelFile:
    """The posts of one file, and what was passed over in it, a sentence each."""

    labelled: LabelledSet
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Table:
    """A file as columns of equal length; a missing text is None, labels are as they stand."""

    text: Sequence[str | None]
    columns: Mapping[str, Sequence[Any]]
    first_line: int  # of the first row, for messages


def read_labels(path: Path, policy_ids: Sequence[str], licence: str = "unstated") -> LabelFile:
    """Return the labelled posts of a CSV or Parquet file; LabelsError where it cannot be used."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LabelsError(
            f"The labels {path} cannot be read ({error.strerror or type(error).__name__}); "
            "give a CSV or Parquet file."
        ) from error
    if content.startswith(_PARQUET):
        table = _parquet(content, path, policy_ids)
    else:
        table = _csv(content, path)
    known = [policy_id for policy_id in policy_ids if policy_id in table.columns]
    if not known:
        raise LabelsError(
            f"The labels {path} have no column for any policy; name one after each: "
            f"{', '.join(policy_ids)}."
        )
    posts = tuple(_posts(table, known, path))
    labelled = LabelledSet(
        name=path.stem,
        source=path.name,
        licence=licence,
        sha256=hashlib.sha256(content).hexdigest(),
        posts=posts,
    )
    return LabelFile(labelled, tuple(_warnings(table, policy_ids, len(posts), path)))


def _warnings(table: _Table, policy_ids: Sequence[str], kept: int, path: Path) -> Iterator[str]:
    if absent := [policy_id for policy_id in policy_ids if policy_id not in table.columns]:
        yield f"{path.name} has no column for {_counted(absent, 'policy', 'policies')}."
    if unknown := [name for name in table.columns if name not in policy_ids]:
        listed = _counted(unknown, "column", "columns")
        yield f"{path.name} has {listed} that no policy is named after; they are left out."
    if dropped := len(table.text) - kept:
        yield f"{path.name} has {dropped:,} rows without a text; they are left out."


def _counted(names: Sequence[str], one: str, many: str) -> str:
    listed = ", ".join(repr(name) for name in names[:10]) + (", ..." if len(names) > 10 else "")
    return f"{len(names)} {one if len(names) == 1 else many} ({listed})"


def _posts(table: _Table, policy_ids: Sequence[str], path: Path) -> Iterator[LabelledPost]:
    columns = [(policy_id, table.columns[policy_id]) for policy_id in policy_ids]
    for row, text in enumerate(table.text):
        labels = {}
        for policy_id, column in columns:
            label = _label(column[row])
            if label is _UNKNOWN:
                continue
            if label is None:
                raise LabelsError(
                    f"The labels {path} have something other than 1, 0 or nothing in row "
                    f"{row + table.first_line}, column {policy_id!r}; write 1 for violates, 0 for "
                    "does not, and nothing where it is not known."
                )
            labels[policy_id] = label is _VIOLATES
        if text is not None and text.strip():
            yield LabelledPost(text, labels)


_VIOLATES, _SAFE, _UNKNOWN = "1", "0", ""


def _label(cell: Any) -> str | None:
    """Return what a cell says, None where it is no label."""
    if cell is None or cell != cell:  # NaN is how a data frame writes nothing
        return _UNKNOWN
    if isinstance(cell, str):
        return cell.strip() if cell.strip() in (_VIOLATES, _SAFE, _UNKNOWN) else None
    if isinstance(cell, bool | int | float) and cell in (0, 1):
        return _VIOLATES if cell else _SAFE
    return None


def _csv(content: bytes, path: Path) -> _Table:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise LabelsError(
            f"The labels {path} are not UTF-8 (line {line}); save them as UTF-8."
        ) from error
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise LabelsError(f"The labels {path} are not sound CSV ({error}).") from error
    finally:
        csv.field_size_limit(limit)
    rows = [row for row in rows if row]  # as csv.DictReader does: an empty line is no row
    header = rows[0] if rows else []
    _check_header(header, path)
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise LabelsError(
                f"The labels {path} have {len(row)} cells in row {number}, and {len(header)} in "
                "their header; quote cells that hold a comma."
            )
    cells: list[tuple[str, ...]] = list(zip(*rows[1:], strict=True)) or [()] * len(header)
    columns = dict(zip(header, cells, strict=True))
    return _Table(columns.pop(TEXT), columns, first_line=2)


def _parquet(content: bytes, path: Path, policy_ids: Sequence[str]) -> _Table:
    """Return the texts and the policies' columns; of the others only that they are there.

    Those may hold what Python has no value for, such as the nanoseconds of a data frame's times.
    """
    try:
        header = pq.read_schema(pa.BufferReader(content)).names
        _check_header(header, path)
        wanted = [name for name in header if name in policy_ids and name != TEXT]
        table = pq.read_table(pa.BufferReader(content), columns=[TEXT, *wanted])
        text = table[TEXT].cast(pa.string()).to_pylist()
        labels = {name: table[name].to_pylist() for name in wanted}
    except LabelsError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise LabelsError(
            f"The labels {path} are no sound Parquet file with texts in UTF-8 "
            f"({type(error).__name__}); write them again."
        ) from error
    others: dict[str, Sequence[Any]] = dict.fromkeys(header, ())
    del others[TEXT]
    return _Table(text, others | labels, first_line=1)


def _check_header(header: Iterable[str], path: Path) -> None:
    names = list(header)
    if TEXT not in names:
        raise LabelsError(f"The labels {path} have no column {TEXT!r}; name the posts' column so.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise LabelsError(f"The labels {path} have the column {twice[0]!r} twice; keep one.")
