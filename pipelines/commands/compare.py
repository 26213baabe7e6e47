"""``weir compare``: what two runs or policy versions decide differently."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from weir.pipelines.commands.compare_view import print_comparison
from weir.pipelines.commands.terminal import AsJson, console
from weir.pipelines.compare.as_json import describe
from weir.pipelines.compare.rows import MOST_FLIPS, Compared, compare_sides
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.settings.bigquery import bigquery_settings


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A run, a policy version, or RUN@VERSION.")],
    bigquery: BigQueryOptions,
    b: Annotated[str, typer.Argument(metavar="[B]", help="The same; default: live.")] = "live",
    since: Annotated[
        str | None,
        typer.Option("--from", help="Posts from then on (UTC). Default: the days that both have."),
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Posts before then (UTC).")] = None,
    policy: Annotated[str | None, typer.Option(help="This policy only.")] = None,
    show: Annotated[int, typer.Option(help="Flipped posts to show; 0: all.")] = 20,
    as_json: AsJson = False,
    html: Annotated[Path | None, typer.Option(help="Write a page to this file.")] = None,
) -> None:
    """Compare what two runs, or two policy versions, decided of the same posts.

    Says how often they agree and which posts only one of them flags, with 95 % intervals, by
    policy, category, language, length and score, whether chance explains it, and what both cost.
    """
    with report_errors():
        if show < 0:
            raise OptionError(f"--show is {show}; give a number of posts, or 0 for all")
        if html and (html.is_dir() or not html.absolute().parent.is_dir()):
            raise OptionError(f"--html {html}: name a file in a folder that exists")
        found = compare_sides(
            bigquery_settings(bigquery),
            a,
            b,
            since=_time("--from", since),
            until=_time("--to", until),
            policy_id=policy,
            most=show or MOST_FLIPS,
        )
        if html:
            _write_page(html, found)
    if as_json:
        typer.echo(json.dumps(describe(found), indent=2, ensure_ascii=False))
    elif html:
        console.print(f"the comparison is in {html}", markup=False)
    else:
        print_comparison(found)


def _write_page(path: Path, found: Compared) -> None:
    from weir.pipelines.compare.page import page

    try:
        path.write_text(page(found), "utf-8")
    except OSError as error:
        raise OptionError(f"--html {path} cannot be written: {error.strerror}") from error


def _time(option: str, given: str | None) -> datetime | None:
    """Return a day or a time, of UTC unless it names another zone."""
    if given is None:
        return None
    try:
        time = datetime.fromisoformat(given)
    except ValueError as error:
        raise OptionError(
            f"{option} is {given!r}; write a day or a time, such as 2026-03-04 or 2026-03-04T12:00"
        ) from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
