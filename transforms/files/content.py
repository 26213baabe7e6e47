"""A file's bytes: unpacked, and named where they are of a kind that holds no rows."""

import bz2
import codecs
import gzip
import json
import lzma
import re
import zlib
from pathlib import Path
from typing import IO

import zstandard

from weir.transforms.files.records import FileError

LARGEST = 1 << 29  # bytes, unpacked: a file is held in memory, three times at the worst

_OTHERS = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; save the sheet as CSV"),
    (b"ARROW1", "an Arrow file; write it as Parquet"),
    (b"Obj\x01", "an Avro file; write it as JSON Lines"),
    (b"ORC", "an ORC file; write it as Parquet"),
    (b"SQLite format 3", "an SQLite database; export the table as CSV"),
    (b"%PDF", "a PDF; give the posts as CSV or JSON Lines"),
)

# Western Europe's letters and marks in Windows-1252. Of other code pages most words hold something
# else, or many such bytes in a row.
_WESTERN = frozenset(
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜßàáâãäåæçèéêëìíîïñòóôõöøùúûüœŒ“”‘’„‚–—…€£§°·«»¿¡´™•\xa0".encode(
        "cp1252"
    )
)
# What is UTF-8 after all, but for a damaged place, and other alphabets.
_FOREIGN = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\x80-\xff]{3}")


def unpack(path: Path) -> bytes:
    """Return a file's bytes, out of gzip, Zstandard, bzip2 or xz by what it begins with.

    FileError where it cannot be read to its end, is too large, or holds no rows by its kind.
    """
    try:
        with path.open("rb") as file:
            content = _content(file)
    except FileNotFoundError as error:
        raise FileError(f"{path}: there is no such file") from error
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise FileError(
            f"{path} cannot be read to its end ({why}); check that it is whole"
        ) from error
    if len(content) > LARGEST:
        raise FileError(
            f"{path} is larger than {LARGEST >> 20} MiB, unpacked; take a part of it, such as its "
            "first 100,000 lines"
        )
    for magic, what in _OTHERS:
        if content.startswith(magic):
            raise FileError(f"{path} is {what}")
    if not content.strip():
        raise FileError(f"{path} is empty")
    return content


def _content(file: IO[bytes]) -> bytes:
    """Return what a file holds, unpacked: LARGEST bytes of it and one more, or a little over."""
    begins = file.read(6)
    file.seek(0)
    if begins.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file).read(LARGEST + 1)
    if begins.startswith(b"\x28\xb5\x2f\xfd"):
        return _zstandard(file)
    if begins.startswith(b"BZh"):
        return bz2.BZ2File(file).read(LARGEST + 1)
    if begins.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(file).read(LARGEST + 1)
    return file.read(LARGEST + 1)


def _zstandard(file: IO[bytes]) -> bytes:
    """Return the frames of a file; EOFError where the last one was cut, which its reader hides."""
    # Archives of social media use a window of 2 GiB.
    unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 31)
    frame, content = unpacker.decompressobj(), bytearray()
    # Four bytes may become 128 KiB, so no more than 128 MiB at a time.
    while len(content) <= LARGEST and (packed := file.read(4096)):
        while packed:
            if frame.eof:
                frame = unpacker.decompressobj()
            content += frame.decompress(packed)
            packed = frame.unused_data
    if len(content) <= LARGEST and not frame.eof:
        raise EOFError
    return bytes(content)


def utf8(content: bytes) -> tuple[bytes, list[str]]:
    """Return JSON as UTF-8, and a note where it was written in another Unicode.

    What is not UTF-8 stays as it is: it costs a line at most, and the decoder says which.
    """
    content = content.removeprefix(codecs.BOM_UTF8)
    encoding = json.detect_encoding(content)
    if encoding == "utf-8":
        return content, []
    text = content.decode(encoding, "replace").removeprefix("\ufeff")
    return text.encode("utf-8", "replace"), [f"it is {encoding.upper()}"]


def text_of(content: bytes) -> tuple[str, list[str]]:
    """Return a table as text, and a note where it is not UTF-8; FileError where it is neither.

    Windows-1252 is taken for what it is where every odd byte is a letter or a mark of Western
    Europe, no two are a character of UTF-8, and no three stand together.
    """
    encoding = json.detect_encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        odd = {byte for byte in content if byte >= 0x80}
        if not encoding.startswith("utf-8") or not odd <= _WESTERN or _FOREIGN.search(content):
            raise FileError(
                f"line {line} is not {encoding.upper()}; save the file as UTF-8"
            ) from error
        return content.decode("cp1252"), [
            f"line {line} is not UTF-8: the file is read as Windows-1252, as Excel writes it"
        ]
    plain = encoding.startswith("utf-8")
    return text.removeprefix("\ufeff"), [] if plain else [f"it is {encoding.upper()}"]
