"""Every row is stored, once, whatever happens meanwhile."""

import pyarrow as pa
from apache_beam.testing.util import assert_that, is_empty

from tests.integration.bigquery.cases import (
    query,
    screenings,
    stored,
    write,
)
from tests.rows import verdict
from weir.transforms.records import VERDICT


def test_every_row_is_stored_once(bigquery, run):
    batches = [screenings(run, start, start + 500) for start in range(0, 5000, 500)]

    def nothing(refused):
        assert_that(refused, is_empty())

    counts = write(bigquery, "screenings", batches, run, nothing)
    assert stored(bigquery, "screenings", run) == (5000, 5000)
    assert counts.dead_letters_write == 0


def test_a_stored_row_reads_as_it_was_written(bigquery, run):
    row = verdict(run, 7, "spam", "violates", text="\U0001f600 'quoted' \x00 ``", headers=None)
    write(bigquery, "verdicts", [pa.RecordBatch.from_pylist([row], VERDICT)], run)
    (read,) = query(bigquery, "SELECT * FROM `{dataset}.verdicts` WHERE run = @run", run)
    expected = {name: row.get(name) for name in VERDICT.names}
    assert read == expected | {"categories": [], "rule_ids": ["R1"]}


def test_a_batch_larger_than_a_request_is_stored(bigquery, run):
    rows = [verdict(run, n, "spam", "safe", text="x" * 900_000) for n in range(20)]
    write(bigquery, "verdicts", [pa.RecordBatch.from_pylist(rows, VERDICT)], run)
    assert stored(bigquery, "verdicts", run) == (20, 20)


def test_a_row_that_bigquery_refuses_is_a_dead_letter_alone(bigquery, run):
    rows = [verdict(run, n, "spam", "safe", text="good") for n in range(40)]
    batch = pa.RecordBatch.from_pylist(rows, VERDICT)
    texts = [b"good"] * 40
    texts[13] = b"\xff\xfe"  # not UTF-8, which the service checks and Arrow does not
    broken = pa.array(texts, pa.binary()).view(pa.string())
    batch = batch.set_column(batch.schema.get_field_index("text"), VERDICT.field("text"), broken)
    letters: list = []

    def one_letter(refused):
        def check(batches):
            letters.extend(row for each in batches for row in each.to_pylist())
            assert [row["offset"] for row in letters] == [13]
            assert letters[0]["stage"] == "write"
            assert letters[0]["policy_id"] == "spam"

        assert_that(refused, check)

    counts = write(bigquery, "verdicts", [batch], run, one_letter)
    assert stored(bigquery, "verdicts", run) == (39, 39)
    assert counts.dead_letters_write == counts.dead_letters == 1


def test_rows_and_queries_reach_this_machine_whatever_proxy_is_set(bigquery, proxy_elsewhere, run):
    write(bigquery, "screenings", [screenings(run, 0, 10)], run)
    assert stored(bigquery, "screenings", run) == (10, 10)
