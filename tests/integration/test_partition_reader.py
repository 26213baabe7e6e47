"""One partition on a real broker, read by whole batches and record by record."""

import time
import uuid
from contextlib import closing

import pyarrow as pa
import pytest
from kafka import TopicPartition
from kafka.admin import NewTopic
from kafka.consumer.fetcher import Fetcher

from weir.transforms.kafka.partition_reader import PartitionReader
from weir.transforms.kafka.settings import KafkaSettings

ROWS = 3000


class Reworked(Fetcher.PartitionRecords):
    """As kafka-python might become: batches are no longer asked for one by one."""

    def _unpack_records(self, tp, records, key_deserializer, value_deserializer):
        whole = [record for batch in records for record in batch]
        for record in whole:
            self.next_fetch_offset = record.offset + 1
            yield record
        self.drain()


class OtherKafkaPython(KafkaSettings):
    """Settings of a consumer whose batches cannot be had whole."""

    def consumer(self, **overrides):
        consumer = super().consumer(**overrides)
        consumer._fetcher.PartitionRecords = Reworked
        return consumer


@pytest.fixture(scope="module", params=[None, "gzip", "snappy", "lz4", "zstd"])
def partition(kafka, request):
    """A partition of ROWS messages of every kind, in batches of dozens."""
    settings = KafkaSettings(kafka)
    topic = f"reader-{uuid.uuid4().hex[:8]}"
    with closing(settings.admin()) as admin:
        admin.create_topics([NewTopic(topic, 1, 1)])
    with closing(settings.producer(compression_type=request.param)) as producer:
        for number in range(ROWS):
            producer.send(
                topic,
                key=None if number % 3 else b"key %d" % number,
                value=None if number % 9 == 6 else b"value %d " % number * (number % 40),
                headers=[("trace", b"%d" % n) for n in range(number % 4)],
                timestamp_ms=1_500_000_000_000 + number,
            )
        producer.flush()
    return TopicPartition(topic, 0)


def read(reader, start, rows=400):
    """Return the messages from an offset to the end, having checked every position."""
    reader.seek(start)
    batches, position = [], start
    deadline = time.monotonic() + 240
    while position < ROWS and time.monotonic() < deadline:
        batch, after = reader.poll(rows)
        if batch is not None:
            assert 0 < batch.num_rows <= rows
            assert (position, after - 1) == (
                batch["offset"][0].as_py(),
                batch["offset"][-1].as_py(),
            )
            batches.append(batch)
        position = after
    return pa.Table.from_batches(batches).combine_chunks()


@pytest.mark.parametrize("start", [0, 1, 1234, ROWS - 1])
def test_whole_batches_hold_what_is_read_record_by_record(kafka, partition, start):
    with closing(PartitionReader(KafkaSettings(kafka), partition)) as reader:
        assert reader.reads_whole_batches
        whole = read(reader, start)
    with closing(PartitionReader(OtherKafkaPython(kafka), partition)) as reader:
        assert not reader.reads_whole_batches
        one_by_one = read(reader, start)
    assert whole["offset"].to_pylist() == list(range(start, ROWS))
    assert whole.equals(one_by_one)


def test_a_batch_is_given_out_in_slices_and_a_reader_may_turn_back_within_it(kafka, partition):
    with closing(PartitionReader(KafkaSettings(kafka), partition)) as reader:
        reader.seek(10)
        for first in (10, 13, 16):
            batch, after = reader.poll(3)
            assert (batch["offset"].to_pylist(), after) == (
                [first, first + 1, first + 2],
                first + 3,
            )
        reader.seek(11)
        batch, after = reader.poll(2)
        assert (batch["offset"].to_pylist(), after) == ([11, 12], 13)
