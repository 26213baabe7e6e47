"""SQL sent to BigQuery, or to its emulator, with an end in sight."""

import queue
import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from google.cloud import bigquery

# The emulator answers some errors with 500, which the client would send again without end.
NO_RETRY: Any = None
T = TypeVar("T")
Parameter = bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter
_SUBMIT_SECONDS = 30.0
_RESULT_SECONDS = 120.0
# What the client raises where an answer is none of BigQuery's: it looks for what is not there.
_NOT_UNDERSTOOD = (KeyError, AttributeError, TypeError, ValueError)


class AnswerError(Exception):
    """What answers is not BigQuery, or did not answer in time."""


def execute(
    client: bigquery.Client,
    sql: str,
    parameters: Iterable[Parameter] = (),
    *,
    max_bytes: int | None = None,
    dataset: str | None = None,
) -> list[dict[str, Any]]:
    """Run one statement and return its rows.

    It is refused where it would be billed for more than ``max_bytes``. ``dataset`` is where
    tables are that it names without one. AnswerError; google.api_core's errors pass through.
    """
    config = bigquery.QueryJobConfig(query_parameters=list(parameters))
    if max_bytes is not None:
        config.maximum_bytes_billed = max_bytes
    if dataset is not None:
        config.default_dataset = dataset
    _, rows = _run(client, sql, config, _RESULT_SECONDS)
    return rows


def change(
    client: bigquery.Client, sql: str, parameters: Iterable[Parameter], *, seconds: float
) -> int:
    """Run a DELETE or MERGE, for so many seconds at most; return how many rows changed, or went.

    As ``execute``.
    """
    config = bigquery.QueryJobConfig(query_parameters=list(parameters))
    job, _ = _run(client, sql, config, seconds)
    rows = _within(_SUBMIT_SECONDS, lambda: job.num_dml_affected_rows)
    if rows is None:
        raise AnswerError("It did not say how many rows changed")
    return int(rows)


def estimate(client: bigquery.Client, sql: str, parameters: Iterable[Parameter] = ()) -> int | None:
    """Return how many bytes a statement would read, without running it.

    None where what answers does not reckon, as the emulator. As ``execute``.
    """
    config = bigquery.QueryJobConfig(
        query_parameters=list(parameters), dry_run=True, use_query_cache=False
    )
    named: dict[str, Any] = {"retry": NO_RETRY, "job_retry": NO_RETRY}
    job = _within(
        _SUBMIT_SECONDS, lambda: client.query(sql, config, timeout=_SUBMIT_SECONDS, **named)
    )
    return int(job.total_bytes_processed or 0) or None


def _run(
    client: bigquery.Client, sql: str, config: bigquery.QueryJobConfig, seconds: float
) -> tuple[bigquery.QueryJob, list[dict[str, Any]]]:
    named: dict[str, Any] = {"retry": NO_RETRY, "job_retry": NO_RETRY}

    def submit() -> bigquery.QueryJob:
        return client.query(sql, config, timeout=_SUBMIT_SECONDS, **named)

    def rows() -> list[dict[str, Any]]:
        return [dict(row.items()) for row in job.result(timeout=seconds, **named)]

    job = _within(_SUBMIT_SECONDS, submit)
    return job, _within(seconds, rows)


def _within(seconds: float, call: Callable[[], T]) -> T:
    """Return what the call does; AnswerError after so many seconds, whatever it waits for.

    A server that sends a byte now and then lets no timeout of a socket end, and the client tries
    some of its requests again by itself.
    """
    answered: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answered.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            answered.put((None, error))

    threading.Thread(target=run, name="weir-query", daemon=True).start()
    try:
        answer, error = answered.get(timeout=seconds)
    except queue.Empty:
        raise AnswerError(f"It did not answer within {seconds:.0f} s") from None
    if isinstance(error, TimeoutError):
        raise AnswerError(f"It did not end within {seconds:.0f} s") from error
    if isinstance(error, _NOT_UNDERSTOOD):
        raise AnswerError("What it answers is not what BigQuery does") from error
    if error is not None:
        raise error
    return answer  # type: ignore[return-value]  # None only beside an error
