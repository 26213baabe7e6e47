"""``weir tables``: what BigQuery is to hold."""

from typing import Annotated

import typer

from weir.pipelines.bigquery import tables as tables_job
from weir.pipelines.bigquery.retention import keep_days
from weir.pipelines.commands.terminal import console
from weir.pipelines.errors import reported
from weir.transforms.write.bigquery.sink import BigQuerySettings


def tables(
    project: Annotated[str, typer.Option(help="Google Cloud project.")],
    dataset: Annotated[str, typer.Option(help="Dataset of the tables.")] = "weir",
    create_dataset: Annotated[bool, typer.Option(help="Make the dataset if missing.")] = False,
    rest: Annotated[str | None, typer.Option(help="REST endpoint of an emulator.")] = None,
    grpc: Annotated[str | None, typer.Option(help="gRPC endpoint of an emulator.")] = None,
    retention_days: Annotated[
        int | None,
        typer.Option(
            "--retention_days", "--retention-days", help="Delete each day's rows when so old."
        ),
    ] = None,
    delete_older: Annotated[
        bool,
        typer.Option("--delete_older", "--delete-older", help="Even those that are older already."),
    ] = False,
) -> None:
    """Create the tables and views in BigQuery, or add what an older set lacks.

    What would lose data is refused.
    """
    with reported():
        settings = BigQuerySettings(project, dataset, rest_endpoint=rest, grpc_endpoint=grpc)
        tables_job.create_tables(settings, create_dataset=create_dataset)
        if retention_days is not None:
            keep_days(settings, retention_days, delete_older=delete_older)
    console.print(f"tables and views are ready in {project}.{dataset}", markup=False)
