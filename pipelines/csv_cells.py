"""CSV that a spreadsheet shows and never runs."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from weir.transforms.text.hidden import visible

# What starts a formula, also after spaces that an importer trims, and in its full-width form.
_FORMULA = re.compile(r'[\s"]*[=+\-@＝＋－＠\t\r]')
# A spreadsheet that takes other separators than commas, as most of Europe's do, begins another cell
# behind these, whatever quotes stand around: they are not the first of what it takes for a cell.
_SEPARATORS = frozenset(";\t\n")  # others that break lines are shown
_LATER = re.compile(r'(?<![\s";])[\s";]++(?=[=+\-@＝＋－＠])')


def cell(value: Any) -> str:
    """Return a value as the text of a cell: no formula, no character that acts.

    What a spreadsheet would take for a formula gets an apostrophe before it, at the beginning and
    wherever the text may be broken into cells.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value)
    text = _LATER.sub(_shown, visible(value))
    return f"'{text}" if _FORMULA.match(value) else text


def _shown(before: re.Match[str]) -> str:
    return before[0] if _SEPARATORS.isdisjoint(before[0]) else f"{before[0]}'"


def lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield rows under their columns as lines of CSV, every cell in quotes."""
    line = io.StringIO(newline="")
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    for cells in chain([columns], ([cell(row.get(name)) for name in columns] for row in rows)):
        writer.writerow(cells)
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def write_cells(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows under their columns as UTF-8 CSV, as ``lines``; OSError passes through."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines(columns, rows))
