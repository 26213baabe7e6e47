"""Whatever one message holds, it is accounted for and fits; the benchmark does so at full size."""

import tracemalloc

import pytest

from tests.benchmarks.hostile import BATCHES, VALUES, Cost, Worker, batches
from tests.record_batches import Row, record_batch


@pytest.fixture(scope="module")
def worker():
    return Worker()


@pytest.mark.parametrize(("kind", "data", "messages"), [*batches(2048)], ids=[*VALUES, *BATCHES])
def test_a_hostile_message_is_a_post_or_a_dead_letter(worker, kind, data, messages):
    assert sum(worker.take(data)) == messages


def test_a_message_that_stands_for_a_hundred_megabytes_is_never_held(worker):
    data = record_batch([Row(0, value=b"x" * 100_000_000)], codec="zstd")
    tracemalloc.start()
    assert worker.take(data) == (0, 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60_000_000


@pytest.mark.parametrize(
    ("posts", "seconds", "megabytes"), [(0, 1.0, 100.0), (1, 11.0, 100.0), (1, 1.0, 1100.0)]
)
def test_a_message_that_is_lost_or_too_dear_fails_the_benchmark(posts, seconds, megabytes):
    assert Cost("any", 1, posts, 0, seconds, megabytes).failed
    assert not Cost("any", 1, 1, 0, 1.0, 100.0).failed
