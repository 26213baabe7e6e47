"""``weir redrive``: dead letters go back to where they came from."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from weir.pipelines import redrive as redrive_job
from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.bigquery.errors import TablesError
from weir.pipelines.commands.terminal import AsJson, console
from weir.pipelines.errors import report_errors
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.options.source import KafkaOptions
from weir.pipelines.sent_letters import sendings, settle
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.pipelines.settings.kafka import kafka_settings
from weir.transforms.dead_letters import MOST_ATTEMPTS
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.write.bigquery.sink import BigQuerySettings


def redrive(
    kafka: KafkaOptions,
    bigquery: BigQueryOptions,
    topics: Annotated[
        str, typer.Option(help="Topics that letters may go back to: those that the run reads.")
    ],
    dead_letter_topic: Annotated[str, typer.Option(help="Where they are.")] = "weir-dead-letters",
    max_attempts: Annotated[
        int, typer.Option(help="Leave what failed this often.", min=1, max=MOST_ATTEMPTS)
    ] = 5,
    limit: Annotated[int | None, typer.Option(help="Stop after this many.")] = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="From the first letter on, those that were sent before among them."
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send dead letters back to the topics they came from, byte for byte.

    What cannot be sent is counted, with the reason, and stays in the dead-letter topic. A call
    goes on where the last one that sent anything ended. With --bigquery-project, letters that were
    sent through the console are left. Exit code 1 where every letter was left.
    """
    with report_errors():
        settings = kafka_settings(kafka)
        back_to = [topic.strip() for topic in topics.split(",") if topic.strip()]
        chosen: Mapping[str, str] = {}
        if bigquery.project and not again:
            chosen = _chosen(bigquery_settings(bigquery), settings, store=not dry_run)
        report = redrive_job.redrive(
            settings,
            dead_letter_topic,
            back_to,
            chosen=chosen,
            max_attempts=max_attempts,
            limit=limit,
            dry_run=dry_run,
            again=again,
        )
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    else:
        console.print(str(report), markup=False)
        if report.redriven and not bigquery.project:
            console.print(
                "What was sent through the console was not looked up: --bigquery-project names "
                "the dataset that has it",
                markup=False,
            )
    raise typer.Exit(1 if report.all_left else 0)


def _chosen(bigquery: BigQuerySettings, kafka: KafkaSettings, *, store: bool) -> dict[str, str]:
    """Return by decision id what the letters that the console sent, or may have, are counted as.

    RedriveError where somebody may be sending some: to go past those could lose them.
    """
    now = datetime.now(UTC)
    try:
        with open_dataset(bigquery) as dataset:
            found = settle(dataset, kafka, sendings(dataset, now), now, store=store)
    except TablesError as error:
        raise redrive_job.RedriveError(
            f"{error} It says which letters the console has sent; without --bigquery-project they "
            "are sent once more"
        ) from error
    for each in found:
        if not (each.ended or each.looked):
            raise redrive_job.RedriveError(
                f"Nothing was sent: {each.said}. Without --bigquery-project, all that the console "
                "sent is sent once more"
            )
        if not each.ended:
            typer.echo(f"{each.said}.", err=True)
    return {
        letter: "chosen" if each.ended else "unknown"
        for each in reversed(found)
        for letter in each.letters
    }
