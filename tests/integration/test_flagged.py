"""Violations on a real topic."""

import uuid

import apache_beam as beam
import pyarrow as pa
import pytest
from kafka.admin import NewTopic

from tests.integration.test_dead_letter_topic import read
from tests.unit.test_flagged import body, violation
from weir.transforms import coders
from weir.transforms.counts import counts_of
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.write.flagged import WriteFlagged

coders.register()


@pytest.fixture
def topic(kafka):
    name = f"flagged-{uuid.uuid4().hex[:8]}"
    admin = KafkaSettings(kafka).admin()
    admin.create_topics([NewTopic(name, 3, 1)])
    admin.close()
    return name


def write(kafka, topic, *batches: pa.RecordBatch, **options):
    pipeline = beam.Pipeline(runner="FnApiRunner")
    flagged = WriteFlagged(KafkaSettings(kafka), topic, source="/weir/live", **options)
    _ = pipeline | beam.Create(batches) | flagged
    result = pipeline.run()
    result.wait_until_finish()
    return counts_of(result)


def test_every_violation_arrives_once_and_posts_of_one_key_in_order(kafka, topic):
    batches = [
        violation(decision_id=f"d-{n}", offset=n, key=b"author-%d" % (n % 5)) for n in range(200)
    ]
    counts = write(kafka, topic, *batches)
    records = read(KafkaSettings(kafka), topic, 3)
    assert counts.flagged_messages == len(records) == 200
    assert len({dict(record.headers)["ce_id"] for record in records}) == 200
    for author in range(5):
        of_author = [r for r in records if r.key == b"author-%d" % author]
        assert len({r.partition for r in of_author}) == 1
        offsets = [body(r)["position"]["offset"] for r in of_author]
        assert offsets == sorted(offsets)


def test_a_post_too_large_for_the_topic_arrives_truncated_beside_its_neighbours(kafka, topic):
    large = violation(decision_id="large", text="x" * 50_000)
    write(kafka, topic, violation(), large, violation(), max_record_bytes=16_000)
    bodies = [body(record) for record in read(KafkaSettings(kafka), topic, 3)]
    assert sorted((b["decision_id"], b["truncated"]) for b in bodies) == [
        ("d-1", False),
        ("d-1", False),
        ("large", True),
    ]
    assert max(len(b["text"]) for b in bodies) == 12_500
