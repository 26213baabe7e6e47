"""``weir tables``: the dataset that runs write to, made or brought up to date, and checked."""

import contextlib
from collections.abc import Iterator

import requests
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery

from weir.errors import WeirError
from weir.infra.bigquery import PRIVATE, TABLES, VIEWS, columns, statement, statements
from weir.pipelines.bigquery.migration import conflict, missing_columns
from weir.pipelines.bigquery.queries import NO_RETRY, AnswerError, execute
from weir.transforms.write.bigquery.sink import BigQuerySettings

__all__ = [
    "PRIVATE",
    "TABLES",
    "VIEWS",
    "TablesError",
    "check_tables",
    "create_tables",
    "explain_errors",
]

_CONNECT_SECONDS = 20.0


class TablesError(WeirError, RuntimeError):
    """The tables cannot be made or written to; the message says why and what to do."""


def create_tables(settings: BigQuerySettings, create_dataset: bool = False) -> None:
    """Make the tables and views that are missing, and add the columns that tables lack.

    Nothing is removed or rewritten; views are replaced. Raises TablesError where the dataset is
    missing and ``create_dataset`` is not set, the service cannot be used, or a table could only be
    brought up to date by losing data: then nothing is changed.
    """
    dataset = _checked_name(settings)
    with explain_errors(settings), contextlib.closing(settings.client()) as client:
        if create_dataset:
            client.create_dataset(dataset, exists_ok=True, retry=NO_RETRY, timeout=_CONNECT_SECONDS)
        else:
            client.get_dataset(dataset, retry=NO_RETRY, timeout=_CONNECT_SECONDS)
        for addition in _additions(client, dataset):
            execute(client, addition)
        for name in (*TABLES, *VIEWS):
            execute(client, statement(name, dataset))


def check_tables(settings: BigQuerySettings) -> None:
    """Raise TablesError where a run could not write to every table, before it starts."""
    dataset = _checked_name(settings)
    with explain_errors(settings), contextlib.closing(settings.client()) as client:
        for table in TABLES:
            name = f"{dataset}.{table}"
            found = client.get_table(name, retry=NO_RETRY, timeout=_CONNECT_SECONDS)
            if lacking := missing_columns(found.schema, columns(table)):
                names = ", ".join(column.name for column in lacking)
                raise TablesError(
                    f"The table {name} lacks the column {names}. "
                    f"Add it with `{_command(settings)}`."
                )
    # Rows travel over another endpoint, with a permission of its own.
    with explain_errors(settings):
        writer = settings.write_client()
        with contextlib.closing(writer.transport):
            stream = settings.stream("screenings")
            writer.get_write_stream(name=stream, retry=NO_RETRY, timeout=_CONNECT_SECONDS)


def _additions(client: bigquery.Client, dataset: str) -> list[str]:
    """Return the statements that bring what is there up to date.

    Raises TablesError where something is in the way that could only be replaced.
    """
    there = client.list_tables(dataset, retry=NO_RETRY, timeout=_CONNECT_SECONDS)
    kinds = {each.table_id: each.table_type for each in there}
    additions = []
    for name in VIEWS:
        if kinds.get(name, "VIEW") != "VIEW":
            raise _in_the_way(f"{dataset}.{name}", f"is a {kinds[name].lower()} there, not a view")
    for name in (name for name in TABLES if name in kinds):
        table = client.get_table(f"{dataset}.{name}", retry=NO_RETRY, timeout=_CONNECT_SECONDS)
        if found := conflict(table, columns(name)):
            raise _in_the_way(f"{dataset}.{name}", found)
        additions += [
            f"ALTER TABLE `{dataset}.{name}` ADD COLUMN IF NOT EXISTS `{column.name}` {column.type}"
            for column in missing_columns(table.schema, columns(name))
        ]
    return additions


def _in_the_way(name: str, found: str) -> TablesError:
    return TablesError(
        f"{name} {found}. To change that would lose data, so nothing was changed: rename it, or "
        "use another dataset."
    )


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
    said = {
        "project": settings.project,
        "dataset": settings.dataset,
        "rest": settings.rest_endpoint,
        "grpc": settings.grpc_endpoint,
    }
    given = [f"--bigquery-{name} {value}" for name, value in said.items() if value]
    return " ".join(["weir tables", *given])


@contextlib.contextmanager
def explain_errors(settings: BigQuerySettings) -> Iterator[None]:
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
    except (requests.RequestException, AnswerError) as error:
        why = (
            error if isinstance(error, AnswerError) else "What it answers is not what BigQuery does"
        )
        raise TablesError(
            f"{service} cannot be used for {dataset}. {why}: look at what stands between, a proxy "
            "or the emulator, and try again; what was asked for may have been done."
        ) from error
    except exceptions.GoogleAPICallError as error:
        reason = (error.message or type(error).__name__).strip().partition("\n")[0]
        raise TablesError(f"{service} refused a request for {dataset}: {reason}") from error
