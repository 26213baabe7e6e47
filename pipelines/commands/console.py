"""``weir console``: the web pages of people who moderate."""

import hashlib
import secrets
from pathlib import Path
from typing import Annotated

import typer

from weir.pipelines.commands.terminal import Policies, console
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.options.judging import EndpointOptions, JudgeOptions
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.options.source import KafkaOptions
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.pipelines.settings.engines import engine_factory
from weir.pipelines.settings.kafka import kafka_settings
from weir.policies.loading import LIBRARY, load_policies


def serve_console(
    bigquery: BigQueryOptions,
    kafka: KafkaOptions,
    judge: JudgeOptions,
    endpoint: EndpointOptions,
    policies: Policies = str(LIBRARY),
    run: Annotated[str, typer.Option(help="The run that pages begin with.")] = "live",
    topics: Annotated[
        str, typer.Option(metavar="T,...", help="Topics that dead letters may go back to.")
    ] = "",
    dead_letter_topic: Annotated[
        str, typer.Option(metavar="T", help="Where dead letters are.")
    ] = "weir-dead-letters",
    flagged_topic: Annotated[
        str, typer.Option(metavar="T", help="Where violations are.")
    ] = "weir-flagged",
    access: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Who may do what, in YAML: people with their roles and the SHA-256 of their "
            "tokens, or those whom a proxy signs in. Without it, who reaches loopback may do all.",
        ),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Nobody changes anything.")
    ] = False,
    max_gb: Annotated[
        float,
        typer.Option(help="A question that BigQuery would bill for more GiB is refused.", min=0.01),
    ] = 10.0,
    host: Annotated[
        str, typer.Option(help="Address to listen on; another than loopback needs --access.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65_535)] = 8766,
    new_token: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Print a new token, and its lines for --access; then end."
        ),
    ] = None,
) -> None:
    """Serve the console: see the stream, review posts, try policies, explain a decision.

    It keeps nothing of its own: what is shown and stored is in BigQuery, in the topics and in the
    folder of policies. It speaks plain HTTP: elsewhere than on loopback put what ends TLS before
    it. For example: weir console --bigquery-project P --brokers HOST:9092 --policies policies
    """
    if new_token is not None:
        _print_token(new_token)
        return
    from weir.pipelines.console.access import OnLoopback, read_access
    from weir.pipelines.console.server import address_of, listen, server
    from weir.pipelines.console.setup import Setup

    with report_errors():
        setup = Setup(
            bigquery=bigquery_settings(bigquery),
            access=read_access(access) if access else OnLoopback(),
            kafka=kafka_settings(kafka) if kafka.brokers else None,
            policies=policies,
            run=run,
            topics=tuple(each.strip() for each in topics.split(",") if each.strip()),
            dead_letter_topic=dead_letter_topic,
            flagged_topic=flagged_topic,
            engine=engine_factory(judge, endpoint, load_policies(policies)),
            max_bytes=int(max_gb * (1 << 30)),
            read_only=read_only,
        )
        with listen(setup, host, port) as listening:
            console.print(f"the console is at {address_of(listening)}", markup=False)
            server(setup).run([listening])


def _print_token(name: str) -> None:
    token = secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).hexdigest()
    with report_errors():
        if not name.strip() or not name.isprintable():
            raise OptionError("--new-token needs the name of a person")
    typer.echo(f"token for {name}, shown once: {token}\n")
    typer.echo("In the file of --access, below people:")
    typer.echo(f"  - name: {name}\n    role: reviewer\n    token_sha256: {digest}")
