import pickle

import numpy as np
import pyarrow as pa
import pytest

from weir.transforms.counts import ages, counter, lag_gauge, latency
from weir.transforms.process.live_numbers import BOUNDS_MS, LIVE, Live, Name
from weir.transforms.records import TIMESTAMP

ROUTE = Name("latency_ms", (("route", "audit"),))


@pytest.fixture
def live():
    LIVE.clear()
    yield LIVE
    LIVE.clear()


def test_what_is_counted_for_beam_is_counted_live_also_from_a_pickled_step(live):
    pickle.loads(pickle.dumps(counter("messages"))).inc(3)
    counter("messages").inc()
    lag_gauge("posts", 2).set(7)
    latency("audit").update(15)
    seen = live.snapshot()
    assert seen.counters == {Name("messages"): 4}
    assert seen.gauges == {Name("lag", (("topic", "posts"), ("partition", "2"))): 7}
    assert seen.histograms[ROUTE].count == 1


def test_a_quantile_is_the_bound_that_its_share_does_not_exceed():
    live = Live()
    live.observe(ROUTE, np.array([1.0] * 98 + [150.0] * 2))
    found = live.snapshot().histograms[ROUTE]
    assert (found.quantile(0.5), found.quantile(0.98), found.quantile(0.99)) == (1, 1, 200)
    assert found.total == 398


def test_what_is_beyond_every_bound_is_counted_too():
    live = Live()
    live.observe(ROUTE, [BOUNDS_MS[-1] + 1])
    assert live.snapshot().histograms[ROUTE].quantile(0.5) == float("inf")


def test_the_histogram_of_nothing_has_no_quantile():
    live = Live()
    live.observe(ROUTE, [])
    assert live.snapshot().histograms[ROUTE].quantile(0.5) is None


def test_a_gauge_can_be_shifted():
    live = Live()
    assert [live.shift(Name("x"), 2), live.shift(Name("x"), -1)] == [2, 1]


def test_an_age_is_never_negative_and_that_of_no_time_is_left_out():
    times = pa.array([1_000, None, 9_000_000], pa.int64()).cast(TIMESTAMP)
    assert ages(times, 2_001_000).tolist() == [2000.0, 0.0]
