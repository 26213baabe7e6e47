"""The bytes of a compressed record batch, piece by piece: no piece is much larger than asked for.

A megabyte of gzip can stand for a gigabyte, and one of zstd for thirty.
"""

import io
import zlib
from collections.abc import Iterator

import lz4.frame
import snappy
import zstandard
from kafka.record.default_records import DefaultRecordBatch

_INPUT_BYTES = 64 << 10
_GZIP_FORMAT = 31  # of zlib's: a gzip header, and the largest window
_XERIAL = b"\x82SNAPPY\0"
_XERIAL_BYTES = 16  # of the header, with two numbers that say nothing
# A block of snappy cannot be had in pieces, and says itself how large it is.
_LARGEST_BLOCK = 64 << 20


class InflationError(ValueError):
    """What is compressed cannot be read; the message says why."""


def inflate(codec: int, data: memoryview, piece_bytes: int) -> Iterator[bytes]:
    """Yield what the data of a record batch stands for; ``codec`` is Kafka's number of it.

    Raises InflationError where the data is not of that codec, or a block of it is too large.
    """
    try:
        match codec:
            case DefaultRecordBatch.CODEC_NONE:
                for start in range(0, len(data), piece_bytes):
                    yield bytes(data[start : start + piece_bytes])
            case DefaultRecordBatch.CODEC_GZIP:
                yield from _gzip(data, piece_bytes)
            case DefaultRecordBatch.CODEC_SNAPPY:
                yield from _snappy(bytes(data))
            case DefaultRecordBatch.CODEC_LZ4:
                yield from _lz4(data, piece_bytes)
            case DefaultRecordBatch.CODEC_ZSTD:
                yield from _zstd(data, piece_bytes)
            case _:
                raise InflationError(f"it is compressed in an unknown way ({codec})")
    except (zlib.error, RuntimeError, snappy.UncompressError, zstandard.ZstdError) as error:
        raise InflationError("what is compressed is malformed") from error


def _inputs(data: memoryview) -> Iterator[bytes]:
    for start in range(0, len(data), _INPUT_BYTES):
        yield bytes(data[start : start + _INPUT_BYTES])


def _gzip(data: memoryview, piece_bytes: int) -> Iterator[bytes]:
    inflater = zlib.decompressobj(_GZIP_FORMAT)
    for chunk in _inputs(data):
        rest = chunk
        while rest:
            if inflater.eof:  # another member follows
                inflater = zlib.decompressobj(_GZIP_FORMAT)
            yield inflater.decompress(rest, piece_bytes)
            rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    yield inflater.flush()
    if not inflater.eof:
        raise InflationError("what is compressed ends too early")


def _lz4(data: memoryview, piece_bytes: int) -> Iterator[bytes]:
    inflater = lz4.frame.LZ4FrameDecompressor()
    for chunk in _inputs(data):
        rest = chunk
        while rest or not inflater.needs_input:
            if inflater.eof:
                inflater = lz4.frame.LZ4FrameDecompressor()
            yield inflater.decompress(rest, piece_bytes)
            rest = (inflater.unused_data or b"") if inflater.eof else b""
            if inflater.eof and not rest:
                break
    if not inflater.eof:
        raise InflationError("what is compressed ends too early")


def _zstd(data: memoryview, piece_bytes: int) -> Iterator[bytes]:
    source = io.BytesIO(data)
    with zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True) as reader:
        while piece := reader.read(piece_bytes):
            yield piece


def _snappy(data: bytes) -> Iterator[bytes]:
    if not data.startswith(_XERIAL):
        yield _block(data)
        return
    at = _XERIAL_BYTES
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        at += 4 + size
        yield _block(data[at - size : at])


def _block(data: bytes) -> bytes:
    size = 0
    for shift, byte in enumerate(data[:5]):  # its length stands first, as a varint
        size |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            break
    if size > _LARGEST_BLOCK:
        raise InflationError(f"a block of it stands for {size:,} bytes")
    return bytes(snappy.uncompress(data))
