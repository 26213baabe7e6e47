"""``weir coop``: what is flagged goes to Coop, and what its moderators decide comes back."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from weir.pipelines.commands.terminal import console
from weir.pipelines.coop import push as pushing
from weir.pipelines.coop.client import Coop, CoopError
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.options.source import KafkaOptions
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.pipelines.settings.kafka import kafka_settings
from weir.transforms.secret import COOP_KEY, secret


def push(
    kafka: KafkaOptions,
    coop_url: Annotated[str, typer.Option(metavar="URL", help="Of Coop's API.")],
    item_type: Annotated[str, typer.Option(help="Coop's id of the type of item.")] = "weir-post",
    flagged_topic: Annotated[str, typer.Option(help="Where violations are.")] = "weir-flagged",
    refused_topic: Annotated[
        str, typer.Option(help="Where what Coop refuses goes.")
    ] = "weir-coop-refused",
    to_end: Annotated[
        bool, typer.Option("--to-end", help="End once nothing more is there.")
    ] = False,
) -> None:
    """Push violations to Coop as they are flagged, for its moderators.

    The key is read from $WEIR_COOP_KEY. A Coop that is away, or asked too often, is waited for.
    What it refuses goes to --refused-topic with the reason; mend that, and give the topic as
    --flagged-topic to send it again. Prints what was done as JSON when it ends. For example:
    weir coop push --brokers HOST:9092 --coop-url https://coop.example --flagged-topic weir-flagged
    """
    with report_errors():
        key = secret(COOP_KEY)
        if key is None:
            raise CoopError(f"the key of Coop's API is missing: set ${COOP_KEY}")
        if refused_topic == flagged_topic:
            refused_topic = f"{flagged_topic}-again"
        coop = Coop(coop_url, key)
        done = pushing.push(
            kafka_settings(kafka), flagged_topic, refused_topic, coop, item_type, to_end=to_end
        )
    typer.echo(json.dumps(asdict(done)))


def receive(
    bigquery: BigQueryOptions,
    coop_public_key: Annotated[
        Path, typer.Option(metavar="FILE", help="Coop's key of webhook signatures, in PEM.")
    ],
    violates: Annotated[
        str, typer.Option(metavar="ID,...", help="Actions of Coop that say: it violates.")
    ] = "",
    safe: Annotated[
        str, typer.Option(metavar="ID,...", help="Actions of Coop that say: it does not.")
    ] = "",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65_535)] = 8787,
) -> None:
    """Receive Coop's callbacks: POST /actions and POST /appeals.

    Each has to be signed by Coop, and is stored once. A moderator's action is a review, an appeal's
    decision that of a complaint; an action that a rule took is left out. It speaks plain HTTP on
    loopback: put whatever ends TLS for you before it. For example: weir coop receive --violates
    remove,warn --safe keep --coop-public-key coop.pem --bigquery-project P
    """
    from weir.pipelines.coop.callbacks import public_key, read_action, read_appeal
    from weir.pipelines.coop.server import serving
    from weir.pipelines.coop.stored import store_action, store_appeal

    with report_errors():
        verdicts = {
            each.strip(): verdict
            for verdict, ids in (("violates", violates), ("safe", safe))
            for each in ids.split(",")
            if each.strip()
        }
        if not verdicts:
            raise OptionError("Name Coop's actions by --violates and --safe")
        settings = bigquery_settings(bigquery)
        key = public_key(coop_public_key)
        stores = {
            "/actions": lambda body: store_action(settings, read_action(body, verdicts)),
            "/appeals": lambda body: store_appeal(settings, read_appeal(body)),
        }
        with serving(host, port, key, stores) as server:
            console.print(f"listening on {host}:{server.server_port}", markup=False)
            server.serve_forever()
