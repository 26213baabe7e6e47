import pytest
from kafka import TopicPartition
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch

from tests.record_batches import Row, record_batch, with_records
from weir.transforms.kafka.fetched_records import Fetched
from weir.transforms.kafka.whole_batches import WholeBatch

POSTS = TopicPartition("posts", 3)


def batch(*offsets, **other):
    rows = [Row(offset - offsets[0]) for offset in offsets]
    return record_batch(rows, base_offset=offsets[0], **other)


def malformed(offset):
    data = batch(offset)
    return with_records(data, bytes(len(data)))


def fetched(*batches, position=0, end):
    records = [record for data in batches for record in WholeBatch(DefaultRecordBatch(data))]
    return Fetched(POSTS, records, position, end)


def taken(fetched, rows):
    found, position = fetched.take(rows)
    return None if found is None else found["offset"].to_pylist(), position


def test_batches_are_given_out_together_while_they_fit():
    reading = fetched(batch(0, 1), batch(2, 3), batch(4, 5), end=9)
    assert taken(reading, 5) == ([0, 1, 2, 3], 4)
    assert taken(reading, 5) == ([4, 5], 9)
    assert not reading


def test_a_batch_of_more_rows_than_asked_for_is_given_out_in_slices():
    reading = fetched(batch(0, 1, 4, 5, 6), batch(7), end=8)
    assert taken(reading, 2) == ([0, 1], 4)
    assert taken(reading, 2) == ([4, 5], 6)
    assert taken(reading, 2) == ([6], 7)
    assert taken(reading, 2) == ([7], 8)


def test_rows_before_the_position_are_left_out():
    assert taken(fetched(batch(0, 1, 2, 3), position=2, end=4), 10) == ([2, 3], 4)


def test_a_batch_with_nothing_left_after_the_position_moves_it_on():
    reading = fetched(batch(0, 1, last_delta=5), batch(9), position=4, end=10)
    assert taken(reading, 1) == (None, 6)
    assert taken(reading, 1) == ([9], 10)


def test_a_poll_that_found_nothing_moves_the_position_to_its_end():
    assert taken(fetched(position=3, end=7), 10) == (None, 7)


def test_a_malformed_batch_is_an_error_after_those_before_it_and_stays_one():
    reading = fetched(batch(0), batch(1), malformed(2), batch(3), end=4)
    assert taken(reading, 10) == ([0], 1)
    assert taken(reading, 10) == ([1], 2)
    for _ in range(2):
        with pytest.raises(CorruptRecordError, match="offsets 2 to 2"):
            reading.take(10)


def test_a_batch_that_no_memory_holds_is_given_out_message_by_message():
    rows = [Row(0, value=b"a"), Row(1, value=b"x" * 34_000_000), Row(2, value=b"b")]
    data = record_batch(rows, base_offset=5, codec="gzip")
    assert len(data) < 100_000
    reading = fetched(batch(4), data, batch(8), position=4, end=9)
    given: list = []
    while reading:
        found, position = reading.take(10)
        given += [] if found is None else found.select(["offset", "value", "withheld"]).to_pylist()
    assert [(row["offset"], row["withheld"]) for row in given] == [
        *((4, None), (5, None), (6, "message_too_large"), (7, None), (8, None)),
    ]
    assert [given[1]["value"], given[3]["value"]] == [b"a", b"b"]
    assert position == 9


def test_a_batch_that_is_taken_up_in_its_middle_goes_on_there():
    rows = [Row(0, value=b"x" * 34_000_000), Row(1, value=b"b")]
    reading = fetched(record_batch(rows, codec="gzip"), position=1, end=2)
    given: list = []
    while reading:
        found, _ = reading.take(10)
        given += [] if found is None else found["offset"].to_pylist()
    assert given == [1]
