import pytest
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.runners.sdf_utils import RestrictionTrackerView, ThreadsafeRestrictionTracker
from apache_beam.utils.timestamp import MIN_TIMESTAMP, Duration, Timestamp
from kafka.errors import KafkaTimeoutError

from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.read import SourceError, Start
from weir.transforms.read.discovery import DiscoverPartitions, TopicRestrictions
from weir.transforms.read.find_slices import NEVER, Slice

KAFKA = KafkaSettings("broker:9")


class Topic:
    """A topic that grows, and the runner that comes back to look at it."""

    def __init__(self, every_seconds=0.0):
        self.partitions = 0
        self.fails = None
        self.looks = 0
        self.dofn = DiscoverPartitions(KAFKA, Start("latest"), every_seconds, find=self.find)
        self.provider = TopicRestrictions()
        self.restriction = self.provider.initial_restriction("posts")
        self.watermark = ManualWatermarkEstimator(None)

    def find(self, settings, topics, start, stop):
        self.looks += 1
        if self.fails:
            raise self.fails
        offset = 0 if start.at == "earliest" else 100
        (topic,) = topics
        return [Slice(topic, number, offset, NEVER) for number in range(self.partitions)]

    def look(self):
        tracker = ThreadsafeRestrictionTracker(self.provider.create_tracker(self.restriction))
        view = RestrictionTrackerView(tracker)
        found = list(self.dofn.process("posts", view, self.watermark))
        tracker.check_done()
        self.restriction = tracker.deferred_status()[0]
        return [(f.value.partition, f.value.start, f.timestamp) for f in found]


def test_the_partitions_there_are_begin_where_the_job_does():
    topic = Topic()
    topic.partitions = 2
    assert topic.look() == [(0, 100, MIN_TIMESTAMP), (1, 100, MIN_TIMESTAMP)]


def test_a_partition_that_appears_later_is_read_from_its_beginning_and_once():
    topic = Topic()
    topic.partitions = 2
    topic.look()
    assert topic.look() == []
    topic.partitions = 3
    assert [found[:2] for found in topic.look()] == [(2, 0)]
    assert topic.look() == []


def test_looking_costs_nothing_until_it_is_due():
    topic = Topic(every_seconds=60)
    topic.partitions = 1
    topic.look()
    topic.look()
    assert topic.looks == 1


@pytest.mark.parametrize("error", [KafkaTimeoutError("gone"), SourceError("gone")])
def test_a_broker_that_is_away_for_a_while_is_asked_again(error):
    topic = Topic()
    topic.partitions = 1
    topic.look()
    topic.fails = error
    assert topic.look() == []
    topic.fails, topic.partitions = None, 2
    assert [found[0] for found in topic.look()] == [1]


def test_a_broker_that_is_away_at_the_start_is_an_error():
    topic = Topic()
    topic.fails = SourceError("gone")
    with pytest.raises(SourceError):
        topic.look()


def test_the_search_holds_the_watermark_back_by_the_time_between_looks_only():
    topic = Topic(every_seconds=10)
    topic.partitions = 1
    topic.look()
    behind = Timestamp.now() - topic.watermark.current_watermark()
    assert Duration(seconds=19) < behind < Duration(seconds=25)


def test_the_search_is_not_split_and_ends_on_drain():
    provider = TopicRestrictions()
    restriction = provider.initial_restriction("posts")
    assert provider.create_tracker(restriction).try_split(0.5) is None
    left: object = provider.truncate("posts", restriction)  # type: ignore[func-returns-value]  # as Beam asks
    assert left is None
