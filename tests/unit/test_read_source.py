import itertools
from collections import namedtuple
from typing import Any

import pyarrow as pa
import pytest
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.runners.sdf_utils import RestrictionTrackerView, ThreadsafeRestrictionTracker
from apache_beam.utils.timestamp import Duration, Timestamp
from kafka import TopicPartition
from kafka.errors import OffsetOutOfRangeError

from weir.transforms.kafka.message_batch import message_batch
from weir.transforms.kafka.partition_reader import Gap, Readers
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.process.backlog import WAITING
from weir.transforms.read import LostMessagesError
from weir.transforms.read.find_slices import NEVER, Slice
from weir.transforms.read.source import ReadToStop, SliceRestrictions

Record = namedtuple("Record", "offset timestamp key value headers", defaults=(None, b"v", ()))
KAFKA = KafkaSettings("broker:9")


def connect(*_) -> Any:
    return Reader()


class Reader:
    """A partition that answers each poll from a script: offsets, or an error."""

    def __init__(self, *polls, times=(1000, 1000, 1000)):
        self.polls = list(polls)
        self.sought = []
        self.times = times

    def seek(self, offset):
        self.sought.append(offset)
        self.position = offset

    def poll(self, rows, wait_ms=100):
        offsets, after = self.polls.pop(0) if self.polls else ([], self.position)
        if isinstance(offsets, Exception):
            raise offsets
        self.position = after
        if not offsets:
            return None, after
        records = [Record(o, t) for o, t in zip(offsets, self.times, strict=False)]
        return message_batch("posts", 0, records), after

    def gap(self, error):
        return Gap("posts", 0, self.position, self.position + 7)

    def look(self):
        self.looked = True

    def caught_up(self):
        return not self.polls

    def close(self):
        self.closed = True


class Bundle:
    """One call of the DoFn over a range of offsets."""

    def __init__(self, reader, start, stop, *, watermark=None, **settings):
        provider = SliceRestrictions()
        element = Slice("posts", 0, start, stop)
        self.tracker = ThreadsafeRestrictionTracker(
            provider.create_tracker(provider.initial_restriction(element))
        )
        self.watermark = ManualWatermarkEstimator(watermark)
        options = {
            "accept_loss": False,
            "max_poll_records": 4000,
            "bundle_rows": 100,
            "bundle_seconds": 60,
        }
        dofn = ReadToStop(KAFKA, **options | settings)
        view = RestrictionTrackerView(self.tracker)
        self.output = list(dofn._read_bundle(element, reader, view, self.watermark))
        self.tracker.check_done()

    @property
    def offsets(self):
        return [value.value["offset"].to_pylist() for value in self.output]

    @property
    def rest(self):
        deferred = self.tracker.deferred_status()
        return (deferred[0].start, deferred[0].stop) if deferred else None


def test_a_slice_is_read_to_its_stop_and_no_further():
    bundle = Bundle(Reader(([3, 4], 5), ([5, 6, 7], 8)), 3, 7)
    assert bundle.offsets == [[3, 4], [5, 6]]
    assert bundle.rest is None


def test_a_stop_that_no_message_has_is_reached_by_position():
    bundle = Bundle(Reader(([0], 1), ([], 4)), 0, 4)
    assert bundle.offsets == [[0]]
    assert bundle.rest is None


def test_gaps_at_the_end_are_not_read_again():
    bundle = Bundle(Reader(([0], 9)), 0, NEVER)
    assert bundle.rest == (9, NEVER)


def test_a_bundle_ends_after_so_many_rows():
    bundle = Bundle(Reader(([0, 1], 2), ([2, 3], 4), ([4], 5)), 0, NEVER, bundle_rows=3)
    assert bundle.offsets == [[0, 1], [2, 3]]
    assert bundle.rest == (4, NEVER)


def test_a_bundle_ends_after_so_many_seconds():
    bundle = Bundle(Reader(([0, 1], 2), ([2, 3], 4)), 0, NEVER, bundle_seconds=0)
    assert bundle.offsets == [[0, 1]]
    assert bundle.rest == (2, NEVER)


def test_an_empty_poll_hands_the_rest_back():
    assert Bundle(Reader(), 5, NEVER).rest == (5, NEVER)
    assert Bundle(Reader(), 5, 9).rest == (5, 9)


def test_a_slice_is_never_read_by_two():
    tracker = SliceRestrictions().create_tracker(
        SliceRestrictions().initial_restriction(Slice("posts", 0, 0, 100))
    )
    assert tracker.try_split(0.5) is None
    assert [(r.start, r.stop) for r in tracker.try_split(0)] == [(0, 0), (0, 100)]


def test_draining_leaves_a_slice_without_an_end():
    provider = SliceRestrictions()
    endless, ending = (Slice("posts", 0, 0, stop) for stop in (NEVER, 9))
    assert provider.truncate(endless, provider.initial_restriction(endless)) is None
    assert provider.truncate(ending, provider.initial_restriction(ending)).stop == 9


def test_a_batch_bears_the_latest_time_in_it_and_so_does_the_watermark():
    bundle = Bundle(Reader(([0, 1], 2), times=[9000, 4000]), 0, 2)
    assert bundle.output[0].timestamp == Timestamp(9)
    assert bundle.watermark.current_watermark() == Timestamp(9)


def test_a_batch_older_than_the_watermark_is_not_late():
    bundle = Bundle(Reader(([0], 1), times=[4000]), 0, 1, watermark=Timestamp(50))
    assert bundle.output[0].timestamp == Timestamp(50)


@pytest.mark.parametrize("milliseconds", [32_503_680_000_000, 253_402_300_799_999, 2**62])
def test_a_time_in_the_future_does_not_move_the_watermark_there(milliseconds):
    before = Timestamp.now()
    bundle = Bundle(Reader(([0], 1), times=[milliseconds]), 0, 1)
    assert before <= bundle.watermark.current_watermark() <= Timestamp.now()


def test_a_time_before_any_year_is_read_like_any_other():
    assert Bundle(Reader(([0], 1), times=[-(2**62)]), 0, 1).offsets == [[0]]
    assert Bundle(Reader(([0], 1), times=[-62_135_596_800_000]), 0, 1).offsets == [[0]]


def test_an_idle_partition_does_not_hold_the_watermark_back():
    bundle = Bundle(Reader(), 0, NEVER)
    assert Timestamp.now() - bundle.watermark.current_watermark() < Duration(seconds=5)


def test_retention_that_overtakes_the_reader_is_an_error_that_says_how_many():
    with pytest.raises(LostMessagesError, match=r"7 messages of posts\[0\].*offsets 1 to 7 "):
        Bundle(Reader(([0], 1), (OffsetOutOfRangeError(), 0)), 0, 100)


def test_accepted_loss_goes_on_behind_the_gap():
    reader = Reader(([0], 1), (OffsetOutOfRangeError(), 0))
    bundle = Bundle(reader, 0, 100, accept_loss=True)
    assert reader.sought == [0, 8]
    assert bundle.rest == (8, 100)


def test_loss_beyond_the_stop_ends_the_slice():
    bundle = Bundle(Reader((OffsetOutOfRangeError(), 0)), 0, 5, accept_loss=True)
    assert bundle.offsets == []
    assert bundle.rest is None


def test_a_batch_that_the_runner_took_back_is_not_given():
    reader: Any = Reader(([0], 1), ([1], 2))
    provider = SliceRestrictions()
    tracker = provider.create_tracker(provider.initial_restriction(Slice("posts", 0, 0, 9)))
    reading = ReadToStop(
        KAFKA, accept_loss=False, max_poll_records=10, bundle_rows=10, bundle_seconds=60
    )._read_bundle(Slice("posts", 0, 0, 9), reader, tracker, ManualWatermarkEstimator(None))
    assert next(reading).value["offset"].to_pylist() == [0]
    assert tracker.try_split(0)[1].start == 1
    assert list(reading) == []
    tracker.check_done()


def test_a_reader_waits_for_its_next_bundle():
    readers = Readers(connect=connect)
    partition = TopicPartition("posts", 0)
    first = readers.take(KAFKA, partition)
    readers.give(KAFKA, partition, first)
    assert readers.take(KAFKA, partition) is first


def test_a_reader_is_never_shared():
    readers = Readers(connect=connect)
    partition = TopicPartition("posts", 0)
    first: Any = readers.take(KAFKA, partition)
    second = readers.take(KAFKA, partition)
    assert first is not second
    readers.give(KAFKA, partition, first)
    readers.give(KAFKA, partition, second)
    assert first.closed


def test_settings_that_differ_do_not_share_a_reader():
    readers = Readers(connect=connect)
    partition = TopicPartition("posts", 0)
    first = readers.take(KAFKA, partition)
    readers.give(KAFKA, partition, first)
    assert readers.take(KafkaSettings("other:9"), partition) is not first


def test_a_reader_that_waits_too_long_hangs_up():
    clock = itertools.chain([0.0], itertools.repeat(1000.0))
    readers = Readers(connect=connect, now=lambda: next(clock))
    readers._waiting[("x", TopicPartition("posts", 1))] = waiting = connect()
    waiting.idle_since = -500.0
    readers.take(KAFKA, TopicPartition("posts", 0))
    assert waiting.closed


def test_where_files_are_scarce_the_reader_that_waited_longest_hangs_up():
    readers = Readers(connect=connect, most=lambda: 2)
    partitions = [TopicPartition("posts", n) for n in range(3)]
    taken: list[Any] = [readers.take(KAFKA, each) for each in partitions]
    for partition, reader in zip(partitions, taken, strict=True):
        readers.give(KAFKA, partition, reader)
    assert taken[0].closed
    assert [readers.take(KAFKA, p) for p in partitions[1:]] == taken[1:]


def test_the_more_readers_wait_the_shorter_each_of_them_is_polled():
    readers = Readers(connect=connect, most=lambda: 10_000)
    assert readers.poll_ms() == 100
    for number in range(1000):
        readers.give(KAFKA, TopicPartition("posts", number), connect())
    assert readers.poll_ms() == 5


def test_batches_are_record_batches():
    assert isinstance(Bundle(Reader(([0], 1)), 0, 1).output[0].value, pa.RecordBatch)


@pytest.fixture
def no_room():
    WAITING.start(0)
    yield
    WAITING.stop()


@pytest.mark.usefixtures("no_room")
def test_nothing_is_read_while_too_much_waits_for_the_judge_and_the_lag_is_looked_at():
    reader = Reader(([0, 1], 2))
    bundle = Bundle(reader, 0, NEVER)
    assert bundle.offsets == []
    assert bundle.rest == (0, NEVER)
    assert reader.looked
