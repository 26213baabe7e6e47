"""``weir plan``: what a stream will take, before there is one."""

import json
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from weir.pipelines.capacity.measured import Stream, of_posts, of_run
from weir.pipelines.capacity.page import (
    bounded_line,
    constants_table,
    limits_table,
    parts_table,
    workload_line,
)
from weir.pipelines.capacity.plan import Workload, plan
from weir.pipelines.capacity.saved import read, save
from weir.pipelines.commands.terminal import AsJson, Policies, console, print_table
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.options.content import DecodeOptions
from weir.pipelines.options.screening import ReadingOptions, ShareOptions
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.posts import read_posts
from weir.pipelines.screening.measure import drawn_posts
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.pipelines.settings.decoding import decode_settings
from weir.pipelines.settings.screens import screen_source
from weir.pipelines.settings.shares import shares_of
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.screen import STARTER

_MOST = 2_000
_AUDIT_RATE = 0.01


def plan_stream(
    bigquery: BigQueryOptions,
    shares: ShareOptions,
    reading: ReadingOptions,
    decoding: DecodeOptions,
    posts_per_second: Annotated[float, typer.Option(help="Posts of the stream, on the mean.")],
    post_bytes: Annotated[
        float | None, typer.Option(help="Bytes of a post's text.", show_default="200")
    ] = None,
    policies_asked: Annotated[
        int | None, typer.Option("--policy-count", help="Policies.", show_default="8")
    ] = None,
    asked_per_1000: Annotated[
        float | None,
        typer.Option(help="What the screen asks of the judge for 1,000 posts.", show_default="304"),
    ] = None,
    second_stage: Annotated[
        float | None,
        typer.Option(help="Share of the posts that the encoder reads.", show_default="1"),
    ] = None,
    posts_file: Annotated[
        Path | None,
        typer.Option(help="Posts such as the stream has: measures what the screen asks and takes."),
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="Or a run in BigQuery, which says what it asked for.")
    ] = None,
    run_days: Annotated[int, typer.Option(help="Days of that run.")] = 7,
    screen: Annotated[str, typer.Option(help="Folder of a screen, for --posts-file.")] = STARTER,
    policies: Policies = str(LIBRARY),
    model: Annotated[
        str, typer.Option(help="Who judges; exemplar is the stand-in.")
    ] = "gpt-oss-safeguard-20b",
    card: Annotated[str, typer.Option(help="On which card: h100, h200, a100, l4.")] = "h100",
    days_kept: Annotated[int, typer.Option(help="As weir tables --retention-days.")] = 30,
    record_cleared: Annotated[float, typer.Option(help="As the runs have it, a share.")] = 1.0,
    bounded_posts: Annotated[
        float | None, typer.Option(help="Posts of a run that ends: what it takes in all.")
    ] = None,
    questions: Annotated[float, typer.Option(help="Questions a day, about one day each.")] = 20,
    save_as: Annotated[
        Path | None, typer.Option("--save", help="Keep what was asked as a file.")
    ] = None,
    beside: Annotated[
        list[Path] | None, typer.Option(help="A file of --save, to compare with.")
    ] = None,
    constants: Annotated[
        bool, typer.Option("--constants", help="Print each figure that plans rest on.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print cores, cards, partitions, memory and what BigQuery costs a month.

    Arithmetic on figures whose sources --constants prints; docs/capacity.md has plans
    for 1,000 to 10,000,000 posts a second, and what breaks there.
    """
    with report_errors():
        if posts_file and run:
            raise OptionError("--posts-file and --run both measure the stream; give one of them")
        said = _given(
            post_bytes=post_bytes,
            policies=policies_asked,
            requests_per_1000=asked_per_1000,
            second_stage=second_stage,
        )
        workload = Workload(
            posts_per_second,
            model=model,
            card=card,
            days_kept=days_kept,
            record_cleared=record_cleared,
            questions=questions,
            bounded_posts=bounded_posts,
        )
        stream = None
        if posts_file:
            stream = _of_file(posts_file, screen, policies, shares, reading, decoding)
        elif run:
            since = datetime.now(UTC).date() - timedelta(days=run_days)
            stream = of_run(bigquery_settings(bigquery), run, since)
        measured = _given(**asdict(stream)) if stream else {}
        workload = replace(workload, **(measured | said))
        plans = [("this plan", plan(workload))]
        plans += [(each.name, plan(read(each))) for each in beside or ()]
        if save_as:
            save(workload, save_as)
    if as_json:
        typer.echo(json.dumps({name: made.to_json() for name, made in plans}, indent=2))
        return
    for name, made in plans:
        line = f"{name}: {workload_line(made.workload)}"
        console.print(line, markup=False, highlight=False)
        if made.bounded:
            line = f"{name}: {bounded_line(made.bounded)}"
            console.print(line, markup=False, highlight=False)
    _print(*parts_table(plans))
    _print(*limits_table(plans[0][1]), title="what each part bears")
    if constants:
        _print(*constants_table())


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _print(head: Any, rows: Any, title: str | None = None) -> None:
    print_table(title, head, [[escape(cell) for cell in row] for row in rows])


def _of_file(
    path: Path,
    screen: str,
    policies: str,
    shares: ShareOptions,
    reading: ReadingOptions,
    decoding: DecodeOptions,
) -> Stream:
    source, loaded = screen_source(screen, reading), load_policies(policies)
    open_for = shares_of(shares, _AUDIT_RATE, source, loaded)
    file = read_posts(path, decode_settings(decoding))
    sys.stderr.write(f"weir: {file}\n")
    texts = drawn_posts("--posts-file", file, _MOST)
    with typer.progressbar(length=len(texts), label="reading posts", file=sys.stderr) as bar:
        return of_posts(source.screen(), loaded, texts, open_for, _AUDIT_RATE, bar.update)
