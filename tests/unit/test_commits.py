from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaTimeoutError
from kafka.structs import OffsetAndMetadata

from tests.unit.test_find_slices import TOPIC, Broker
from weir.transforms.kafka.commits import DONE, Advice, Committed, Committer
from weir.transforms.process.offset_ledger import Settled
from weir.transforms.read import SourceError, Start, Stop
from weir.transforms.read.bounds import Places
from weir.transforms.read.find_slices import slices

PARTITION = TopicPartition("posts", 0)


class Kafka:
    """A cluster that takes commits, or for a while does not."""

    def __init__(self, failures=0):
        self.failures = failures
        self.commits = []

    def consumer(self, group_id):
        self.group = group_id
        return self

    def assign(self, partitions):
        pass

    def commit(self, offsets, timeout_ms):
        if self.failures:
            self.failures -= 1
            raise KafkaTimeoutError
        self.commits.append(offsets)

    def close(self, autocommit):
        self.closed = True


def cluster(failures=0) -> Any:
    return Kafka(failures)


def committed(kafka, *offsets):
    """Return what a committer commits that finds these offsets, one at each look."""
    committer = Committer(kafka, "weir-live", DONE, lambda: {("posts", 0): found.pop(0)})
    found = [Settled(offset, "id") for offset in offsets]
    while found:
        committer._commit()
    return [{p.partition: (o.offset, o.metadata) for p, o in c.items()} for c in kafka.commits]


def test_an_offset_is_committed_with_what_it_means():
    kafka = cluster()
    assert committed(kafka, 7) == [{0: (7, "weir done id")}]
    assert kafka.group == "weir-live"


def test_an_offset_that_has_not_moved_is_not_committed_again():
    assert committed(cluster(), 7, 7, 9) == [{0: (7, "weir done id")}, {0: (9, "weir done id")}]


def test_a_commit_that_fails_is_tried_again_and_said_once(caplog):
    kafka = cluster(failures=2)
    assert committed(kafka, 7, 7, 7) == [{0: (7, "weir done id")}]
    assert len(caplog.records) == 1


def test_the_last_offsets_are_committed_at_the_end():
    kafka = cluster()
    with Committer(kafka, "g", DONE, lambda: {("posts", 0): Settled(7, None)}, 3600):
        pass
    assert kafka.commits == [{PARTITION: OffsetAndMetadata(7, "weir done -", -1)}]
    assert kafka.closed


def start(offset, metadata, topic_id="id"):
    return Committed.of(OffsetAndMetadata(offset, metadata, -1)).start("g", PARTITION, topic_id)


def test_what_is_done_can_be_started_from_and_so_can_what_a_person_set():
    assert start(7, "weir done id") == start(7, "") == start(7, "weir done -") == 7


def test_how_far_a_cluster_had_read_is_no_place_to_start_from():
    with pytest.raises(SourceError, match="Resume from its savepoint"):
        start(7, "weir read id")


def test_offsets_of_a_topic_that_was_made_anew_are_refused():
    with pytest.raises(SourceError, match="made anew"):
        start(7, "weir done another")


def test_a_group_starts_where_it_was_and_at_the_earliest_where_it_has_nothing():
    found = slices(Broker(), TOPIC, Start(Places({tuple(TOPIC[0]): 14})), Stop("never"))
    assert [(s.partition, s.start) for s in found] == [(0, 14), (1, 0)]


def test_a_group_that_is_beyond_the_end_is_refused():
    with pytest.raises(SourceError, match="beyond its end"):
        slices(Broker(), TOPIC, Start(Places({tuple(TOPIC[0]): 99})), Stop("never"))


def test_where_decisions_are_made_elsewhere_an_offset_says_only_how_far_was_read():
    kafka, advice = cluster(), Advice()
    advice.at(kafka, "g", "posts", 0, Settled(7, "id"))
    advice.at(kafka, "g", "posts", 0, Settled(9, "id"))
    advice.close()
    (last,) = kafka.commits
    assert last == {PARTITION: OffsetAndMetadata(9, "weir read id", -1)}
