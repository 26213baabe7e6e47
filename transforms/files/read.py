"""Read a file of posts or labels, of whatever kind it is."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from weir.transforms.files import content as contents
from weir.transforms.files.csv_form import read_csv
from weir.transforms.files.json_form import read_json
from weir.transforms.files.parquet_form import MAGIC, read_parquet
from weir.transforms.files.records import (
    Fault,
    FileError,
    Record,
    Records,
)

_Found = tuple[Sequence[Record], Sequence[Fault], Sequence[str], Sequence[Fault], Sequence[str]]
# A table never begins as JSON does, but JSON may begin as a table: with a string.
_JSON = re.compile(r"\.(json|jsonl|ndjson)(\.\w+)?$", re.IGNORECASE)
_ENCODE = msgspec.json.Encoder(enc_hook=str).encode


def read_file(path: Path, wanted: Sequence[str]) -> Records:
    """Return every row of a CSV, JSON, JSON Lines or Parquet file, packed or not.

    The kind is known by what the file holds before its name. ``wanted`` are the columns that are
    asked for, the one that must be there first. FileError where the file as a whole cannot be read.
    """
    return read_content(contents.unpack(path), path.name, wanted)


def read_content(content: bytes, name: str, wanted: Sequence[str]) -> Records:
    """Return every row of a file's content, as ``read_file`` does."""
    try:
        records, faults, notes, doubts, columns = _read(content, name, wanted)
    except FileError as error:
        raise type(error)(f"{name}: {error}") from error
    digest = hashlib.sha256(content).hexdigest()
    rows, faults, doubts = tuple(records), tuple(faults), tuple(doubts)
    return Records(name, digest, rows, faults, tuple(notes), doubts, tuple(columns))


def _read(content: bytes, name: str, wanted: Sequence[str]) -> _Found:
    if content.startswith(MAGIC):
        names, rows, notes = read_parquet(content, wanted)
        values = [_object(zip(names, row, strict=True), wanted) for row in rows]
        records = [Record(number, value) for number, value in enumerate(values, 1)]
        return records, [], notes, [], names
    plain, notes = contents.utf8(content)
    if plain.lstrip()[:1] in (b"{", b"[") or _JSON.search(name):
        records, faults, how = read_json(plain, wanted)
        return records, faults, [*notes, *how], [], []
    text, notes = contents.text_of(content)
    sheet = read_csv(text, wanted)
    records = [
        Record(row.first, _object(zip(sheet.names, row.cells, strict=True), wanted))
        for row in sheet.rows
    ]
    return records, sheet.faults, [*notes, *sheet.notes], sheet.doubts, sheet.names


def _object(columns: Iterable[tuple[str, Any]], wanted: Sequence[str]) -> bytes:
    """Return the JSON object of a row; a wanted name with dots is a path, as pandas writes it."""
    found: dict[str, Any] = {}
    for name, value in columns:
        *above, last = name.split(".") if name in wanted else [name]
        place = found
        for step in above:
            place = place.setdefault(step, {})
        place[last] = value
    return _ENCODE(found)
