"""``weir screen audit``: what the screen misses, and whether its certificates still fit."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from weir.pipelines.commands.terminal import AsJson, console, print_table
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.screening.missed_violations import export_missed
from weir.pipelines.screening.recall import Audited, added_up, audit_days
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.transforms.screen.live_recall import Estimate
from weir.transforms.write.bigquery.sink import BigQuerySettings


def audit(
    bigquery: BigQueryOptions,
    run: Annotated[str, typer.Option(help="Name of the run, as its --run.")] = "live",
    days: Annotated[int, typer.Option(help="Posts of so many days, today's too; 0: all.")] = 28,
    policy: Annotated[str | None, typer.Option(help="This policy only.")] = None,
    by_day: Annotated[bool, typer.Option("--by-day", help="Every day by itself.")] = False,
    as_json: AsJson = False,
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
    with their 95 % interval, and whether the certified recall still fits the traffic. "At least" is
    the live certificate: of what the judge calls violating, so much was escalated in these days,
    with 95 % confidence however often it is asked.
    """
    with report_errors():
        settings = bigquery_settings(bigquery)
        since = _since(days)
        days_of_each = audit_days(settings, run, since=since, policy_id=policy)
        if not days_of_each:
            period = f"of the last {days} days" if days else "at all"
            raise OptionError(
                f"The run {run!r} has no screened posts {period} in "
                f"{settings.full_name}; give another --run, --policy or --days"
            )
        count = None if missed is None else _written(settings, run, missed, since, policy)
    found = added_up(days_of_each)
    if as_json:
        shown = days_of_each if by_day else found
        typer.echo(json.dumps([describe(each) for each in shown], indent=2))
    else:
        print_audited(found, days_of_each if by_day else ())
        if count is not None:
            console.print(f"\n{count:,} missed posts are in {missed}", markup=False)
    raise typer.Exit(1 if fail_on_drift and any(each.drifted for each in found) else 0)


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


def describe(each: Audited) -> dict[str, Any]:
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
        "live_certificate": asdict(live) if (live := each.live_certificate) else None,
        "verdict": each.words(),
    }


def print_audited(found: Sequence[Audited], days: Sequence[Audited] = ()) -> None:
    """Print a table of the policies, or of their days where there are any, and what it means."""
    _print_estimates(days or found, by_day=bool(days))
    console.print("Estimated from the audited posts, with 95 % intervals.", highlight=False)
    console.print(
        "At least: of what the judge calls violating, so much was escalated in these days; 95 % "
        "confidence, however often you look.",
        highlight=False,
        soft_wrap=True,
    )
    for each in found:
        console.print(
            f"  {_name(each, found)}: {each.words()}", markup=False, highlight=False, soft_wrap=True
        )
        unanswered, said = each.sample.unanswered, each.estimate
        if said.lowest is not None and said.highest is not None and said.lowest < said.highest:
            console.print(
                f"    {unanswered:,} posts have no usable verdict: whatever they are, the recall "
                f"estimated is from {said.lowest:.1%} to {said.highest:.1%}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )


def _name(each: Audited, among: Sequence[Audited]) -> str:
    """Return the policy, and the screen where there are several."""
    several = len({other.screen_version for other in among}) > 1
    return f"{each.policy_id} ({each.screen_version})" if several else each.policy_id


def _print_estimates(found: Sequence[Audited], *, by_day: bool) -> None:
    day = ["day"] if by_day else []
    estimates = ["recall", "from-to", "missed a day", "from-to"]
    certified = ["at least", *([] if by_day else ["certified"])]
    print_table(
        "what the screen catches and misses",
        ["policy", *day, "audits", "seen", *estimates, *certified],
        [
            [
                escape(_name(each, found)),
                *((each.first.isoformat(),) if by_day else ()),
                each.sample.audits_answered,
                each.sample.missed_seen,
                *_cells(each.estimate.recall, _share),
                *_cells(_scaled(each.estimate.missed, each.days), _number),
                "unknown" if (live := each.live_certificate) is None else _share(live.recall),
                *(() if by_day else ("no" if each.certified is None else f"{each.certified:.1%}",)),
            ]
            for each in found
        ],
    )


def _scaled(estimate: Estimate, days: int) -> Estimate:
    value = None if estimate.value is None else estimate.value / days
    return Estimate(value, estimate.low / days, estimate.high / days)


def _cells(estimate: Estimate, form: Callable[[float], str]) -> tuple[str, str]:
    """Return the value and the interval as they stand in the table."""
    if estimate.value is None:
        return "unknown", ""
    low, high = form(estimate.low), form(estimate.high)
    return form(estimate.value), f"{low.removesuffix('%')}-{high}"


def _share(share: float) -> str:
    return f"{100 * share:.1f}%"


def _number(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}"
