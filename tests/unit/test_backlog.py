import pyarrow as pa
import pytest

from weir.transforms.process.backlog import Waiting


def escalations(*texts):
    columns = {"text": pa.array(texts, pa.string()), "value": pa.nulls(len(texts), pa.binary())}
    return pa.RecordBatch.from_pydict(columns)


@pytest.fixture
def waiting():
    return Waiting()


def test_it_is_full_when_what_waits_is_as_large_as_it_may_be(waiting):
    waiting.start(3000)
    waiting.add(escalations("a"))
    assert not waiting.full()
    waiting.add(escalations("b" * 2000))
    assert waiting.full()


def test_what_is_decided_makes_room_row_by_row(waiting):
    batch = escalations("a" * 500, "b" * 700)
    waiting.start(3000)
    waiting.add(batch)
    waiting.add(escalations("c"))
    assert waiting.full()
    for row in range(batch.num_rows):
        waiting.less(batch.slice(row, 1))
    assert not waiting.full()


def test_a_job_that_does_not_begin_it_is_never_held_back(waiting):
    waiting.add(escalations("a" * 1_000_000))
    assert not waiting.full()


def test_each_job_begins_with_nothing(waiting):
    waiting.start(10)
    waiting.add(escalations("a"))
    waiting.stop()
    waiting.start(10)
    assert not waiting.full()
