"""Record batches as a broker stores them, made with kafka-python's own builder."""

import struct
from dataclasses import dataclass, field

from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from kafka.record.util import calc_crc32c, encode_varint

from weir.transforms.kafka.record_batches import RawBatch

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
_HEADER = DefaultRecordBatch.HEADER_STRUCT
_BASE_OFFSET, _ATTRIBUTES = 0, 5
_LAST_DELTA, _FIRST_TIME, _MAX_TIME, _COUNT = 6, 7, 8, 12


class BytesKey(str):
    """A header key that is not text: what kafka-python would never write, but others do."""

    raw: bytes

    def __new__(cls, raw):
        key = super().__new__(cls)
        key.raw = raw
        return key

    def encode(self, *_):
        return self.raw


@dataclass(frozen=True)
class Row:
    delta: int  # from the batch's base offset
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = None
    headers: list = field(default_factory=list)


def record_batch(
    rows,
    *,
    base_offset=0,
    last_delta=None,
    codec="none",
    append_time=None,
    producer_id=-1,
    control=False,
    count=None,
    first_timestamp=None,
):
    """Return the bytes of one batch; it is transactional if it has a producer."""
    builder = DefaultRecordBatchBuilder(
        2, CODECS[codec], producer_id >= 0, producer_id, 0, 0, 1 << 30
    )
    for row in rows:
        builder.append(row.delta, row.timestamp, row.key, row.value, row.headers)
    data = bytearray(builder.build())
    header = list(_HEADER.unpack_from(data))
    header[_BASE_OFFSET] = base_offset
    if last_delta is not None:
        header[_LAST_DELTA] = last_delta
    if append_time is not None:
        header[_ATTRIBUTES] |= DefaultRecordBatch.TIMESTAMP_TYPE_MASK
        header[_MAX_TIME] = append_time
    if control:
        header[_ATTRIBUTES] |= DefaultRecordBatch.CONTROL_MASK
    if count is not None:
        header[_COUNT] = count
    if first_timestamp is not None:
        header[_FIRST_TIME] = first_timestamp
    _HEADER.pack_into(data, 0, *header)
    crc = calc_crc32c(memoryview(data)[DefaultRecordBatch.ATTRIBUTES_OFFSET :])
    struct.pack_into(">I", data, DefaultRecordBatch.CRC_OFFSET, crc)
    return bytes(data)


def marker(base_offset, producer_id, *, commit):
    """Return the control batch that ends a transaction."""
    row = Row(0, 0, struct.pack(">hh", 0, int(commit)), struct.pack(">hi", 0, 0))
    return record_batch([row], base_offset=base_offset, producer_id=producer_id, control=True)


def raw(data, records=None):
    """Return an uncompressed batch as the decoder gets it, or with other records in it."""
    batch = DefaultRecordBatch(data)
    return RawBatch(
        batch.base_offset,
        batch.last_offset,
        batch.first_timestamp,
        batch.max_timestamp if batch.timestamp_type else None,
        batch.records_count,
        records_of(data) if records is None else records,
    )


def records_of(data):
    return data[_HEADER.size :]


def with_records(data, records):
    return data[: _HEADER.size] + records


def zigzag(number):
    written = bytearray()
    encode_varint(number, written.append)
    return bytes(written)


def record(*parts, length=None):
    """Return one record of numbers (written as varints) and bytes, after its attributes."""
    body = b"\0" + b"".join(p if isinstance(p, bytes) else zigzag(p) for p in parts)
    return zigzag(len(body) if length is None else length) + body
