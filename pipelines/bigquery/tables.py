"""``weir tables``: the dataset that runs write to, made or brought up to date, and checked."""

from contextlib import closing

from google.cloud import bigquery

from weir.infra.bigquery.ddl import PRIVATE, TABLES, VIEWS, columns, statement, statements
from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.bigquery.errors import TablesError, command, explain_errors
from weir.pipelines.bigquery.folding import days_in_use
from weir.pipelines.bigquery.migration import conflict, missing_columns
from weir.pipelines.bigquery.queries import NO_RETRY, execute
from weir.transforms.write.bigquery.sink import BigQuerySettings

__all__ = ["PRIVATE", "TABLES", "VIEWS", "check_tables", "create_tables"]

_CONNECT_SECONDS = 20.0


def create_tables(settings: BigQuerySettings, create_dataset: bool = False) -> None:
    """Make the tables and views that are missing, and add the columns that tables lack.

    Nothing is removed or rewritten; views are replaced. Raises TablesError where the dataset is
    missing and ``create_dataset`` is not set, the service cannot be used, or a table could only be
    brought up to date by losing data: then nothing is changed.
    """
    dataset = _checked_name(settings)
    with open_dataset(settings) as there:
        client = there.client
        if create_dataset:
            client.create_dataset(dataset, exists_ok=True, retry=NO_RETRY, timeout=_CONNECT_SECONDS)
        else:
            client.get_dataset(dataset, retry=NO_RETRY, timeout=_CONNECT_SECONDS)
        for addition in _additions(client, dataset):
            execute(client, addition)
        for name in TABLES:
            execute(client, statement(name, dataset))
        folded = days_in_use(there)
        for name in VIEWS:
            execute(client, statement(name, dataset, folded))


def check_tables(settings: BigQuerySettings) -> None:
    """Raise TablesError where a run could not write to every table, before it starts."""
    dataset = _checked_name(settings)
    with open_dataset(settings) as there:
        for table in TABLES:
            name = f"{dataset}.{table}"
            found = there.client.get_table(name, retry=NO_RETRY, timeout=_CONNECT_SECONDS)
            if lacking := missing_columns(found.schema, columns(table)):
                names = ", ".join(column.name for column in lacking)
                raise TablesError(
                    f"The table {name} lacks the column {names}. Add it with `{command(settings)}`."
                )
    # Rows travel over another endpoint, with a permission of its own.
    with explain_errors(settings):
        writer = settings.write_client()
        with closing(writer.transport):
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
    dataset = settings.full_name
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
