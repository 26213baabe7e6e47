"""CSV as Excel, pandas and databases write it: the separator found, every row accounted for."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weir.transforms.files.records import Fault, FileError, checked_names, found_names

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_LONGEST_CELL = 1 << 30  # characters; Python's csv refuses 131,073 unless told
_EXCEL = re.compile(r"\s*\"?sep=(.)\"?\s*[\r\n]+")
_ESCAPED = re.compile(r'\\(["\\])')


@dataclass(frozen=True)
class Row:
    """The cells of a row, and the lines on which they begin and end."""

    first: int
    last: int
    cells: Sequence[str]


@dataclass(frozen=True)
class Sheet:
    """The columns' names and the rows below them, each with as many cells."""

    names: Sequence[str]
    rows: Sequence[Row]
    faults: Sequence[Fault]
    notes: Sequence[str]
    doubts: Sequence[Fault]


def read_csv(text: str, wanted: Sequence[str]) -> Sheet:
    """Return the sheet; FileError where it has no header with the first of the wanted columns."""
    excel = _EXCEL.match(text)
    skipped = text[: excel.end()].count("\n") if excel else 0
    body = text[excel.end() :] if excel else text
    separator = _separator(body, wanted)
    notes = [] if separator == "," else [f"its cells are separated by {_SEPARATORS[separator]}"]
    rows, faults = _rows(body, separator, skipped)
    if faults and '\\"' in body:
        # As MySQL and scripts write it; in plain CSV a backslash stands for itself.
        again, still = _rows(_ESCAPED.sub(_doubled, body), separator, skipped)
        if not still:
            rows, faults = again, []
            notes.append('quotes in its cells are written \\"')
    if not rows or (faults and faults[0].first < rows[0].first):
        raise FileError(str(faults[0]) if faults else "it holds no rows")
    header, *rows = rows
    return _sheet(header, rows, faults, notes, separator, text, wanted)


def _doubled(escaped: re.Match[str]) -> str:
    return '""' if escaped[1] == '"' else "\\"


def _separator(text: str, wanted: Sequence[str]) -> str:
    for separator in _SEPARATORS:
        names = next((row.cells for row in _rows_of(text, separator) if isinstance(row, Row)), ())
        if wanted[0] in found_names(names, wanted)[0].values():
            return separator
    return ","


def _rows(text: str, separator: str, skipped: int) -> tuple[list[Row], list[Fault]]:
    found = list(_rows_of(text, separator, skipped))
    rows = [each for each in found if isinstance(each, Row)]
    return rows, [each for each in found if isinstance(each, Fault)]


def _rows_of(text: str, separator: str, skipped: int = 0) -> Iterator[Row | Fault]:
    """Yield every row with something in it, and the lines that are no row."""
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
        while True:
            first = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                # The reader goes on at the next line.
                yield Fault(first + skipped, reader.line_num + skipped, _why(error))
                continue
            if any(cells):
                yield Row(first + skipped, reader.line_num + skipped, cells)
    finally:
        csv.field_size_limit(limit)


def _why(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return "a quote that is opened here is never closed"
    return 'a quote stands inside a cell; put the cell in "quotes" and double those inside it'


def _sheet(
    header: Row,
    rows: Sequence[Row],
    faults: Sequence[Fault],
    notes: list[str],
    separator: str,
    text: str,
    wanted: Sequence[str],
) -> Sheet:
    written = _trimmed(header.cells)
    named, renamed = found_names(written, wanted)
    names = [named[name] for name in written]
    index = [""] if names and names[0] == "" else []  # pandas' index has no name
    checked_names(names[len(index) :], wanted)
    notes = [*notes, *renamed]
    if index:
        notes.append("its first column has no name and is left out, as pandas' index")
    good, bad = [], list(faults)
    for row in rows:
        cells = row.cells if len(row.cells) <= len(names) else _trimmed(row.cells, len(names))
        if len(cells) == len(names):
            good.append(Row(row.first, row.last, cells[len(index) :]))
        else:
            why = (
                f"{len(cells)} cells where the header has {len(names)}; "
                f"put cells with {_SEPARATORS[separator]} in quotes"
            )
            bad.append(Fault(row.first, row.last, why))
    doubts = list(_doubts(good, separator, [*io.StringIO(text, newline="")]))
    return Sheet(names[len(index) :], good, sorted(bad, key=lambda f: f.first), notes, doubts)


def _trimmed(cells: Sequence[str], least: int = 1) -> Sequence[str]:
    """Return cells without the empty ones at the end: a spreadsheet fills up its rows."""
    end = len(cells)
    while end > least and not cells[end - 1]:
        end -= 1
    return cells[:end]


def _doubts(rows: Sequence[Row], separator: str, lines: Sequence[str]) -> Iterator[Fault]:
    """Yield the rows whose cells run over lines that look like rows: a quote may be missing."""
    for row in rows:
        begins = _shape(row.cells[0])
        for line in lines[row.first : row.last] if begins else ():
            cells = line.split(separator)
            if len(cells) >= len(row.cells) > 1 and _shape(cells[0]) == begins:
                why = "a cell runs over lines that look like rows; is a quote missing at its end?"
                yield Fault(row.first, row.last, why)
                break


def _shape(cell: str) -> str:
    """Return a cell with every number as 9 and every word as a; nothing for more than a name."""
    shape = re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", cell.strip('" ')))
    return shape if len(shape) <= 40 and " " not in shape else ""
