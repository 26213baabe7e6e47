"""Rows as a job writes them, and what is read of them."""

import contextlib
from datetime import UTC, datetime

import apache_beam as beam
import pyarrow as pa
from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter

from tests.rows import screening
from weir.transforms.counts import counts_of
from weir.transforms.records import CHANGE, DEAD_LETTER, DEFERRAL, SCREENING, VERDICT
from weir.transforms.write.bigquery.sink import WriteToBigQuery

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


IN_PROCESS = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


def write(settings, table, batches, run, check=None):
    """Run the transform over the batches in one process; return what was counted."""
    pipeline = beam.Pipeline(runner=IN_PROCESS)
    refused = (
        pipeline
        | beam.Create(batches, reshuffle=False)
        | WriteToBigQuery(settings, table, run=run, cluster="c")
    )
    if check is not None:
        check(refused)
    result = pipeline.run()
    result.wait_until_finish()
    return counts_of(result)


def query(settings, sql, run):
    config = QueryJobConfig(query_parameters=[ScalarQueryParameter("run", "STRING", run)])
    sql = sql.replace("{dataset}", f"{settings.project}.{settings.dataset}")
    with contextlib.closing(settings.client()) as client:
        job = client.query(sql, config, retry=None, timeout=240)
        return [dict(row.items()) for row in job.result(retry=None, timeout=240)]


def stored(settings, table, run):
    counts = "COUNT(*) AS n, COUNT(DISTINCT decision_id) AS ids"
    sql = f"SELECT {counts} FROM `{{dataset}}.{table}` WHERE run = @run"
    row = query(settings, sql, run)[0]
    return row["n"], row["ids"]


def screenings(run, start, stop):
    rows = [screening(run, offset, spam="clear") for offset in range(start, stop)]
    return pa.RecordBatch.from_pylist(rows, SCREENING)


def put(settings, run, screened=(), judged=(), dead=(), deferred=(), changed=()):
    for table, schema, rows in (
        ("screenings", SCREENING, screened),
        ("verdicts", VERDICT, judged),
        ("dead_letters", DEAD_LETTER, dead),
        ("deferrals", DEFERRAL, deferred),
        ("post_changes", CHANGE, changed),
    ):
        if rows:
            write(settings, table, [pa.RecordBatch.from_pylist(list(rows), schema)], run)


def view(settings, name, run, order):
    return query(
        settings, f"SELECT * FROM `{{dataset}}.{name}` WHERE run = @run ORDER BY {order}", run
    )


def labels(settings, run):
    rows = view(settings, "labels", run, "`offset`, policy_id")
    return {(r["offset"], r["policy_id"]): (r["label"], r["decided_by"]) for r in rows}
