"""``weir report``: some days of a run as one page that asks for nothing."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from weir.pipelines.commands.terminal import console
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.report.figures import figures
from weir.pipelines.report.page import page
from weir.pipelines.report.period import explain_write_errors, since
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.transforms.records import Mode


def report(
    bigquery: BigQueryOptions,
    out: Annotated[Path, typer.Option(help="HTML file to write.")],
    run: Annotated[str, typer.Option(help="Name of the run, as its --run.")] = "live",
    mode: Annotated[Mode, typer.Option(help="What its verdicts are for.")] = Mode.ENFORCE,
    days: Annotated[int, typer.Option(help="Posts of so many days, today's too; 0: all.")] = 7,
    hide_text: Annotated[
        bool, typer.Option("--hide-text", help="Leave out what posts say.")
    ] = False,
) -> None:
    """Write some days of a run as one HTML page: what came in, what was found, and how sure it is.

    The page holds no script and loads nothing; a switch on it hides what posts say.
    """
    with report_errors():
        settings = bigquery_settings(bigquery)
        found = figures(settings, run, since(days), mode.value)
        if found is None:
            raise OptionError(
                f"The run {run!r} has no posts in these days in "
                f"{settings.full_name}; give another --run, --mode or --days"
            )
        content = page(found, datetime.now(UTC), texts=not hide_text)
        with explain_write_errors(out):
            out.write_text(content, "utf-8")
    console.print(f"the report is in {out}", markup=False)
