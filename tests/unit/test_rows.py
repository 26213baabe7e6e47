import json

import pyarrow as pa
import pytest

from weir.transforms.records import DEAD_LETTER, SCREENING
from weir.transforms.write.bigquery.appender import Refused
from weir.transforms.write.bigquery.rows import (
    ROWS,
    as_json,
    cut,
    join_batches,
    project,
    refused_letters,
)

NAMES = ["topic", "partition", "offset"]


def positions(*offsets):
    return [pa.array(["t"] * len(offsets)), pa.array([3] * len(offsets), pa.int32()), list(offsets)]


def test_columns_are_taken_by_name_and_others_left_out():
    columns = pa.schema([("offset", pa.int64()), ("topic", pa.string())])
    batch = pa.RecordBatch.from_arrays([*positions(7)[:2], pa.array([7])], NAMES)
    assert project(batch, columns).to_pylist() == [{"offset": 7, "topic": "t"}]


def test_integers_become_the_one_integer_type_of_bigquery():
    assert ROWS["screenings"].field("partition").type == pa.int64()


def test_a_nullable_column_that_is_missing_is_null():
    batch = pa.record_batch({"a": pa.array([1])})
    columns = pa.schema([("a", pa.int64()), ("b", pa.string())])
    assert project(batch, columns).to_pylist() == [{"a": 1, "b": None}]


def test_a_required_column_that_is_missing_is_an_error_that_names_it():
    batch = pa.record_batch({"a": pa.array([1])})
    with pytest.raises(KeyError, match="the column b"):
        project(batch, pa.schema([pa.field("b", pa.string(), nullable=False)]))


@pytest.mark.parametrize("start", [0, 1])
def test_a_null_list_becomes_an_empty_one(start):
    lists = pa.array([["x"], None, ["y", "z"], None, []], pa.list_(pa.string()))
    batch = pa.record_batch({"a": lists}).slice(start)
    rows = project(batch, pa.schema([("a", pa.list_(pa.string()))]))
    assert rows["a"].to_pylist() == [["x"], [], ["y", "z"], [], []][start:]


def test_rows_are_cut_into_parts_that_a_request_can_hold():
    texts = ["x" * 900_000] * 5 + ["y"] * 1000
    rows = pa.record_batch({"text": pa.array(texts)})
    parts = list(cut(rows, most_bytes=2 << 20))
    assert join_batches(parts).equals(rows)
    assert max(part.nbytes for part in parts) <= 2 << 20
    assert len(parts) < 12


def test_a_row_larger_than_a_part_stands_alone():
    rows = pa.record_batch({"text": pa.array(["x" * 100, "y" * 100])})
    assert [part.num_rows for part in cut(rows, most_bytes=10)] == [1, 1]


def test_no_rows_give_no_parts():
    assert list(cut(pa.RecordBatch.from_pylist([], SCREENING))) == []


def test_a_row_that_is_not_text_is_kept_as_base64():
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")]
    )
    row = pa.RecordBatch.from_arrays([broken, pa.array([1])], ["text", "n"])
    assert json.loads(as_json(row)) == {"text": "/w==", "n": 1}


def test_a_refused_row_is_a_dead_letter_with_the_row_as_json():
    row = pa.RecordBatch.from_arrays(
        [*positions(7)[:2], pa.array([7]), pa.array(["d"]), pa.array(["spam"])],
        [*NAMES, "decision_id", "policy_id"],
    )
    letters = refused_letters([Refused(row, "too_large", "Too large.")], "verdicts", "live", "c")
    assert letters.schema.equals(DEAD_LETTER)
    (letter,) = letters.to_pylist()
    assert json.loads(letter["value"])["decision_id"] == "d"
    assert letter["stage"] == "write"
    assert letter["reason"] == "too_large"
    assert (letter["topic"], letter["partition"], letter["offset"]) == ("t", 3, 7)
    assert letter["policy_id"] == "spam"


def test_two_policies_of_one_post_are_two_letters():
    rows = [
        pa.RecordBatch.from_arrays(
            [*positions(7)[:2], pa.array([7]), pa.array([decision])], [*NAMES, "decision_id"]
        )
        for decision in ("d1", "d2")
    ]
    refused = [Refused(row, "r", "e") for row in rows]
    letters = refused_letters(refused, "verdicts", "live", "c")
    assert len(set(letters["decision_id"].to_pylist())) == 2
