"""Messages that fail, kept on a real topic, and sent back from it."""

import uuid

import apache_beam as beam
import pytest
from kafka import TopicPartition
from kafka.admin import NewTopic

from tests.unit.test_dead_letters import letters, message
from weir.pipelines.redrive import redrive
from weir.transforms import coders
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.read import SourceError
from weir.transforms.records import Stage
from weir.transforms.write.dead_letter_topic import WriteDeadLetters

coders.register()


@pytest.fixture
def settings(kafka):
    return KafkaSettings(kafka)


@pytest.fixture
def topics(settings):
    return make_topics(settings)


def make_topics(settings):
    """Make a source topic with four partitions and its dead-letter topic; return their names."""
    name = f"posts-{uuid.uuid4().hex[:8]}"
    admin = settings.admin()
    admin.create_topics([NewTopic(name, 4, 1), NewTopic(f"{name}-dead", 2, 1)])
    admin.close()
    return name, f"{name}-dead"


def write(settings, topic, *batches, **options):
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        _ = (
            pipeline | beam.Create(batches) | WriteDeadLetters(settings, topic, **options)
        )  # fmt: skip


def read(settings, topic, partitions):
    consumer = settings.consumer(consumer_timeout_ms=1500)
    assigned = [TopicPartition(topic, number) for number in range(partitions)]
    consumer.assign(assigned)
    consumer.seek_to_beginning(*assigned)
    records = sorted(consumer, key=lambda record: (record.partition, record.offset))
    consumer.close()
    return records


def failed(source, *numbers, stage=Stage.DECODE, **fields):
    rows = [
        message(b"oops %d" % n, key=b"k%d" % n, offset=n, **fields) | {"topic": source}
        for n in numbers
    ]
    return letters(*rows, stage=stage)


def test_letters_go_back_byte_for_byte_to_the_partition_they_came_from(settings, topics):
    source, dead = topics
    write(settings, dead, failed(source, *range(50), headers=[("trace", b"1"), ("empty", None)]))
    kept = read(settings, dead, 2)
    assert {record.value for record in kept} == {b"oops %d" % n for n in range(50)}

    report = redrive(settings, dead, {source})
    assert (report.read, report.redriven) == (50, 50)
    back = read(settings, source, 4)
    assert {record.partition for record in back} == {3}
    assert {(r.key, r.value) for r in back} == {(b"k%d" % n, b"oops %d" % n) for n in range(50)}
    assert [name for name, _ in back[0].headers] == [
        "trace",
        "empty",
        "weir-attempts",
        "weir-redriven-from",
    ]


def test_a_second_redrive_sends_only_what_came_since(settings, topics):
    source, dead = topics
    write(settings, dead, failed(source, 1, 2))
    assert redrive(settings, dead, {source}).redriven == 2
    assert redrive(settings, dead, {source}).read == 0
    write(settings, dead, failed(source, 3))
    assert redrive(settings, dead, {source}).redriven == 1
    assert redrive(settings, dead, {source}, again=True, dry_run=True).redriven == 3


def test_letters_that_a_call_only_left_are_there_for_the_next(settings, topics):
    source, dead = topics
    write(settings, dead, failed(source, 1, 2))
    assert redrive(settings, dead, {f"{source}-misspelled"}).foreign == 2
    assert redrive(settings, dead, {source}).redriven == 2


def test_a_dry_run_counts_and_changes_nothing(settings, topics):
    source, dead = topics
    write(
        settings,
        dead,
        failed(source, 1, 1, 2),
        failed(source, 3, stage=Stage.WRITE),
        failed(
            *(source, 4),
            headers=[("weir-attempts", b"5"), ("weir-redriven-from", f"{source}/3/2".encode())],
        ),
    )
    for _ in range(2):
        report = redrive(settings, dead, {source}, dry_run=True)
        assert (report.read, report.redriven, report.repeated) == (5, 2, 1)
        assert (report.rows, report.exhausted, report.unsendable) == (1, 1, 0)
        assert "would be sent back" in str(report)
    assert read(settings, source, 4) == []


def test_a_limit_ends_a_redrive_and_the_next_goes_on(settings, topics):
    source, dead = topics
    write(settings, dead, failed(source, *range(10)))
    assert redrive(settings, dead, {source}, limit=4).redriven == 4
    assert redrive(settings, dead, {source}).redriven == 6
    assert len(read(settings, source, 4)) == 10


def test_a_letter_too_large_for_its_topic_keeps_its_position_alone(settings, topics):
    source, dead = topics
    large = letters(message(b"x" * 5000, offset=1) | {"topic": source})
    write(settings, dead, large, failed(source, 2), max_record_bytes=4000)
    kept = {dict(r.headers)["weir-offset"]: r.value for r in read(settings, dead, 2)}
    assert kept == {b"1": b"", b"2": b"oops 2"}
    report = redrive(settings, dead, {source})
    assert (report.redriven, report.unsendable) == (1, 1)


def test_letters_that_cannot_be_sent_are_counted_and_the_others_go(settings, topics):
    source, dead = topics
    narrow = f"{source}-narrow"
    admin = settings.admin()
    admin.create_topics([NewTopic(narrow, 4, 1)])
    admin.close()
    write(settings, dead, failed("gone-since", 1), failed(narrow, 2), failed(source, 3))
    report = redrive(settings, dead, {source, "gone-since"})
    assert (report.redriven, report.gone, report.foreign) == (1, 1, 1)
    assert redrive(settings, dead, {source}).read == 0


def test_a_letter_that_its_topic_takes_no_longer_does_not_stop_the_others(settings, topics):
    source, dead = topics
    large = letters(message(b"x" * 900_000, offset=1) | {"topic": source})
    write(settings, dead, large, failed(source, 2))
    report = redrive(settings, dead, {source}, max_record_bytes=500_000)
    assert (report.read, report.redriven, report.refused) == (2, 1, 1)
    assert [record.value for record in read(settings, source, 4)] == [b"oops 2"]


def test_tombstones_and_messages_of_nulls_are_kept(settings, topics):
    source, dead = topics
    rows = [message(None, key=b"k", offset=1), message(None, key=None, offset=2)]
    write(settings, dead, letters(*[row | {"topic": source} for row in rows]))
    report = redrive(settings, dead, {source})
    assert (report.read, report.redriven, report.unsendable) == (2, 1, 1)
    (tombstone,) = read(settings, source, 4)
    assert (tombstone.key, tombstone.value) == (b"k", None)


def test_what_cannot_be_read_is_said_in_a_sentence(settings):
    with pytest.raises(SourceError, match="no-such-topic"):
        redrive(settings, "no-such-topic", {"posts"}, dry_run=True)
    with pytest.raises(SourceError, match=r"127\.0\.0\.1:1"):
        redrive(KafkaSettings("127.0.0.1:1"), "any", {"posts"})
