from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch

from tests.record_batches import BytesKey, Row, raw, record, record_batch, records_of, with_records
from weir.transforms.kafka.message_batch import message_batch
from weir.transforms.kafka.record_batches import RawBatch, messages
from weir.transforms.records import MESSAGE

blobs = st.none() | st.binary(max_size=8) | st.integers(0, 20_000).map(bytes)
headers = st.lists(st.tuples(st.text(max_size=3), blobs), max_size=3) | st.lists(
    st.tuples(st.sampled_from(["", "a", "ключ"]), st.none() | st.binary(max_size=2)), max_size=40
)
times = st.integers(-(2**62), 2**62) | st.just(-1)
rows = st.lists(st.tuples(st.integers(1, 300), times, blobs, blobs, headers), max_size=5).map(
    lambda steps: [
        Row(sum(step[0] for step in steps[: n + 1]) - 1, *step[1:]) for n, step in enumerate(steps)
    ]
)
batches = st.builds(
    record_batch,
    rows,
    base_offset=st.integers(0, 2**62),
    append_time=st.none() | st.integers(-1, 2**62),
)


def read_one_by_one(data):
    return message_batch(
        "posts", 3, [record for each in data for record in DefaultRecordBatch(each)]
    )


def decoded(records, rows=1, *, last_offset=0, first_timestamp=0):
    return messages("posts", 3, [RawBatch(0, last_offset, first_timestamp, None, rows, records)])


@given(st.lists(batches, max_size=4))
def test_batches_decode_to_what_kafka_python_reads_one_by_one(data):
    batch = messages("posts", 3, [raw(each) for each in data])
    assert batch.schema == MESSAGE
    batch.validate(full=True)
    assert batch.equals(read_one_by_one(data))


@pytest.mark.parametrize("size", [0, 63, 64, 8191, 8192, 2**20 - 1, 2**20, 2**27])
def test_a_length_of_any_width_is_read(size):
    value = bytes(size)
    data = record_batch([Row(0, 0, value[:64], value, [("h", value[:8192])]), Row(1)])
    assert messages("posts", 3, [raw(data)]).equals(read_one_by_one([data]))


@given(rows.filter(len), st.data())
def test_a_changed_byte_is_an_error_or_read_as_kafka_python_reads_it(rows, draw):
    rows = [
        Row(r.delta, r.timestamp, (r.key or b"")[:9], (r.value or b"")[:9], r.headers[:2])
        for r in rows
    ]
    data = record_batch(rows[:1])
    records = bytearray(records_of(data))
    at = draw.draw(st.integers(0, len(records) - 1))
    # kafka-python reads the attributes, a byte without meaning, as a varint.
    assume(at != next(n for n, byte in enumerate(records) if byte < 0x80) + 1)
    records[at] = draw.draw(st.integers(0, 255))
    data = with_records(data, bytes(records))
    try:
        batch = messages("posts", 3, [raw(data)])
    except CorruptRecordError:
        return
    batch.validate(full=True)
    try:
        expected = read_one_by_one([data])
    except CorruptRecordError as error:
        assert "utf-8" in str(error)  # noqa: PT017 - kafka-python refuses what Weir replaces
    else:
        assert batch.equals(expected)


@given(st.binary(max_size=40), st.integers(0, 6))
def test_noise_is_an_error_and_no_other(noise, rows):
    with suppress(CorruptRecordError):
        decoded(noise, rows, last_offset=5).validate(full=True)


def test_a_batch_cut_anywhere_is_an_error():
    data = record_batch([Row(0, 5, b"key", b"value", [("h", b"1")]), Row(1, 6, None, b"v")])
    records = records_of(data)
    for end in range(len(records)):
        with pytest.raises(CorruptRecordError):
            messages("posts", 3, [raw(data, records[:end])])


@pytest.mark.parametrize(
    ("what", "records"),
    [
        ("a negative length", record(0, 0, -1, -1, 0, length=-7)),
        ("a key beyond the record", record(0, 0, 9, -1, 0)),
        ("a value beyond the record", record(0, 0, -1, 2, 0)),
        ("a key that would turn a position over", record(0, 0, 2**62, -1, 0)),
        ("headers without room", record(0, 0, -1, -1, 2**40)),
        ("a negative number of headers", record(0, 0, -1, -1, -1)),
        ("a header without a key", record(0, 0, -1, -1, 1, -1, -1)),
        ("a header value beyond the record", record(0, 0, -1, -1, 1, 0, 5)),
        ("many headers, the last beyond the record", record(0, 0, -1, -1, 30, *[0] * 58, 0, 3)),
        ("many headers, the last without a key", record(0, 0, -1, -1, 30, *[0] * 58, -1, 0)),
        ("bytes after the headers", record(0, 0, -1, -1, 0, b"more")),
        ("an offset before the batch", record(0, -1, -1, -1, 0)),
        ("an offset after the batch", record(0, 1, -1, -1, 0)),
        ("bytes after the records", record(0, 0, -1, -1, 0) + b"\0"),
        ("a number that does not end", b"\xff" * 1_000_000),
        ("a time of 71 bits", record(b"\xff" * 10 + b"\1", 0, -1, -1, 0)),
        ("a time of 65 bits", record(b"\xff" * 9 + b"\2", 0, -1, -1, 0)),
    ],
)
def test_a_malformed_record_is_an_error(what, records):
    with pytest.raises(CorruptRecordError):
        decoded(records)


@pytest.mark.parametrize("rows", [-1, 2, 2**31 - 1])
def test_a_wrong_number_of_records_is_an_error(rows):
    with pytest.raises(CorruptRecordError):
        decoded(record(0, 0, -1, -1, 0), rows)


def test_a_batch_that_compaction_emptied_has_no_rows():
    assert decoded(b"", 0, last_offset=9).num_rows == 0


def test_any_negative_length_of_a_key_or_value_is_a_null():
    (row,) = decoded(record(0, 0, -2, -(2**40), 1, 0, -3)).to_pylist()
    assert (row["key"], row["value"], row["headers"]) == (None, None, [{"key": "", "value": None}])


def test_a_header_key_that_is_not_utf_8_is_replaced_not_refused():
    data = record_batch([Row(0, 0, None, b"v", [(BytesKey(b"a\xff"), b"1"), ("b", b"2")])])
    batch = messages("posts", 3, [raw(data)])
    batch.validate(full=True)
    assert [header["key"] for header in batch["headers"][0].as_py()] == ["a\ufffd", "b"]


def test_a_time_that_64_bits_do_not_hold_is_null():
    batch = decoded(record(2**62, 0, -1, -1, 0), first_timestamp=2**62 + 2**61)
    assert batch["timestamp"].null_count == 1


def test_an_error_names_the_offsets_and_nothing_of_the_record():
    secret = b"secret words of the post"
    batch = RawBatch(70, 79, 0, None, 1, record(0, 0, -1, len(secret) + 1, secret, 0))
    with pytest.raises(CorruptRecordError, match=r"of posts\[3\], .* offsets 70 to 79") as error:
        messages("posts", 3, [batch])
    assert "secret" not in str(error.value)
