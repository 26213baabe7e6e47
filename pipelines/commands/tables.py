"""``weir tables``: what BigQuery is to hold."""

from typing import Annotated

import typer

from weir.pipelines.bigquery import tables as tables_job
from weir.pipelines.bigquery.retention import keep_days
from weir.pipelines.commands.terminal import console
from weir.pipelines.errors import report_errors
from weir.pipelines.options.content import RegistryOptions
from weir.pipelines.options.sinks import BigQueryOptions, TopicOptions
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.pipelines.settings.registry import register, registry_settings


def tables(
    bigquery: BigQueryOptions,
    topics: TopicOptions,
    registry: RegistryOptions,
    create_dataset: Annotated[bool, typer.Option(help="Make the dataset if missing.")] = False,
    retention_days: Annotated[
        int | None,
        typer.Option(help="Delete each day's rows when so old."),
    ] = None,
    delete_older: Annotated[
        bool,
        typer.Option("--delete-older", help="Even those that are older already."),
    ] = False,
    register_schema: Annotated[
        bool,
        typer.Option("--register", help="Register the schema of the flagged topic as well."),
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
        if register_schema:
            subject, number = register(topics, registry_settings(registry))
            console.print(f"{subject} has the schema {number}", markup=False)
    console.print(f"tables and views are ready in {settings.full_name}", markup=False)
