"""The status of local jobs as tables for a terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from weir.transforms.process.live_numbers import BOUNDS_MS

_MOST_PARTITIONS = 8  # those that are furthest behind


def status_view(jobs: Sequence[dict[str, Any]]) -> Group:
    """Return one table for each job, as ``local_jobs`` returns them."""
    if not jobs:
        return Group(Text("no job runs on this machine, in process or on Prism"))
    return Group(*(_table(job) for job in jobs))


def _table(job: dict[str, Any]) -> Table:
    since = datetime.fromtimestamp(job["started"], UTC).isoformat(timespec="seconds")
    title = escape(f"{job['run']}, process {job['pid']}, since {since}")
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_header=False)
    table.add_column("", no_wrap=True, overflow="fold")
    table.add_column("", justify="right", no_wrap=True, overflow="fold")
    if stale := job.get("stale_seconds"):
        table.add_row("OLD NUMBERS: not written since (is the disk full?)", f"{stale:,.0f} s")
    seconds = max(1.0, job["written"] - job["started"])
    for name, count in job["counts"].items():
        table.add_row(name.replace("_", " "), f"{count:,}")
    table.add_row("messages a second, since it began", _rate(job["counts"], seconds))
    for name, value in job["gauges"].items():
        table.add_row(name.replace("_", " "), f"{value:,.0f}")
    table.add_row("lag", f"{job['lag_total']:,}")
    behind = sorted(job["lag"].items(), key=lambda item: -item[1])[:_MOST_PARTITIONS]
    for partition, lag in behind:
        if lag:
            table.add_row(escape(f"  {partition}"), f"{lag:,}")
    for route, latency in sorted(job["latency_ms"].items()):
        at_most = f"{latency_bound(latency['p50'])} / {latency_bound(latency['p99'])}"
        table.add_row(f"post to label, {route}: p50 / p99", at_most)
    for name, version in sorted(job.get("versions", {}).items()):  # an older build has none
        table.add_row(escape(name), version)
    return table


def latency_bound(milliseconds: float | None) -> str:
    """Return what a histogram knows of a time: the bound that it does not exceed."""
    if milliseconds is None:
        return f"over {BOUNDS_MS[-1] / 1000:,.0f} s"
    return f"{milliseconds:g} ms" if milliseconds < 1000 else f"{milliseconds / 1000:,g} s"


def _rate(counts: dict[str, int], seconds: float) -> str:
    return f"{counts.get('messages', 0) / seconds:,.1f}"
