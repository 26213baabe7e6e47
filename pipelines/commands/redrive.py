"""``weir redrive``: dead letters go back to where they came from."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from weir.pipelines import redrive as redrive_job
from weir.pipelines.commands.terminal import AsJson, console
from weir.pipelines.errors import report_errors
from weir.pipelines.options.source import KafkaOptions
from weir.pipelines.settings.kafka import kafka_settings
from weir.transforms.dead_letters import MOST_ATTEMPTS


def redrive(
    kafka: KafkaOptions,
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
    goes on where the last one that sent anything ended. Exit code 1 where every letter was left.
    """
    with report_errors():
        report = redrive_job.redrive(
            kafka_settings(kafka),
            dead_letter_topic,
            [topic.strip() for topic in topics.split(",") if topic.strip()],
            max_attempts=max_attempts,
            limit=limit,
            dry_run=dry_run,
            again=again,
        )
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    else:
        console.print(str(report), markup=False)
    raise typer.Exit(1 if report.all_left else 0)
