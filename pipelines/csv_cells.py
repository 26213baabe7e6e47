"""CSV that a spreadsheet shows and never runs."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

# What starts a formula, also after spaces that an importer trims, and in its full-width form.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠\t\r]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def cell(value: Any) -> str:
    """Return a value as the text of a cell: no formula, no control character.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value)
    text = _CONTROL.sub("\ufffd", value.replace("\r\n", "\n").encode("utf-8", "replace").decode())
    return f"'{text}" if _FORMULA.match(value) else text


def write_cells(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows under their columns as UTF-8 CSV, every cell in quotes; OSError passes through."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(columns)
        writer.writerows([cell(row.get(column)) for column in columns] for row in rows)
