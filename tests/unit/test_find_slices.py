from collections import namedtuple
from datetime import UTC, datetime

import pytest
from kafka import TopicPartition

from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.read import SourceError, Start, Stop, check_source
from weir.transforms.read.find_slices import (
    NEVER,
    Slice,
    behind_transactions,
    partitions_of,
    slices,
)

Found = namedtuple("Found", "offset timestamp")
Polled = namedtuple("Polled", "offset")
TOPIC = [TopicPartition("posts", 0), TopicPartition("posts", 1)]


class Broker:
    """The answers of a broker whose two partitions hold offsets 10-19 and 0-4."""

    first = (10, 0)
    end = (20, 5)

    def __init__(self, times=(), unseen=()):
        self.times = dict(zip(TOPIC, times, strict=False))
        self.unseen = dict(unseen)

    def topics(self):
        return {"posts"}

    def partitions_for_topic(self, topic):
        return {1, 0}

    def beginning_offsets(self, partitions, timeout_ms):
        return {p: self.first[p.partition] for p in partitions}

    def end_offsets(self, partitions, timeout_ms):
        return {p: self.end[p.partition] for p in partitions}

    def offsets_for_times(self, times, timeout_ms):
        return {p: self.times.get(p) for p in times}

    def assign(self, partitions):
        pass

    def seek(self, partition, offset):
        pass

    def poll(self, timeout_ms, max_records):
        unseen, self.unseen = self.unseen, {}
        return {p: [Polled(o) for o in offsets] for p, offsets in unseen.items()}

    def highwater(self, partition):
        return (25, 5)[partition.partition]

    def position(self, partition, timeout_ms):
        return self.end[partition.partition]


def read(start, stop, broker=None):
    return [
        tuple(s)[1:4]
        for s in slices(broker or Broker(), TOPIC, Start.parse(start), Stop.parse(stop))
    ]


def test_earliest_to_latest_is_all_there_is():
    assert read("earliest", "latest") == [(0, 10, 20), (1, 0, 5)]


def test_a_live_job_has_no_stop():
    assert read("latest", "never") == [(0, 20, NEVER), (1, 5, NEVER)]


def test_a_partition_with_nothing_to_read_is_left_out():
    assert read("latest", "latest") == []


def test_a_start_that_names_one_partition_reads_the_others_from_their_beginning():
    assert read('{"1": 3}', "latest") == [(0, 10, 20), (1, 3, 5)]


def test_a_stop_that_names_one_partition_reads_only_that_one():
    assert read("earliest", '{"1": 3}') == [(1, 0, 3)]


def test_offsets_from_before_retention_are_kept_so_that_the_loss_is_seen():
    assert read('{"0": 4}', "latest")[0] == (0, 4, 20)


def test_a_time_after_the_last_message_is_the_end():
    late = datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1000
    broker = Broker(times=(Found(15, late), None))
    assert read("earliest", "2020-01-01", broker) == [(0, 10, 15), (1, 0, 5)]


def test_an_answer_from_before_the_time_that_was_asked_for_is_no_answer():
    broker = Broker(times=(Found(0, 0), Found(0, 0)))
    assert read("earliest", "2020-01-01", broker) == [(0, 10, 20), (1, 0, 5)]


def test_what_can_be_read_at_the_end_lies_before_it():
    broker = Broker(unseen={TOPIC[1]: [5, 6, 7]})
    assert read("earliest", "latest", broker) == [(0, 10, 20), (1, 0, 8)]


@pytest.mark.parametrize(
    ("start", "stop", "said"),
    [
        ("earliest", '{"0": 21}', "stop offset 21 of posts[0] is beyond its end, which is 20"),
        ('{"1": 6}', "never", "start offset 6 of posts[1] is beyond its end, which is 5"),
        ('{"7": 6}', "never", "start offsets name partitions that no topic has: 7"),
        ("earliest", '{"2": 6}', "stop offsets name partitions that no topic has: 2"),
    ],
)
def test_an_offset_that_does_not_exist_is_an_error(start, stop, said):
    with pytest.raises(SourceError) as error:
        read(start, stop)
    assert said in str(error.value)


def test_what_lies_behind_an_open_transaction_is_counted():
    broker = Broker()
    slices(broker, TOPIC, Start.parse("earliest"), Stop.parse("latest"))
    assert behind_transactions(broker, TOPIC) == 5


def test_a_missing_topic_is_named():
    with pytest.raises(SourceError, match="no topic gone, lost"):
        partitions_of(Broker(), KafkaSettings("b:9"), ["lost", "posts", "gone"])


def test_partitions_come_in_order():
    assert partitions_of(Broker(), KafkaSettings("b:9"), ["posts"]) == TOPIC


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:1",
        pytest.param("nowhere", marks=pytest.mark.outside),
        "[::1]:1",
        "127.0.0.1:99999999",
        "",
    ],
)
def test_an_unreachable_broker_is_said_in_two_sentences(address):
    with pytest.raises(
        SourceError, match=r"^No Kafka broker answered \(.*\)\. Check .*\.$"
    ) as error:
        check_source(KafkaSettings(address), ("posts",), timeout_seconds=1)
    assert address in str(error.value)


def test_a_slice_is_a_row_of_offsets():
    assert Slice("posts", 0, 1, 2) == ("posts", 0, 1, 2, None)
