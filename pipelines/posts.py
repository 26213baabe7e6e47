"""Posts in files, as the Kafka messages they would have been."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from weir.pipelines.errors import OptionError, nearest
from weir.pipelines.text_fields import text_fields
from weir.transforms.decode import DecodeSettings, decoder
from weir.transforms.files import Fault, NoColumnError, Records, list_faults, no_column, read_file
from weir.transforms.records import MESSAGE

SAMPLE = Path(__file__).parent / "sample" / "posts.jsonl"
_ROWS = 4_000  # decoded at once
_EXAMPLES = 100  # messages that are looked at for the fields that hold text


@dataclass(frozen=True)
class PostFile:
    """The messages of a file, key and value, and what became of its rows: posts or ``unread``."""

    name: str
    messages: tuple[tuple[bytes | None, bytes], ...] = field(repr=False)
    texts: tuple[str, ...] = field(repr=False)
    unread: tuple[Fault, ...] = ()
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return rows in and posts out in a line, and a line for each thing to know of them."""
        said = f"{self.name}: {len(self.messages):,} rows, {len(self.texts):,} posts"
        unread = f"; no posts are {list_faults(self.unread)}" if self.unread else ""
        return "\n".join([said + unread, *self.warnings])


def read_posts(path: Path, decode: DecodeSettings) -> PostFile:
    """Return the messages of a file, and its posts as the decoder reads them.

    A line of JSON Lines is a message as it stands, and a row of a table an object of its columns.
    FileError where a row is neither; OptionError where none is a post, or a table has no column
    of the text's name or of another name that is not the default.
    """
    wanted = [".".join(names) for names in decode.paths]
    try:
        read = read_file(path, wanted).sound()
    except NoColumnError as error:
        raise OptionError(f"{error}; name the one that holds the text by --text-field") from error
    _check_columns(read, decode)
    messages: list[tuple[bytes | None, bytes]] = []
    texts: list[str] = []
    unread: list[Fault] = []
    for keys, found, failed in _decoded(read, decode):
        messages += keys
        texts += found
        unread += failed
    if not texts:
        raise OptionError(_why_not(read, unread, decode))
    return PostFile(read.name, tuple(messages), tuple(texts), tuple(unread), read.warnings)


def _check_columns(read: Records, decode: DecodeSettings) -> None:
    """Raise OptionError where a field that somebody named is no column of a table."""
    for option, name, default, places in (
        ("--id-field", decode.id_field, DecodeSettings.id_field, decode.places.id),
        ("--time-field", decode.time_field, DecodeSettings.time_field, decode.places.time),
    ):
        # A column may hold an object, in which the rest of the path lies.
        there = any({place[0], ".".join(place)} & {*read.columns} for place in places)
        if read.columns and name != default and not there:
            near = nearest(name, read.columns, "")
            why = f"there is no column {name!r}: {near}" if near else no_column(name, read.columns)
            raise OptionError(f"{option}: {read.name}: {why}")


def _decoded(
    read: Records, decode: DecodeSettings
) -> Iterator[tuple[list[tuple[bytes | None, bytes]], list[str], list[Fault]]]:
    """Yield the messages, the texts and the rows that are no posts, some thousand rows at once."""
    read_batch = decoder(decode)
    for begin in range(0, len(read.records), _ROWS):
        records = read.records[begin : begin + _ROWS]
        found = read_batch(_batch(read.name, [record.value for record in records]))
        rows: Any = found.content.select(["offset", "content_id", "text"]).to_pydict()
        keys: list[bytes | None] = [None] * len(records)
        for offset, content_id in zip(rows["offset"], rows["content_id"], strict=True):
            if content_id != f"{read.name}/0/{offset}":  # as a post without an id is named
                keys[offset] = content_id.encode()
        messages = [(key, record.value) for key, record in zip(keys, records, strict=True)]
        lines = [
            (records[failure.row].line, failure.error.removesuffix("."))
            for failure in found.failures
        ]
        yield messages, rows["text"], [Fault(line, line, error) for line, error in lines]


def _batch(name: str, values: Sequence[bytes]) -> pa.RecordBatch:
    rows = len(values)
    columns = {
        "topic": pa.repeat(name, rows),
        "partition": pa.repeat(pa.scalar(0, pa.int32()), rows),
        "offset": pa.array(range(rows), pa.int64()),
        "value": pa.array(values, pa.binary()),
    }
    return pa.RecordBatch.from_arrays(
        [
            columns[each.name] if each.name in columns else pa.nulls(rows, each.type)
            for each in MESSAGE
        ],
        schema=MESSAGE,
    )


def _why_not(read: Records, unread: Sequence[Fault], decode: DecodeSettings) -> str:
    said = f"{read.name}: none of its {len(read.records):,} rows is a post: {list_faults(unread)}"
    if all(len(record.value) > decode.max_post_bytes for record in read.records):
        return f"{said}. Cut them, or raise --max-post-bytes"
    found = text_fields(record.value for record in read.records[:_EXAMPLES])
    named = f"The fields that hold text are {', '.join(found)}; name one" if found else "Name it"
    return f"{said}. {named} by --text-field, which is {decode.text_name}"
