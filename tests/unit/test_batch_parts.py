"""Record batches that stand for more than memory holds: read in parts, and nothing unaccounted."""

import gzip

import pytest
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch

from tests.record_batches import CODECS, Row, record_batch, with_records
from weir.transforms.kafka.batch_parts import Limits, Unread, parts, whole
from weir.transforms.kafka.inflate import InflationError, inflate
from weir.transforms.kafka.record_batches import messages
from weir.transforms.records import Withheld

SMALL = Limits(part_bytes=1000, part_rows=50, batch_bytes=100_000)
COMPRESSED = [codec for codec in CODECS if codec != "none"]


def batch(*values, codec="gzip", base_offset=7):
    rows = [Row(number, value=value) for number, value in enumerate(values)]
    return DefaultRecordBatch(record_batch(rows, base_offset=base_offset, codec=codec))


def read(found, limits=SMALL):
    """Return offset -> value, or why it was not read."""
    known: dict = {}
    for part in parts(found, limits):
        if isinstance(part, Unread):
            known |= dict.fromkeys(part.offsets, part.reason)
        else:
            assert len(part.records) <= 2 * limits.part_bytes
            assert part.rows <= limits.part_rows
            rows = messages("posts", 0, [part]).to_pylist()
            known |= {row["offset"]: row["value"] for row in rows}
    return known


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_that_fits_is_one_part(codec):
    found = whole(batch(b"a", b"b", codec=codec), SMALL)
    assert messages("posts", 0, [found])["value"].to_pylist() == [b"a", b"b"]


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_of_more_than_a_part_is_read_whole_in_parts(codec):
    values = [b"%d " % n * 100 for n in range(40)]
    assert whole(batch(*values, codec=codec), SMALL) is None
    assert read(batch(*values, codec=codec)) == dict(enumerate(values, 7))


@pytest.mark.parametrize("codec", COMPRESSED)
def test_a_record_larger_than_a_part_is_left_out_and_its_neighbours_are_read(codec):
    found = batch(b"before", b"x" * 20_000, b"after", codec=codec)
    assert read(found) == {7: b"before", 8: Withheld.MESSAGE_TOO_LARGE, 9: b"after"}


@pytest.mark.parametrize("codec", COMPRESSED)
def test_what_lies_beyond_the_bytes_of_a_batch_is_counted_and_not_read(codec):
    found = batch(b"before", b"x" * 500_000, b"after", b"last", codec=codec)
    known = read(found)
    assert known[7] == b"before"
    assert known[8] == Withheld.MESSAGE_TOO_LARGE
    assert list(known) == [7, 8, 9, 10]


def test_many_records_that_cost_little_are_read_a_few_at_a_time():
    found = batch(*[None] * 180)
    assert whole(found, SMALL) is None
    assert list(read(found)) == list(range(7, 187))


def test_unread_records_are_given_out_a_few_at_a_time():
    found = batch(b"x" * 500_000, *[None] * 120)
    unread = [part for part in parts(found, SMALL) if isinstance(part, Unread)]
    assert max(len(part.offsets) for part in unread) <= SMALL.part_rows
    assert sum(len(part.offsets) for part in unread) == 121


def test_a_batch_that_ends_too_early_is_an_error_however_large():
    full = record_batch([Row(n, value=b"x" * 400) for n in range(9)], codec="none")
    cut = DefaultRecordBatch(with_records(full, full[61 : 61 + 1500]))
    with pytest.raises(CorruptRecordError, match="ends too early"):
        list(parts(cut, SMALL))


@pytest.mark.parametrize("codec", COMPRESSED)
def test_no_piece_is_much_larger_than_asked_for(codec):
    data = record_batch([Row(0, value=b"x" * 3_000_000)], codec=codec)[61:]
    pieces = list(inflate(CODECS[codec], memoryview(data), 64 << 10))
    assert sum(map(len, pieces)) > 3_000_000
    assert max(map(len, pieces)) <= 64 << 10


def test_a_gzip_of_several_members_is_read_to_its_end():
    data = gzip.compress(b"one") + gzip.compress(b"two")
    assert b"".join(inflate(CODECS["gzip"], memoryview(data), 100)) == b"onetwo"


@pytest.mark.parametrize("codec", COMPRESSED)
def test_what_is_not_of_its_codec_is_said_to_be_malformed(codec):
    with pytest.raises(InflationError, match="malformed"):
        list(inflate(CODECS[codec], memoryview(b"garbage" * 20), 100))


def test_a_block_of_snappy_that_stands_for_too_much_is_not_begun():
    declares_a_gigabyte = b"\x80\x80\x80\x80\x04" + b"x" * 20
    with pytest.raises(InflationError, match="1,073,741,824 bytes"):
        list(inflate(CODECS["snappy"], memoryview(declares_a_gigabyte), 100))
