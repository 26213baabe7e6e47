import pytest
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.pvalue import TaggedOutput
from apache_beam.runners.sdf_utils import RestrictionTrackerView, ThreadsafeRestrictionTracker
from apache_beam.utils.timestamp import MIN_TIMESTAMP, Duration, Timestamp
from kafka.errors import KafkaTimeoutError

from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.read import SourceError, Start
from weir.transforms.read.discovery import (
    LATER,
    DiscoverPartitions,
    DiscoverTopics,
    PatternRestrictions,
    TopicRestrictions,
)
from weir.transforms.read.find_slices import NEVER, Slice
from weir.transforms.read.topics import apart_from, matching

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


class Named:
    """Topics that match a pattern, and the runner that comes back to look for others."""

    def __init__(self):
        self.names = []
        self.fails = None
        self.dofn = DiscoverTopics(KAFKA, 0.0, find=self.find)
        self.provider = PatternRestrictions()
        self.restriction = self.provider.initial_restriction("^posts")
        self.watermark = ManualWatermarkEstimator(None)

    def find(self, settings, pattern):
        if self.fails:
            raise self.fails
        return self.names

    def look(self):
        tracker = ThreadsafeRestrictionTracker(self.provider.create_tracker(self.restriction))
        found = list(self.dofn.process("^posts", RestrictionTrackerView(tracker), self.watermark))
        tracker.check_done()
        self.restriction = tracker.deferred_status()[0]
        return [
            (each.tag, each.value.value) if isinstance(each, TaggedOutput) else (None, each.value)
            for each in found
        ]


def test_the_topics_there_are_begin_where_the_job_does_and_later_ones_apart():
    topics = Named()
    topics.names = ["posts-b"]
    assert topics.look() == [(None, "posts-b")]
    topics.names = ["posts-a", "posts-b"]
    assert topics.look() == [(LATER, "posts-a")]
    assert topics.look() == []


def test_a_broker_that_is_away_while_topics_are_looked_for_is_asked_again():
    topics = Named()
    topics.names = ["posts-a"]
    topics.look()
    topics.fails = KafkaTimeoutError("gone")
    assert topics.look() == []
    topics.fails, topics.names = None, ["posts-a", "posts-b"]
    assert topics.look() == [(LATER, "posts-b")]


def test_a_search_that_is_left_without_an_end_is_an_error():
    with pytest.raises(ValueError, match="without an end"):
        PatternRestrictions().create_tracker(()).check_done()


def test_a_pattern_means_whole_names_and_none_of_kafkas_own():
    there = ["posts", "posts-de", "my-posts", "__posts", "posts.fr"]
    assert matching("^posts.*", there) == ["posts", "posts-de", "posts.fr"]
    assert matching("^.*", there) == ["my-posts", "posts", "posts-de", "posts.fr"]
    assert matching("posts", there) == ["posts"]
    assert matching("^comments", there) == []


def test_a_pattern_leaves_out_what_the_job_writes():
    named = apart_from(["posts", "^weir.*|posts.*"], ["weir-flagged", "weir.dead"])
    assert named[0] == "posts"
    there = ["weir-flagged", "weir.dead", "weir-flagged-2", "posts"]
    assert matching(named[1], there) == ["posts", "weir-flagged-2"]


@pytest.mark.parametrize("pattern", ["^(", "^[a", "^(?P<"])
def test_a_pattern_that_is_none_is_refused(pattern):
    with pytest.raises(SourceError, match="is a regular expression, and this is none"):
        apart_from([pattern], [])
