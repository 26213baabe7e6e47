"""``weir screen audit``: what the screen misses, and whether its certificates still fit."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines.failures import OptionError, reported
from pipelines.missed import export_missed
from pipelines.recall import Audited, audited
from transforms.screen.audit import Estimate
from transforms.write.bigquery import BigQuerySettings

console = Console()


def audit(
    project: Annotated[str, typer.Option(help="Google Cloud project.")],
    dataset: Annotated[str, typer.Option(help="Dataset of the tables.")] = "weir",
    rest: Annotated[str | None, typer.Option(help="REST endpoint of an emulator.")] = None,
    grpc: Annotated[str | None, typer.Option(help="gRPC endpoint of an emulator.")] = None,
    run: Annotated[str, typer.Option(help="Name of the run, as its --run_name.")] = "live",
    days: Annotated[int, typer.Option(help="Posts of so many days, today's too; 0: all.")] = 28,
    policy: Annotated[str | None, typer.Option(help="This policy only.")] = None,
    by_day: Annotated[bool, typer.Option("--by-day", help="Every day by itself.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
    missed: Annotated[
        Path | None,
        typer.Option(help="Write the missed posts that the audit found, as labels to train from."),
    ] = None,
    fail_on_drift: Annotated[
        bool, typer.Option("--fail-on-drift", help="Exit 1 where a certificate no longer fits.")
    ] = False,
) -> None:
    """Estimate what the screen misses, from the random sample of cleared posts that was judged.

    Says for each policy which share of the violations the screen catches, how many it missed, both
    with their 95 % interval, and whether the certified recall still fits the traffic.
    """
    with reported():
        settings = BigQuerySettings(project, dataset, rest_endpoint=rest, grpc_endpoint=grpc)
        since = _since(days)
        found = audited(settings, run, since=since, policy_id=policy, by_day=by_day)
        if not found:
            period = f"of the last {days} days" if days else "at all"
            raise OptionError(
                f"The run {run!r} has no screened posts {period} in {project}.{dataset}; "
                "give another --run, --policy or --days"
            )
        if missed is not None:
            count = _written(settings, run, missed, since, policy)
    if as_json:
        typer.echo(json.dumps([described(each) for each in found], indent=2))
    else:
        console.print(recall_table(found, by_day=by_day))
        console.print(READING, markup=False, highlight=False)
        if missed is not None:
            console.print(f"{count:,} missed posts are in {missed}", markup=False)
    raise typer.Exit(1 if fail_on_drift and any(each.drifted for each in found) else 0)


READING = (
    "Recall and missed are estimated from the audited posts, with 95 % intervals; if all that has "
    "no verdict went against the screen, or for it, recall would be within the bounds."
)


def _since(days: int) -> date | None:
    if days < 0:
        raise OptionError(f"--days is {days}; give a number of days, or 0 for all")
    return datetime.now(UTC).date() - timedelta(days=days - 1) if days else None


def _written(
    settings: BigQuerySettings, run: str, path: Path, since: date | None, policy: str | None
) -> int:
    try:
        return export_missed(settings, run, path, since=since, policy_id=policy)
    except OSError as error:
        raise OptionError(f"--missed {path} cannot be written: {error.strerror}") from error


def described(each: Audited) -> dict[str, Any]:
    """Return all that is known of one policy and screen, as JSON has it."""
    said, drift = each.estimate, each.drift
    return {
        "policy": each.policy_id,
        "screen_version": each.screen_version,
        "first_day": each.first.isoformat(),
        "last_day": each.last.isoformat(),
        "days": each.days,
        "forced": each.forced,
        "sample": asdict(each.sample),
        "recall": asdict(said.recall),
        "recall_lowest": said.lowest,
        "recall_highest": said.highest,
        "missed": asdict(said.missed)
        | {"high": said.missed.high if math.isfinite(said.missed.high) else None},
        "certified": each.certified,
        "drift": each.drifted,
        "p_value": drift.p_value if drift else None,
        "more_audits": drift.more_audits if drift else None,
        "verdict": each.words(),
    }


def recall_table(found: Sequence[Audited], *, by_day: bool = False) -> Table:
    """Return a table with one row for each policy and screen, or for each of their days."""
    table = Table(title="what the screen catches and misses", title_justify="left")
    screens = len({each.screen_version for each in found}) > 1
    for name in (
        "policy",
        *(("screen",) if screens else ()),
        *(("day",) if by_day else ()),
        *("audits", "missed seen", "recall", "bounds", "missed a day", "certified", "certificate"),
    ):
        table.add_column(name, overflow="fold")
    for each in found:
        said, sample = each.estimate, each.sample
        daily = _scaled(said.missed, each.days)
        table.add_row(
            escape(each.policy_id),
            *((escape(each.screen_version),) if screens else ()),
            *((each.first.isoformat(),) if by_day else ()),
            f"{sample.audits_answered:,}",
            f"{sample.missed_seen:,}",
            _percent(said.recall),
            _bounds(said.lowest, said.highest),
            _number(daily),
            "no" if each.certified is None else f"{each.certified:.1%}",
            each.words(),
        )
    return table


def _scaled(estimate: Estimate, days: int) -> Estimate:
    value = None if estimate.value is None else estimate.value / days
    return Estimate(value, estimate.low / days, estimate.high / days)


def _percent(estimate: Estimate) -> str:
    if estimate.value is None:
        return "unknown"
    return f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"


def _bounds(lowest: float | None, highest: float | None) -> str:
    return "" if lowest is None or highest is None else f"{lowest:.1%} to {highest:.1%}"


def _number(estimate: Estimate) -> str:
    if estimate.value is None:
        return "unknown"
    return f"{estimate.value:,.1f} ({estimate.low:,.1f} to {estimate.high:,.1f})"
