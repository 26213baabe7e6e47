"""The source beside a real Apache Kafka broker that is killed, stalls, cleans and forgets."""

import gc
import os
import random
import signal
import threading
import time
import uuid
from contextlib import closing, contextmanager

import pyarrow as pa
import pytest
from kafka import TopicPartition
from kafka.admin import NewPartitions, NewTopic
from kafka.errors import OffsetOutOfRangeError

from weir.transforms.kafka.errors import TopicRecreatedError
from weir.transforms.kafka.message_batch import message_batch
from weir.transforms.kafka.partition_reader import PartitionReader
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.read.bounds import Start, Stop
from weir.transforms.read.discovery import DiscoverPartitions
from weir.transforms.read.find_slices import find_slices, read_once

# kafka-python leaves the sockets of refused connections to the garbage collector; see topic().
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
_SECONDS = 400.0


class Topic:
    """A topic of its own for each test, and readers of it."""

    def __init__(self, bootstrap: str) -> None:
        self.settings = KafkaSettings(bootstrap)
        self.name = f"life-{uuid.uuid4().hex[:8]}"

    def make(self, partitions: int = 1, **configs: str) -> None:
        renamed = {name.replace("_", "."): value for name, value in configs.items()}
        with closing(self.settings.admin()) as admin:
            admin.create_topics([NewTopic(self.name, partitions, 1, topic_configs=renamed)])

    def delete(self) -> None:
        with closing(self.settings.admin()) as admin:
            admin.delete_topics([self.name])

    def send(self, values, partition: int = 0, **producer) -> None:
        with closing(self.settings.producer(**producer)) as sender:
            sent = [sender.send(self.name, value=v, partition=partition) for v in values]
            sender.flush()
            for each in sent:
                each.get(timeout=_SECONDS)

    @property
    def first(self) -> TopicPartition:
        return TopicPartition(self.name, 0)

    def end(self) -> int:
        (found,) = find_slices(self.settings, (self.name,), Start("earliest"), Stop("latest"))
        return found.stop

    def reader(self, partition: int = 0) -> PartitionReader:
        return PartitionReader(self.settings, TopicPartition(self.name, partition))


@contextmanager
def stalled(pid):
    """Stop a process, as a network that swallows every packet would seem to."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def topic(apache_kafka):
    yield Topic(apache_kafka.bootstrap)
    gc.collect()


def read(reader: PartitionReader, start: int, end: int, rows: int = 4000) -> pa.Table:
    """Return the messages from an offset up to an end that is reached by position."""
    reader.seek(start)
    batches, position = [], start
    deadline = time.monotonic() + _SECONDS
    while position < end and time.monotonic() < deadline:
        batch, after = reader.poll(rows)
        assert after >= position
        if batch is not None:
            offsets = batch["offset"].to_pylist()
            assert len(offsets) <= rows
            assert position <= offsets[0] <= offsets[-1] < after
            batches.append(batch)
        position = after
    assert position == end
    return pa.Table.from_batches(batches, message_batch("t", 0, []).schema).combine_chunks()


def as_kafka_python_reads(topic: Topic, start: int, end: int) -> pa.Table:
    """Return the same, record by record, by the client's own iteration."""
    with closing(topic.settings.consumer(fetch_max_wait_ms=100)) as consumer:
        consumer.assign([topic.first])
        consumer.seek(topic.first, start)
        records = []
        while consumer.position(topic.first) < end:
            records += consumer.poll(100, max_records=100_000).get(topic.first, [])
    return pa.Table.from_batches([message_batch(topic.name, 0, records)])


def values(table: pa.Table) -> list[bytes]:
    return table["value"].to_pylist()


def test_a_read_to_the_end_counts_what_an_open_transaction_keeps_from_it(topic):
    topic.make()
    topic.send([b"read"] * 3)
    bounds = (topic.settings, (topic.name,), Start("earliest"), Stop("latest"))
    with closing(topic.settings.producer(transactional_id=topic.name)) as transaction:
        transaction.init_transactions()
        transaction.begin_transaction()
        transaction.send(topic.name, value=b"open", partition=0)
        transaction.flush()
        topic.send([b"behind"] * 6)
        (found,), behind = read_once(*bounds)
        transaction.commit_transaction()
    assert (found.stop, behind) == (3, 7)
    assert read_once(*bounds)[1] == 0


def test_what_was_aborted_is_not_read_and_what_is_open_waits(topic):
    topic.make()
    transactions = [
        topic.settings.producer(transactional_id=f"{topic.name}-{n}", compression_type=codec)
        for n, codec in enumerate([None, "lz4", "zstd"])
    ]
    draw, committed = random.Random(3), []
    for each in transactions:
        each.init_transactions()
    for number in range(20):
        sent: dict = {each: [] for each in transactions}
        for each in transactions:
            each.begin_transaction()
        for row in range(draw.randint(3, 60)):
            each = draw.choice(transactions)
            value = b"%d/%d" % (number, row)
            each.send(topic.name, value=value)
            sent[each].append(value)
            if draw.random() < 0.1:
                each.flush()
        for each in transactions:
            if draw.random() < 0.4:
                each.abort_transaction()
            else:
                each.commit_transaction()
                committed += sent[each]
    transactions[0].begin_transaction()
    transactions[0].send(topic.name, value=b"open")
    transactions[0].flush()
    topic.send([b"after"])

    end = topic.end()
    with closing(topic.reader()) as reader:
        assert reader.reads_whole_batches
        assert sorted(values(read(reader, 0, end))) == sorted(committed)
        for start in draw.sample(range(end), 10):
            assert read(reader, start, end, 37).equals(as_kafka_python_reads(topic, start, end))
        assert reader.poll(10)[0] is None
        transactions[0].abort_transaction()
        assert values(read(reader, end, topic.end())) == [b"after"]
    for each in transactions:
        each.close()


def test_the_gaps_of_a_compacted_topic_are_passed_over(topic):
    topic.make(
        cleanup_policy="compact",
        segment_ms="500",
        min_cleanable_dirty_ratio="0.01",
        delete_retention_ms="100",
        segment_bytes="1048576",
    )
    with closing(topic.settings.producer()) as sender:
        for number in range(9_000):
            key = b"%d" % (number if number % 7 == 0 else number % 10)
            sender.send(topic.name, key=key, value=b"v" * 150)
        sender.flush()
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            time.sleep(1)
            sender.send(topic.name, key=b"last", value=b"x")
            sender.flush()
            end = topic.end()
            kept = as_kafka_python_reads(topic, 0, end)
            if kept.num_rows < end / 2:
                break
    assert kept.num_rows < end / 2
    with closing(topic.reader()) as reader:
        assert read(reader, 0, end).num_rows <= kept.num_rows
        for start in (1, end // 2, end - 1):
            again = read(reader, start, end, 100)
            assert set(again["offset"].to_pylist()) <= set(range(start, end))


def test_a_message_larger_than_a_fetch_is_read(topic):
    topic.make(max_message_bytes=str(8 << 20))
    large = random.Random(1).randbytes(6 << 20)
    topic.send([b"a", large, b"b"], max_request_size=8 << 20, compression_type=None)
    with closing(topic.reader()) as reader:
        assert values(read(reader, 0, 3)) == [b"a", large, b"b"]


def test_a_broker_that_is_killed_and_comes_back_costs_no_message(apache_kafka, topic):
    topic.make()
    sent: list[bytes] = []
    stopped = threading.Event()

    def produce() -> None:
        with closing(topic.settings.producer(delivery_timeout_ms=300_000)) as sender:
            futures = []
            while not stopped.is_set():
                value = b"%d" % len(sent)
                futures.append(sender.send(topic.name, value=value))
                sent.append(value)
                time.sleep(0.005)
            sender.flush()
            for each in futures:
                each.get(timeout=_SECONDS)

    producer = threading.Thread(target=produce)
    producer.start()
    seen: list[bytes] = []
    with closing(topic.reader()) as reader:
        reader.seek(0)
        position = 0

        def read_for(seconds: float) -> None:
            nonlocal position
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                batch, after = reader.poll(4000)
                assert after >= position
                position = after
                if batch is not None:
                    seen.extend(batch["value"].to_pylist())

        read_for(1)
        apache_kafka.server.kill()
        read_for(5)
        apache_kafka.server.start()
        read_for(3)
        with stalled(apache_kafka.server.pid):
            read_for(3)
        read_for(1)
        stopped.set()
        deadline = time.monotonic() + _SECONDS
        while (producer.is_alive() or len(seen) < len(sent)) and time.monotonic() < deadline:
            read_for(0.2)
    producer.join(_SECONDS)
    assert seen == sent


def test_a_topic_made_anew_is_an_error_and_not_another_topic_read_on(topic):
    topic.make()
    topic.send([b"old"] * 10)
    with closing(topic.reader()) as reader:
        read(reader, 0, 10)
        topic.delete()
        time.sleep(0.5)
        topic.make()
        topic.send([b"new"] * 30)
        with pytest.raises(TopicRecreatedError, match=r"made anew .* Start again at earliest"):
            read(reader, 10, 10_000)


def test_offsets_of_a_topic_that_is_gone_are_refused_before_any_message(topic):
    topic.make()
    topic.send([b"old"] * 10)
    (old,) = find_slices(topic.settings, (topic.name,), Start("earliest"), Stop("never"))
    topic.delete()
    time.sleep(0.5)
    topic.make()
    topic.send([b"new"] * 30)
    with closing(topic.reader()) as reader:
        reader.expect(old.topic_id)
        with pytest.raises(TopicRecreatedError):
            read(reader, 10, 11)


def test_partitions_that_are_added_are_found_from_their_first_message(topic):
    topic.make()
    topic.send([b"a"])
    discover = DiscoverPartitions(topic.settings, Start("latest"), 1.0)
    assert [each[1:3] for each in discover._find(topic.name, 0)] == [(0, 1)]
    with closing(topic.settings.admin()) as admin:
        admin.create_partitions({topic.name: NewPartitions(total_count=3)})
    topic.send([b"b"], partition=2)
    deadline = time.monotonic() + _SECONDS
    found: list = []
    while len(found) < 2 and time.monotonic() < deadline:
        found = discover._find(topic.name, 1)
    assert [each[1:3] for each in found] == [(1, 0), (2, 0)]


def test_retention_that_overtakes_a_reader_is_seen_with_its_size(topic):
    topic.make()
    topic.send([b"%d" % n for n in range(50)])
    with closing(topic.settings.admin()) as admin:
        admin.delete_records({topic.first: 20})
    with closing(topic.reader()) as reader:
        reader.seek(5)
        with pytest.raises(OffsetOutOfRangeError) as raised:
            read(reader, 5, 50)
        gap = reader.gap(raised.value)
        assert (gap.first, gap.next) == (5, 20)
        assert values(read(reader, gap.next, 50))[0] == b"20"
