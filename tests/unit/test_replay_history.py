"""What there is of a slice, and what retention has taken of it."""

from collections import namedtuple
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.test_find_slices import TOPIC, Broker
from weir.pipelines.replay.history import History, Missing, _gone_by_time, _without_removed
from weir.transforms.read import SourceError
from weir.transforms.read.find_slices import Slice

Found = namedtuple("Found", "offset timestamp")
DAY = datetime(2026, 1, 30, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)


def found(when):
    return Found(10, when.timestamp() * 1000)


def test_offsets_that_are_gone_are_counted_and_the_rest_is_left():
    history = _without_removed(Broker(), [Slice("posts", 0, 4, 15), Slice("posts", 1, 0, 5)])
    assert [each[2:4] for each in history.slices] == [(10, 15), (0, 5)]
    assert list(map(str, history.missing)) == ["6 offsets of posts[0]"]


def test_a_slice_that_is_gone_altogether_is_empty():
    history = _without_removed(Broker(), [Slice("posts", 0, 4, 9)])
    assert history.missing == (Missing("posts", 0, 5),)
    with pytest.raises(SourceError, match="is empty"):
        history.complete(partial=True)


def test_of_a_slice_by_time_the_time_that_is_gone_is_said():
    broker = Broker(times=(found(DAY + timedelta(hours=3)), found(DAY)))
    (gone,) = _gone_by_time(broker, TOPIC, DAY, NEXT)
    assert str(gone) == "the first 3:00:00 of posts[0], which begins at 2026-01-30T03:00Z"


def test_a_partition_that_begins_before_the_slice_lacks_nothing():
    assert _gone_by_time(Broker(times=(found(DAY),)), TOPIC, DAY, NEXT) == []


def test_a_partition_that_lost_nothing_may_begin_after_it():
    late = Broker(times=(found(DAY), found(NEXT)))
    assert _gone_by_time(late, TOPIC, DAY, NEXT) == []


@pytest.mark.parametrize("oldest", [None, found(NEXT + timedelta(days=1))])
def test_a_partition_without_a_message_of_the_slice_lacks_all_of_it(oldest):
    (gone,) = _gone_by_time(Broker(times=(oldest,)), TOPIC, DAY, NEXT)
    assert str(gone) == "all 1 day, 0:00:00 of posts[0]"


def test_what_is_gone_is_refused_with_the_way_out():
    gone = History((Slice("posts", 0, 4, 9),), tuple(Missing("posts", n, 1) for n in range(5)))
    with pytest.raises(SourceError, match=r"posts\[2\] \(and of 2 more.*--accept-loss"):
        gone.complete(partial=False)
    assert gone.complete(partial=True) is gone
