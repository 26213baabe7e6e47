"""``weir console``: the web pages of people who moderate."""

import hashlib
import json
import secrets
from pathlib import Path
from typing import Annotated

import typer

from weir.pipelines.commands.terminal import Policies, console, terminable
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.options.command_line import CONFIG
from weir.pipelines.options.file import ConfigFile
from weir.pipelines.options.judging import EndpointOptions, JudgeOptions, refuse_those_of_others
from weir.pipelines.options.screening import require_run_name
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.options.source import KafkaOptions
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.pipelines.settings.engines import EngineLater
from weir.pipelines.settings.kafka import kafka_settings
from weir.policies.loading import LIBRARY
from weir.policies.storage import is_remote


def serve_console(
    bigquery: BigQueryOptions,
    kafka: KafkaOptions,
    judge: JudgeOptions,
    endpoint: EndpointOptions,
    policies: Policies = str(LIBRARY),
    run: Annotated[str, typer.Option(help="The run that pages begin with.")] = "live",
    days: Annotated[
        int, typer.Option(help="Pages begin with posts of so many days, today's too.", min=1)
    ] = 7,
    topics: Annotated[
        str, typer.Option(metavar="T,...", help="Topics that dead letters may go back to.")
    ] = "",
    dead_letter_topic: Annotated[
        str, typer.Option(metavar="T", help="Where dead letters are.")
    ] = "weir-dead-letters",
    deferred_topic: Annotated[
        str, typer.Option(metavar="T", help="Where what was over a budget is.")
    ] = "weir-deferred",
    flagged_topic: Annotated[
        str, typer.Option(metavar="T", help="Where violations are.")
    ] = "weir-flagged",
    job: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The file of the live job (weir run --config), whose settings replays begin with.",
        ),
    ] = None,
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
    with report_errors():
        from weir.pipelines.console.access import OnLoopback
        from weir.pipelines.console.access_reloaded import Reloaded
        from weir.pipelines.console.server import address_of, listen, serve
        from weir.pipelines.console.setup import Setup

        require_run_name(run)
        refuse_those_of_others(judge, endpoint)
        setup = Setup(
            bigquery=bigquery_settings(bigquery),
            access=Reloaded(access) if access else OnLoopback(),
            kafka=kafka_settings(kafka) if kafka.brokers else None,
            policies=_folder(policies),
            run=run,
            days=days,
            topics=tuple(each.strip() for each in topics.split(",") if each.strip()),
            dead_letter_topic=dead_letter_topic,
            deferred_topic=deferred_topic,
            flagged_topic=flagged_topic,
            engine=EngineLater(judge, endpoint, policies),
            job=(*_file_of(job), *judge.arguments, *endpoint.arguments),
            max_bytes=int(max_gb * (1 << 30)),
            read_only=read_only,
        )
        with listen(setup, host, port) as listening, terminable():
            console.print(f"The console is at {address_of(listening)}", markup=False)
            serve(setup, listening)


def _file_of(job: Path | None) -> list[str]:
    """Return the option that names the file of the live job; OptionError where it is wrong."""
    if job is None:
        return []
    ConfigFile.read(str(job))
    return [f"{CONFIG}={job.resolve()}"]


def _folder(policies: str) -> str:
    """Return the folder of policies, whatever is in it: what is wrong there is mended here."""
    if not is_remote(policies) and not Path(policies).is_dir():
        raise OptionError(f"--policies {policies} is no folder")
    return policies


def _print_token(name: str) -> None:
    with report_errors():
        if not name.strip() or not name.isprintable():
            raise OptionError("--new-token needs the name of a person")
    token = secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).hexdigest()
    typer.echo(f"token for {name}, shown once: {token}\n")
    typer.echo("In the file of --access, below people:")
    quoted = json.dumps(name, ensure_ascii=False)  # which YAML reads too
    typer.echo(f'  - name: {quoted}\n    role: reviewer\n    token_sha256: "{digest}"')
