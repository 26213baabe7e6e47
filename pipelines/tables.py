"""``weir tables``: the dataset that runs write to, made or brought up to date, and checked."""

import contextlib
from collections.abc import Iterator

import requests
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery

from infra.bigquery import TABLES, VIEWS, Column, columns, statement, statements
from pipelines.queries import NO_RETRY, execute
from transforms.write.bigquery import BigQuerySettings

__all__ = ["TABLES", "VIEWS", "TablesError", "check_tables", "create_tables", "explained"]

_CONNECT_SECONDS = 20.0


class TablesError(RuntimeError):
    """The tables cannot be made or written to; the message says why and what to do."""


def create_tables(settings: BigQuerySettings, create_dataset: bool = False) -> None:
    """Make the tables and views that are missing, and add the columns that tables lack.

    Nothing is removed or rewritten; views are replaced. Raises TablesError where the dataset is
    missing and ``create_dataset`` is not set, or the service cannot be used.
    """
    dataset = _checked_name(settings)
    with explained(settings), contextlib.closing(settings.client()) as client:
        if create_dataset:
            client.create_dataset(dataset, exists_ok=True, retry=NO_RETRY, timeout=_CONNECT_SECONDS)
        else:
            client.get_dataset(dataset, retry=NO_RETRY, timeout=_CONNECT_SECONDS)
        for table in TABLES:
            execute(client, statement(table, dataset))
            for addition in _additions(client, table, dataset):
                execute(client, addition)
        for view in VIEWS:
            execute(client, statement(view, dataset))


def check_tables(settings: BigQuerySettings) -> None:
    """Raise TablesError where a run could not write to every table, before it starts."""
    dataset = _checked_name(settings)
    with explained(settings), contextlib.closing(settings.client()) as client:
        for table in TABLES:
            if missing := [column.name for column in _missing(client, table, dataset)]:
                raise TablesError(
                    f"The table {dataset}.{table} lacks the column {', '.join(missing)}. "
                    f"Add it with `{_command(settings)}`."
                )
    # Rows travel over another endpoint, with a permission of its own.
    with explained(settings):
        writer = settings.write_client()
        with contextlib.closing(writer.transport):
            stream = settings.stream("screenings")
            writer.get_write_stream(name=stream, retry=NO_RETRY, timeout=_CONNECT_SECONDS)


def _additions(client: bigquery.Client, table: str, dataset: str) -> list[str]:
    return [
        f"ALTER TABLE `{dataset}.{table}` ADD COLUMN IF NOT EXISTS `{column.name}` {column.type}"
        for column in _missing(client, table, dataset)
    ]


def _missing(client: bigquery.Client, table: str, dataset: str) -> list[Column]:
    found = client.get_table(f"{dataset}.{table}", retry=NO_RETRY, timeout=_CONNECT_SECONDS)
    names = {field.name for field in found.schema}
    return [column for column in columns(table) if column.name not in names]


def _checked_name(settings: BigQuerySettings) -> str:
    dataset = f"{settings.project}.{settings.dataset}"
    try:
        statements(dataset)
    except ValueError as error:
        raise TablesError(f"{error}. Check the project and the dataset.") from error
    if bool(settings.rest_endpoint) != bool(settings.grpc_endpoint):
        raise TablesError(
            "An emulator has two endpoints, and only one of them is given. Give both REST and "
            "gRPC, or neither to use Google's service."
        )
    return dataset


def _command(settings: BigQuerySettings) -> str:
    words = ["weir tables", f"--project {settings.project}", f"--dataset {settings.dataset}"]
    if settings.rest_endpoint:
        words += [f"--rest {settings.rest_endpoint}", f"--grpc {settings.grpc_endpoint}"]
    return " ".join(words)


@contextlib.contextmanager
def explained(settings: BigQuerySettings) -> Iterator[None]:
    """Turn what Google's clients raise into a TablesError, which says what to do."""
    dataset = f"{settings.project}.{settings.dataset}"
    service = settings.rest_endpoint or "BigQuery"
    try:
        yield
    except GoogleAuthError as error:
        raise TablesError(
            f"There are no usable Google Cloud credentials for {dataset}. Run "
            "`gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS."
        ) from error
    except exceptions.NotFound as error:
        raise TablesError(
            f"The dataset {dataset}, or a table in it, does not exist. Make it with "
            f"`{_command(settings)} --create-dataset`."
        ) from error
    except (exceptions.Forbidden, exceptions.Unauthorized) as error:
        raise TablesError(
            f"These credentials may not use {dataset}. Grant them roles/bigquery.dataEditor on "
            "the dataset and roles/bigquery.jobUser on the project."
        ) from error
    except (
        requests.ConnectionError,
        requests.Timeout,
        exceptions.RetryError,
        exceptions.ServiceUnavailable,
        exceptions.DeadlineExceeded,
    ) as error:
        raise TablesError(
            f"{service} cannot be reached for {dataset}. Check the network, or the endpoints of "
            "the emulator."
        ) from error
    except exceptions.GoogleAPICallError as error:
        raise TablesError(f"{service} refused a request for {dataset}: {error.message}") from error
