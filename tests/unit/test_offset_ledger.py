import pyarrow as pa
import pytest

from weir.transforms.process.offset_ledger import Progress, Settled


def rows(*offsets, topic="posts", partition=0):
    return pa.RecordBatch.from_pydict(
        {
            "topic": pa.array([topic] * len(offsets), pa.string()),
            "partition": pa.array([partition] * len(offsets), pa.int32()),
            "offset": pa.array(offsets, pa.int64()),
        }
    )


@pytest.fixture
def progress():
    counted = Progress()
    counted.start()
    counted.at("posts", 0, 10, "id")
    return counted


def offset(progress, key=("posts", 0)):
    return progress.settled()[key].offset


def test_nothing_read_is_settled_where_reading_began(progress):
    assert progress.settled() == {("posts", 0): Settled(10, "id")}


def test_a_message_owes_a_row_until_a_sink_has_it(progress):
    progress.read("posts", 0, rows(10, 11, 12), 13)
    assert offset(progress) == 10
    progress.release(rows(10, 11))
    assert offset(progress) == 12
    progress.release(rows(12))
    assert offset(progress) == 13


def test_rows_that_arrive_out_of_order_wait_for_the_first(progress):
    progress.read("posts", 0, rows(10, 11, 12), 13)
    progress.release(rows(12, 11))
    assert offset(progress) == 10
    progress.release(rows(10))
    assert offset(progress) == 13


def test_an_escalation_holds_its_post_until_it_is_judged(progress):
    progress.read("posts", 0, rows(10, 11), 12)
    progress.hold(rows(10, 10))
    progress.release(rows(10, 11))
    progress.release(rows(10))
    assert offset(progress) == 10
    progress.release(rows(10))
    assert offset(progress) == 12


def test_offsets_without_messages_owe_nothing(progress):
    progress.read("posts", 0, rows(10, 17), 40)
    progress.release(rows(10))
    assert offset(progress) == 17
    progress.release(rows(17))
    progress.read("posts", 0, None, 55)
    assert offset(progress) == 55


def test_partitions_and_topics_do_not_pay_for_each_other(progress):
    progress.at("posts", 1, 0, None)
    progress.at("other", 0, 10, None)
    progress.read("posts", 0, rows(10), 11)
    progress.read("posts", 1, rows(0, partition=1), 1)
    progress.read("other", 0, rows(10, topic="other"), 11)
    mixed = pa.Table.from_batches([rows(0, partition=1), rows(10, topic="other")])
    progress.release(mixed.combine_chunks().to_batches()[0])
    assert [offset(progress, key) for key in (("posts", 0), ("posts", 1), ("other", 0))] == [
        10,
        1,
        11,
    ]


def test_it_goes_on_from_where_it_was_looked_at(progress):
    for start in range(10, 5000, 10):
        progress.at("posts", 0, start, "id")
        progress.read("posts", 0, rows(*range(start, start + 10)), start + 10)
        assert offset(progress) == max(10, start - 10)
        progress.release(rows(*range(max(10, start - 10), start)))
    assert offset(progress) == 4990


def test_a_bundle_that_is_read_again_ends_what_is_known_of_its_partition(progress, caplog):
    progress.read("posts", 0, rows(10, 11), 12)
    progress.at("posts", 0, 10, "id")
    assert progress.settled() == {}
    assert "posts[0]" in caplog.text


def test_a_message_about_another_post_waits_for_what_that_one_owes():
    progress = Progress()
    progress.start()
    progress.at("escalations", 0, 0, None)
    messages = rows(0, 1, 2, topic="escalations")
    progress.read("escalations", 0, messages, 3)
    progress.carry(messages, rows(70, 70, 90))
    progress.release(rows(90))
    progress.release(rows(70))
    assert offset(progress, ("escalations", 0)) == 0
    progress.hold(rows(70))
    progress.release(rows(70))
    assert offset(progress, ("escalations", 0)) == 0
    progress.release(rows(70))
    assert offset(progress, ("escalations", 0)) == 3


def test_what_is_not_counted_costs_and_says_nothing():
    progress = Progress()
    progress.at("posts", 0, 0, None)
    progress.read("posts", 0, rows(0), 1)
    progress.release(rows(0))
    assert progress.settled() == {}
