"""Rows that tests store by themselves, as a job would."""

import pyarrow as pa

from weir.transforms.records import DEAD_LETTER, DEFERRAL, HUMAN_LABEL, SCREENING, VERDICT
from weir.transforms.write.bigquery.appender import Appender
from weir.transforms.write.bigquery.connection import AppendConnection
from weir.transforms.write.bigquery.rows import ROWS, project

SCHEMAS = {
    "screenings": SCREENING,
    "shadow_screenings": SCREENING,
    "verdicts": VERDICT,
    "deferrals": DEFERRAL,
    "human_labels": HUMAN_LABEL,
    "dead_letters": DEAD_LETTER,
}


def service(settings):
    """Return the options by which a command finds the tables."""
    return [
        *("--bigquery-project", settings.project, "--bigquery-dataset", settings.dataset),
        *("--bigquery-rest", settings.rest_endpoint, "--bigquery-grpc", settings.grpc_endpoint),
    ]


def put(settings, table, rows):
    appender = Appender(
        lambda: AppendConnection(settings.write_client(), settings.stream(table)), table
    )
    appender.append(project(pa.RecordBatch.from_pylist(rows, SCHEMAS[table]), ROWS[table]))
    assert not appender.drain()
    appender.close()
