"""``weir run`` and ``weir replay``: jobs that take every option of Beam's, too."""

import typer

from weir.pipelines.commands import replay as replay_job
from weir.pipelines.job import moderate


def run(context: typer.Context) -> None:
    """Moderate Kafka topics, on any Beam runner."""
    raise typer.Exit(moderate.main(context.args))


def replay(context: typer.Context) -> None:
    """Decide a slice of history anew, under a run name of its own."""
    raise typer.Exit(replay_job.main(context.args))
