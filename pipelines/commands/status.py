"""``weir status``: what the jobs of this machine are doing."""

import json
import time
from contextlib import suppress
from typing import Annotated

import typer
from rich.live import Live

from weir.pipelines.commands.terminal import AsJson, console
from weir.pipelines.errors import report_errors
from weir.pipelines.monitoring.status import local_jobs
from weir.pipelines.monitoring.status_view import status_view


def status(
    as_json: AsJson = False,
    once: Annotated[bool, typer.Option(help="Print once, and end.")] = False,
) -> None:
    """Print what the jobs of this machine are doing, every second, until Ctrl-C.

    Where the output is no terminal it is printed once, as with --once.
    """
    with report_errors():
        if as_json:
            typer.echo(json.dumps(local_jobs(), indent=2))
            return
        if once or not console.is_terminal:
            console.print(status_view(local_jobs()))
            return
        view = Live(status_view(local_jobs()), console=console, auto_refresh=False)
        with suppress(KeyboardInterrupt), view:
            while True:
                time.sleep(1)
                view.update(status_view(local_jobs()), refresh=True)
