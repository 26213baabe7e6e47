"""``weir forget``: the rows of one author are deleted."""

import json
from typing import Annotated

import typer

from weir.pipelines.bigquery.dataset import Dataset, open_dataset
from weir.pipelines.bigquery.retention import DAYS
from weir.pipelines.commands.terminal import AsJson, print_table
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.pipelines.settings.storage import pseudonym_key
from weir.transforms.decode.pseudonyms import pseudonym
from weir.transforms.write.bigquery.sink import BigQuerySettings

_SECONDS = 600.0  # a DELETE rewrites every partition that holds a row of the author


def forget(
    bigquery: BigQueryOptions,
    author: Annotated[
        str | None, typer.Option(help="The author's id, as it stands in the messages.")
    ] = None,
    pseudonym_of: Annotated[
        str | None, typer.Option("--pseudonym", help="Or the pseudonym, as it stands in the rows.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count the rows only.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete every row of one author, in every run.

    Dead letters of messages that could not be read name no author, and Kafka's topics keep what
    they hold until their retention ends.
    """
    with report_errors():
        if (author is None) == (pseudonym_of is None):
            raise OptionError("Give one of --author and --pseudonym")
        known = pseudonym_of or pseudonym(pseudonym_key("--author"), author or "")
        settings = bigquery_settings(bigquery)
        counts = delete_author(settings, known, dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps({"dry_run": dry_run, "rows": counts}))
        return
    print_table(
        "would be deleted" if dry_run else "deleted",
        ["table", "rows"],
        [[table, count] for table, count in counts.items()],
    )


def delete_author(
    settings: BigQuerySettings, author_id: str, *, dry_run: bool = False
) -> dict[str, int]:
    """Delete an author's rows; return how many of each table. TablesError.

    A call that is cut short can be made again: every table names the author by itself.
    """
    with open_dataset(settings) as dataset:
        return {
            table: _rows(dataset, table, author_id, dry_run=dry_run) for table in reversed(DAYS)
        }


def _rows(dataset: Dataset, table: str, author_id: str, *, dry_run: bool) -> int:
    rows = f"FROM `{dataset.name}.{table}` WHERE author_id = @author"
    if dry_run:
        (counted,) = dataset.rows(f"SELECT COUNT(*) AS n {rows}", author=author_id)
        return int(counted["n"])
    return dataset.change(f"DELETE {rows}", seconds=_SECONDS, author=author_id)
