"""Posts in files: CSV or JSON Lines, gzipped or not, as the Kafka messages they would have been."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from weir.pipelines.errors import OptionError

SAMPLE = Path(__file__).parent / "sample" / "posts.jsonl"


def read_posts(path: Path, id_field: str) -> Iterator[tuple[bytes | None, bytes]]:
    """Yield the key and value of each post's message.

    A line of JSON Lines is the value as it stands, however broken; a CSV row becomes an object
    of its columns. The key is the value of ``id_field``, where there is one. Raises OptionError
    where the file is missing, is neither CSV nor JSON Lines by its name, or is damaged.
    """
    try:
        yield from _posts(path, id_field)
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise OptionError(
            f"--input {path} cannot be read to its end: {error}. Check that it is whole, and "
            "what its name says it is"
        ) from error


def _posts(path: Path, id_field: str) -> Iterator[tuple[bytes | None, bytes]]:
    name = path.name.removesuffix(".gz")
    if not path.is_file():
        raise OptionError(f"--input {path}: there is no such file")
    if name.endswith(".csv"):
        yield from _csv(path, id_field)
    elif name.endswith((".jsonl", ".ndjson", ".json")):
        yield from _json_lines(path, id_field)
    else:
        raise OptionError(f"--input {path}: give a .csv, .jsonl or .ndjson file, .gz or not")


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _csv(path: Path, id_field: str) -> Iterator[tuple[bytes | None, bytes]]:
    csv.field_size_limit(1 << 24)
    encode = msgspec.json.Encoder().encode
    with _open(path) as raw, io.TextIOWrapper(raw, "utf-8-sig", "replace", newline="") as text:
        for row in csv.DictReader(text):
            columns = {k: v for k, v in row.items() if isinstance(k, str)}
            key = columns.get(id_field)
            yield (key.encode() if key else None), encode(columns)


def _json_lines(path: Path, id_field: str) -> Iterator[tuple[bytes | None, bytes]]:
    decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    with _open(path) as raw:
        for line in raw:
            value = line.rstrip(b"\r\n")
            if not value:
                continue
            try:
                key = decode(value).get(id_field)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                key = None
            yield (bytes(key).strip(b'"') if key else None), value
