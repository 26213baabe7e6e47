"""SQL sent to BigQuery, or to its emulator, with an end in sight."""

from collections.abc import Iterable
from typing import Any

from google.cloud import bigquery

# The emulator answers some errors with 500, which the client would send again without end.
NO_RETRY: Any = None
Parameter = bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter
_SUBMIT_SECONDS = 60.0
_RESULT_SECONDS = 120.0


def execute(
    client: bigquery.Client,
    sql: str,
    parameters: Iterable[Parameter] = (),
    *,
    max_bytes: int | None = None,
    dataset: str | None = None,
) -> list[dict[str, Any]]:
    """Run one statement and return its rows; google.api_core's errors pass through.

    It is refused where it would be billed for more than ``max_bytes``. ``dataset`` is where
    tables are that it names without one.
    """
    config = bigquery.QueryJobConfig(query_parameters=list(parameters))
    if max_bytes is not None:
        config.maximum_bytes_billed = max_bytes
    if dataset is not None:
        config.default_dataset = dataset
    job = client.query(sql, config, retry=NO_RETRY, job_retry=NO_RETRY, timeout=_SUBMIT_SECONDS)
    rows = job.result(retry=NO_RETRY, job_retry=NO_RETRY, timeout=_RESULT_SECONDS)
    return [dict(row.items()) for row in rows]
