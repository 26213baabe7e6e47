"""``weir screen measure``: what a screen would ask of the judge, before a run."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from weir.pipelines.commands.terminal import AsJson, Policies, console, print_table
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.options.content import DecodeOptions
from weir.pipelines.options.screening import ReadingOptions, ShareOptions
from weir.pipelines.posts import read_posts
from weir.pipelines.replay.forecast import PUBLISHED_RATE
from weir.pipelines.screening.measure import Measured, Part, drawn_posts, measure_requests
from weir.pipelines.screening.remarks import remarks
from weir.pipelines.settings.decoding import decode_settings
from weir.pipelines.settings.screens import screen_source
from weir.pipelines.settings.shares import shares_of
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.screen import STARTER
from weir.transforms.screen.second_stage.screen import ReadingSource


def measure_screen(
    shares: ShareOptions,
    reading: ReadingOptions,
    decoding: DecodeOptions,
    posts: Annotated[
        Path,
        typer.Option(
            help="Posts such as your stream has: CSV, JSON, JSON Lines or Parquet, packed or not."
        ),
    ],
    screen: Annotated[str, typer.Option(help="Folder of a screen.")] = STARTER,
    policies: Policies = str(LIBRARY),
    audit_rate: Annotated[float, typer.Option(help="As the runs have it.")] = 0.01,
    most: Annotated[
        int,
        typer.Option(
            help="Posts to measure, drawn at random from all of the file; the second stage takes "
            "10 ms each."
        ),
    ] = 2000,
    as_json: AsJson = False,
) -> None:
    """Print how many requests the screen would make for 1,000 of your posts.

    Nothing is judged, and nothing leaves the machine. What is found of the violations it cannot
    say: that takes labels (weir screen train) or a run's audits (weir screen audit).
    """
    with report_errors():
        if not 0 <= audit_rate <= 1:
            raise OptionError(f"--audit-rate is {audit_rate}; give a share from 0 to 1")
        source, loaded = screen_source(screen, reading), load_policies(policies)
        open_for = shares_of(shares, audit_rate, source, loaded)
        file = read_posts(posts, decode_settings(decoding))
        shown = Console(stderr=True) if as_json else console
        shown.print(str(file), markup=False, highlight=False, soft_wrap=True)
        texts = drawn_posts("--posts", file, most)
        progress = typer.progressbar(length=len(texts), label="reading posts", file=sys.stderr)
        measured = source.screen()
        with progress as bar:
            found = measure_requests(measured, loaded, texts, open_for, audit_rate, bar.update)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
    else:
        stages = "both stages" if isinstance(source, ReadingSource) else "linear heads alone"
        posts_read = len(file.texts)
        part = f"a sample of {most:,} of the {posts_read:,}" if most < posts_read else "all"
        _show(found, f"By {stages}, on {part} posts of the file.")
    for remark in remarks(found, measured, loaded, open_for):
        shown.print(remark, markup=False, highlight=False, soft_wrap=True)


def _show(found: Measured, by: str) -> None:
    console.print(str(found), markup=False, highlight=False, style="bold")
    console.print(by, markup=False, highlight=False)
    if found.nothing_to_read:
        console.print(f"{found.nothing_to_read:,} have nothing to read and are never judged")
    if found.copies:
        console.print(
            f"{found.copies:,} are copies of others among them, and each is counted here; a run "
            "asks about equal posts once, as far as --cache-mb holds their verdict.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    columns = ["requests per 1,000 posts", "posts untouched"]
    print_table(
        None,
        ["policy", *columns, "a point of recall more"],
        [[*_cells(part), _price(part.point)] for part in found.policies],
    )
    if found.point is not None:
        console.print(
            f"A point of recall more in each of these policies: {found.point:,.0f} requests per "
            f"1,000 posts, {found.point_gpu_seconds:,.1f} seconds of an H100 at the published "
            f"{PUBLISHED_RATE} requests a second.",
            markup=False,
            highlight=False,
        )
    print_table(
        None,
        ["language", "posts", *columns],
        [[name, part.posts, *rest] for part in found.languages for name, *rest in [_cells(part)]],
    )


def _price(point: float | None) -> str:
    return "not known" if point is None else f"+{point:,.1f}"


def _cells(part: Part) -> list[str]:
    return [part.name, f"{part.requests_per_1000:,.0f}", f"{part.untouched:.0%}"]
