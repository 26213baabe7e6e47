import logging
import threading
import time
import uuid
from collections import Counter

import apache_beam as beam
import pytest
from kafka.admin import NewTopic

from weir.transforms.counts import counts_of
from weir.transforms.kafka.partition_reader import READERS
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.read import ReadFromKafka, SourceError, Start, Stop, check_source
from weir.transforms.records import MESSAGE

RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


class Topic:
    """A topic of its own for each test."""

    def __init__(self, bootstrap, partitions=3):
        self.settings = KafkaSettings(bootstrap)
        self.name = f"read-{uuid.uuid4().hex[:8]}"
        admin = self.settings.admin()
        admin.create_topics([NewTopic(self.name, partitions, 1)])
        admin.close()

    def send(self, rows, **record):
        producer = self.settings.producer()
        record = {"key": None, "value": b"v"} | record
        sent = [producer.send(self.name, partition=n % 3, **record) for n in range(rows)]
        producer.flush()
        producer.close()
        return sorted((r.partition, r.offset) for r in (s.get(timeout=240) for s in sent))

    def read(self, start="earliest", stop="latest", **options):
        seen = read_of(self.name)
        seen.clear()
        pipeline = beam.Pipeline(runner=RUNNER)
        source = ReadFromKafka(
            self.settings, (self.name,), Start.parse(start), Stop.parse(stop), **options
        )
        pipeline | source | beam.ParDo(Collect(self.name))
        result = pipeline.run()
        result.wait_until_finish()
        assert counts_of(result).messages == sum(batch.num_rows for batch in seen)
        return seen


BATCHES: dict[str, list] = {}


def read_of(name):
    return BATCHES.setdefault(name, [])


class Collect(beam.DoFn):
    """Keeps batches in this process, where the runner is."""

    def __init__(self, name):
        self.name = name

    def process(self, batch):
        read_of(self.name).append(batch)


def positions(batches):
    return sorted(
        pair
        for batch in batches
        for pair in zip(batch["partition"].to_pylist(), batch["offset"].to_pylist(), strict=True)
    )


@pytest.fixture
def topic(kafka):
    yield Topic(kafka)
    READERS.close()


def test_every_message_is_read_once_whatever_the_bundles(topic):
    sent = topic.send(3000)
    for options in ({}, {"bundle_rows": 100, "max_poll_records": 70}, {"bundle_seconds": 0.0}):
        batches = topic.read(**options)
        assert positions(batches) == sent
        assert all(batch.schema == MESSAGE for batch in batches)
        assert all(len(batch["partition"].unique()) == 1 for batch in batches)


def test_keys_headers_and_times_are_kept(topic):
    headers = [("trace", b"\xff\x00"), ("trace", b"2"), ("", b"")]
    topic.send(3, key=b"k", value=None, headers=headers, timestamp_ms=1_500_000_000_123)
    for batch in topic.read():
        (row,) = batch.to_pylist()
        assert (row["topic"], row["key"], row["value"]) == (topic.name, b"k", None)
        assert [(h["key"], h["value"]) for h in row["headers"]] == headers
        assert row["timestamp"].timestamp() == 1_500_000_000.123


def test_offsets_name_the_first_message_and_the_first_that_is_left_out(topic):
    topic.send(300)
    assert positions(topic.read('{"0": 90}', '{"0": 95, "1": 2}')) == [
        (0, 90), (0, 91), (0, 92), (0, 93), (0, 94), (1, 0), (1, 1),
    ]  # fmt: skip


def test_an_empty_topic_ends_at_once(topic):
    assert topic.read() == []


def test_what_comes_after_the_start_of_a_bounded_read_is_left_to_the_next(topic):
    sent = topic.send(30)
    assert positions(topic.read()) == sent
    topic.send(30)
    assert len(positions(topic.read('{"0": 10, "1": 10, "2": 10}'))) == 30


def test_a_large_message_is_read_like_any_other(topic):
    sent = topic.send(3, value=b"x" * 900_000)
    assert positions(topic.read()) == sent


def test_a_live_read_goes_on_as_messages_come(topic):
    topic.send(30)
    seen = read_of(topic.name)
    stopped = threading.Event()
    pipeline = beam.Pipeline(runner=RUNNER)
    source = ReadFromKafka(
        topic.settings, (topic.name,), Start.parse("latest"), Stop.parse("never")
    )
    pipeline | source | beam.ParDo(CollectUntil(topic.name, stopped_after=60))
    run = threading.Thread(target=run_until_stopped, args=(pipeline, stopped), daemon=True)
    run.start()
    sent = []
    deadline = time.monotonic() + 240
    while not stopped.is_set() and time.monotonic() < deadline:
        sent += topic.send(30)
        time.sleep(0.2)
    run.join(240)
    assert stopped.is_set()
    times_seen = Counter(positions(seen))
    assert set(times_seen.values()) == {1}
    assert set(times_seen) <= set(sent)


class StoppedError(Exception):
    """Ends a pipeline that would run for ever."""


class CollectUntil(Collect):
    """Ends the pipeline once it has seen enough."""

    def __init__(self, name, stopped_after):
        super().__init__(name)
        self.stopped_after = stopped_after

    def process(self, batch):
        super().process(batch)
        if sum(b.num_rows for b in read_of(self.name)) >= self.stopped_after:
            raise StoppedError


def run_until_stopped(pipeline, stopped):
    logging.disable(logging.CRITICAL)
    try:
        pipeline.run().wait_until_finish()
    except Exception:  # noqa: BLE001 - the runner wraps what the DoFn raised
        stopped.set()
    finally:
        logging.disable(logging.NOTSET)


def test_a_missing_topic_is_said_in_two_sentences(kafka):
    with pytest.raises(SourceError, match=r"have no topic no-such-topic .* Check the name"):
        check_source(KafkaSettings(kafka), ("no-such-topic",))


def test_a_topic_that_exists_can_be_read(topic):
    check_source(topic.settings, (topic.name,), Start.parse("latest"), Stop.parse("never"))


def test_a_port_that_does_not_speak_kafka_is_said_in_two_sentences():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(SourceError, match="did not answer as a Kafka broker would"):
            check_source(KafkaSettings(address), ("posts",), timeout_seconds=1)


def test_no_level_of_the_log_shows_what_a_message_holds(topic, caplog):
    caplog.set_level(logging.DEBUG)
    for library in ("kafka", "kafka.net", "kafka.producer", "kafka.consumer"):
        caplog.set_level(logging.DEBUG, library)
    topic.send(1, value=b"the private words of a post", key=b"its author")
    assert sum(batch.num_rows for batch in topic.read()) == 1
    assert "kafka" in {record.name.split(".")[0] for record in caplog.records}
    assert "private words" not in caplog.text
    assert "its author" not in caplog.text
