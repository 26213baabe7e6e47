"""``weir fold``: days that are over are made ready to be asked about."""

import json
from datetime import UTC, date, datetime
from typing import Annotated

import typer

from weir.pipelines.bigquery.folding import fold_days, over
from weir.pipelines.commands.terminal import AsJson, console, print_table
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.settings.bigquery import bigquery_settings

_FARTHEST = 3_650


def fold(
    bigquery: BigQueryOptions,
    day: Annotated[
        str | None, typer.Option(help="Fold this day (UTC) now, though rows still come.")
    ] = None,
    back: Annotated[int, typer.Option(help="Look at so many days before today.")] = 31,
    as_json: AsJson = False,
) -> None:
    """Make the labels of days that are over once, so that questions about them read little.

    Give it to a scheduler, every hour or day. A folded day whose tables have changed
    since (a late verdict, a replay, an author forgotten) is read from the tables
    again, and folded anew when it has been the same for two calls. Until the call
    that sees it, rows that a running job adds to a folded day are not in the views.
    """
    with report_errors():
        today = datetime.now(UTC).date()
        days = over(today, _days_back(back)) if day is None else [_past(day, today)]
        looks = fold_days(bigquery_settings(bigquery), days, at_once=day is not None)
    if as_json:
        rows = [
            {"day": look.day.isoformat(), "rows": look.rows, "step": look.step.name.lower()}
            for look in looks
        ]
        typer.echo(json.dumps({"days": rows}))
    elif looks:
        cells = [[look.day.isoformat(), look.rows, look.step.value] for look in looks]
        print_table(None, ["day", "rows", "its labels are"], cells)
    else:
        console.print("no row is of one of these days", markup=False)


def _days_back(back: int) -> int:
    if not 1 <= back <= _FARTHEST:
        raise OptionError(f"--back is {back}; give 1 to {_FARTHEST:,} days")
    return back


def _past(written: str, today: date) -> date:
    try:
        day = date.fromisoformat(written)
    except ValueError:
        raise OptionError(f"--day is {written!r}; give a day such as 2026-03-04") from None
    if day >= today:
        raise OptionError(f"--day {day} is not over; days before {today} (UTC) can be folded")
    return day
