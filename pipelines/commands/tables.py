"""``weir tables``: what BigQuery is to hold."""

from typing import Annotated

import typer

from weir.pipelines.bigquery import tables as tables_job
from weir.pipelines.bigquery.retention import keep_days
from weir.pipelines.commands.terminal import console
from weir.pipelines.errors import report_errors
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.settings.bigquery import bigquery_settings


def tables(
    bigquery: BigQueryOptions,
    create_dataset: Annotated[bool, typer.Option(help="Make the dataset if missing.")] = False,
    retention_days: Annotated[
        int | None,
        typer.Option(help="Delete each day's rows when so old."),
    ] = None,
    delete_older: Annotated[
        bool,
        typer.Option("--delete-older", help="Even those that are older already."),
    ] = False,
) -> None:
    """Create the tables and views in BigQuery, or add what an older set lacks.

    What would lose data is refused.
    """
    with report_errors():
        settings = bigquery_settings(bigquery)
        tables_job.create_tables(settings, create_dataset=create_dataset)
        if retention_days is not None:
            keep_days(settings, retention_days, delete_older=delete_older)
    console.print(f"tables and views are ready in {settings.full_name}", markup=False)
