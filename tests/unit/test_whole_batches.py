"""Whole batches against kafka-python's own unpacking of the same fetch."""

import logging
from collections import namedtuple
from types import SimpleNamespace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.protocol.consumer import IsolationLevel
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder

from tests.record_batches import CODECS, Row, marker, record_batch
from weir.transforms.kafka.fetched_records import Fetched
from weir.transforms.kafka.message_batch import message_batch
from weir.transforms.kafka.whole_batches import WholeBatch, hand_out_whole_batches
from weir.transforms.records import MESSAGE

POSTS = TopicPartition("posts", 3)
Aborted = namedtuple("Aborted", "first_offset producer_id")


def consumer(partition_records=Fetcher.PartitionRecords):
    return SimpleNamespace(_fetcher=SimpleNamespace(PartitionRecords=partition_records))


def whole_batches():
    reading = consumer()
    assert hand_out_whole_batches(reading)
    return reading._fetcher.PartitionRecords


def fetch(partition_records, data, offset=0, aborted=(), level=IsolationLevel.READ_COMMITTED):
    return partition_records(
        offset, POSTS, MemoryRecords(data), isolation_level=level, aborted_transactions=aborted
    )


def read_whole(*args, rows=7, **named):
    """Return all messages of a fetch, and where the consumer then stands."""
    records = fetch(whole_batches(), *args, **named)
    polled = records.take(1_000_000)
    fetched = Fetched(POSTS, polled, records.fetch_offset, records.next_fetch_offset)
    batches, position = [], records.fetch_offset
    while fetched:
        batch, after = fetched.take(rows)
        assert after > position
        if batch is not None:
            assert batch.num_rows <= rows
            assert position <= batch["offset"][0].as_py() <= batch["offset"][-1].as_py() < after
            batches.append(batch)
        position = after
    return pa.Table.from_batches(batches, MESSAGE).combine_chunks(), records.next_fetch_offset


def read_one_by_one(*args, **named):
    records = fetch(Fetcher.PartitionRecords, *args, **named)
    polled = records.take(1_000_000)
    assert not any(isinstance(record.value, WholeBatch) for record in polled)
    batch = message_batch(POSTS.topic, POSTS.partition, polled)
    return pa.Table.from_batches([batch]).combine_chunks(), records.next_fetch_offset


@st.composite
def logs(draw):
    """A stretch of a partition's log: plain and transactional batches, markers, gaps."""
    data, aborted, offset = bytearray(), [], draw(st.integers(0, 5))
    open_since: dict = {}
    for _ in range(draw(st.integers(1, 8))):
        producer = draw(st.sampled_from([-1, 0, 1, 2]))
        if producer in open_since and draw(st.booleans()):
            commit = draw(st.booleans())
            first = open_since.pop(producer)
            if not commit:
                aborted.append(Aborted(first, producer))
            data += marker(offset, producer, commit=commit)
            offset += 1
            continue
        if producer >= 0:
            open_since.setdefault(producer, offset)
        deltas = sorted(draw(st.sets(st.integers(0, 12), max_size=10)))
        last = max([draw(st.integers(0, 12)), *deltas])
        data += record_batch(
            [Row(d, 1000 + d, b"k", b"value %d" % (offset + d) * 9) for d in deltas],
            base_offset=offset,
            last_delta=last,
            codec=draw(st.sampled_from(list(CODECS))),
            append_time=draw(st.none() | st.just(77)),
            producer_id=producer,
        )
        offset += last + 1 + draw(st.integers(0, 2))
    return bytes(data), aborted, offset


@given(logs(), st.integers(0, 60), st.integers(1, 15), st.sampled_from(IsolationLevel))
def test_a_fetch_reads_whole_as_it_reads_one_by_one(log, start, rows, level):
    data, aborted, end = log
    start = min(start, end)
    asked = {"offset": start, "aborted": aborted, "level": level}
    messages, position = read_whole(data, rows=rows, **asked)
    expected, expected_position = read_one_by_one(data, **asked)
    assert messages.equals(expected)
    assert position == expected_position


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_is_read(codec):
    data = record_batch([Row(n, n, b"k", b"value" * 99) for n in range(20)], codec=codec)
    assert (len(data) > 9_000) == (codec == "none")
    messages, position = read_whole(data)
    assert messages["value"].to_pylist() == [b"value" * 99] * 20
    assert position == 20


def test_a_batch_with_a_wrong_checksum_is_an_error_after_the_batches_before_it():
    good, bad = record_batch([Row(0)]), bytearray(record_batch([Row(0)], base_offset=1))
    bad[-1] ^= 1
    records = fetch(whole_batches(), bytes(good + bad))
    assert [record.offset for record in records.take(10)] == [0]
    with pytest.raises(CorruptRecordError):
        records.take(10)


@pytest.mark.parametrize("magic", [0, 1])
def test_batches_of_the_old_formats_are_read_as_records_among_the_others(magic):
    old = MemoryRecordsBuilder(magic, CODECS["gzip"], 1 << 16, offset=2)
    for number in range(5):
        old.append(1000 + number, b"k", b"old" * 50)
    old.close()
    new = [record_batch([Row(0), Row(1)], base_offset=offset) for offset in (0, 7)]
    data = new[0] + bytes(old.buffer()) + new[1]
    messages, position = read_whole(data, offset=1)
    assert messages["offset"].to_pylist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert messages["value"].to_pylist() == [None, *[b"old" * 50] * 5, None, None]
    assert messages["timestamp"].null_count == (5 if magic == 0 else 0)
    assert position == 9


class Reworked(Fetcher.PartitionRecords):
    """As kafka-python might become: batches are no longer asked for one by one."""

    def _unpack_records(self, tp, records, key_deserializer, value_deserializer):
        for batch in records:
            yield from batch


class Loud(Reworked):
    pass


@pytest.mark.parametrize("reworked", [Reworked, None])
def test_a_consumer_that_works_otherwise_is_left_as_it_is(reworked):
    other = consumer(reworked)
    assert not hand_out_whole_batches(other)
    assert other._fetcher.PartitionRecords is reworked


def test_a_consumer_without_a_fetcher_is_left_as_it_is():
    assert not hand_out_whole_batches(SimpleNamespace())


def test_that_it_is_left_is_logged_once(caplog):
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            hand_out_whole_batches(consumer(Loud))
    (logged,) = caplog.messages
    assert "reading record by record" in logged
