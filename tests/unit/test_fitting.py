"""Every row has a form that BigQuery takes."""

import json

import pyarrow as pa
import pytest

from tests.unit.test_dead_letters import letters, message
from weir.transforms.records import HUMAN_LABEL, VERDICT
from weir.transforms.write.bigquery.fitting import bare, fit_row
from weir.transforms.write.bigquery.rows import ROWS, cut, project

MOST = 4000


def row_of(schema, **long):
    """Return a row of a table whose other values are short."""
    short = {
        pa.string(): "short",
        pa.int64(): 1,
        pa.int32(): 1,
        pa.float64(): 1.0,
        pa.bool_(): True,
    }
    known = {f.name: short.get(f.type) for f in schema}
    times = {f.name: 0 for f in schema if pa.types.is_timestamp(f.type)}
    return pa.RecordBatch.from_pylist([known | times | long], schema)


def letter(**long):
    headers = long.pop("headers", ())
    return project(letters(message(headers=headers, **long)), ROWS["dead_letters"])


@pytest.mark.parametrize("name", ["text", "rationale", "reasoning"])
def test_a_long_text_of_a_verdict_is_cut_and_says_how_much_it_lacks(name):
    (found,) = fit_row(row_of(VERDICT, **{name: "ä" * 5000}), MOST).to_pylist()
    kept, _, note = found[name].partition("\n")
    assert note == f"[{10_000 - 2 * len(kept):,} bytes left out]"
    assert len(kept) > 500
    assert kept == "ä" * len(kept)


def test_every_long_value_of_a_row_is_cut_until_it_fits():
    long = dict.fromkeys(("text", "rationale", "reasoning", "attributes"), "x" * 9000)
    row = fit_row(row_of(VERDICT, **long), MOST)
    assert row.nbytes <= MOST
    assert row.schema == VERDICT


def test_attributes_stay_json():
    row = fit_row(row_of(VERDICT, attributes=json.dumps({"a": "x" * 9000})), MOST)
    assert json.loads(row["attributes"][0].as_py()) == {"weir_bytes_left_out": 9009}


def test_a_long_note_of_a_reviewer_is_cut():
    assert fit_row(row_of(HUMAN_LABEL, note="x" * 9000), MOST).nbytes <= MOST


@pytest.mark.parametrize("long", ["value", "key"])
def test_a_letter_keeps_the_first_bytes_of_its_message_and_its_error_says_so(long):
    (found,) = fit_row(letter(**{long: b"x" * 9000}), MOST).to_pylist()
    assert set(found[long]) == set(b"x")
    lacking = 9000 - len(found[long])
    assert 4000 < lacking < 9000
    assert found["error"].endswith(f" {lacking:,} bytes of the message are left out here.")


def test_a_letter_of_many_headers_gives_them_up():
    row = fit_row(letter(headers=[("name", b"value")] * 1000), MOST)
    assert (row["headers"].to_pylist(), row["value"].to_pylist()) == ([[]], [b"oops"])


def test_a_row_that_fits_is_the_row():
    row = letter(value=b"x" * 100)
    assert fit_row(row, MOST) is row


def test_a_bare_letter_says_where_and_why_without_the_message():
    (found,) = bare(letter()).to_pylist()
    assert (found["key"], found["value"], found["headers"]) == (None, None, [])
    assert found["reason"] == "invalid_json"
    assert "without the message" in found["error"]


def test_a_row_of_twelve_megabytes_is_cut_to_what_a_request_can_hold():
    (part,) = cut(row_of(VERDICT, rationale="x" * 12_000_000))
    assert 8_000_000 < part.nbytes <= 8 << 20
