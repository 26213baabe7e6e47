"""``weir transparency``: decisions as a regulator takes them."""

import json
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from weir.pipelines.bigquery.salts import kept_salt
from weir.pipelines.commands.terminal import AsJson, Policies, console, print_table
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.report.period import explain_write_errors
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.pipelines.transparency.decisions import Days, decisions
from weir.pipelines.transparency.export import reasons, state, write_export
from weir.pipelines.transparency.validator import Fault, batch_faults
from weir.pipelines.transparency.yearly import counted
from weir.policies.grounds import Grounds, GroundsError, parse_grounds
from weir.policies.loading import LIBRARY, load_policies

Run = Annotated[str, typer.Option(help="Name of the run, as its --run.")]
Contractual = Annotated[
    str | None, typer.Option(help="Where a policy names no ground: your terms.")
]
Action = Annotated[
    str | None,
    typer.Option(help="Where a policy names none: removed, disabled, demoted, labelled, ..."),
]


def export(
    bigquery: BigQueryOptions,
    since: Annotated[str, typer.Option(metavar="DATE", help="First day, in UTC.")],
    until: Annotated[str, typer.Option(metavar="DATE", help="Last day.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    run: Run = "live",
    policies: Policies = str(LIBRARY),
    contractual: Contractual = None,
    action: Action = None,
    territory: Annotated[
        str | None,
        typer.Option(help="Where a policy names none: EU, EEA, or codes such as DE,FR."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the decisions of some days as statements of reasons of the DSA Transparency Database.

    Each file is the body of one request of its API, version 2, with 100 statements at most; nothing
    is sent. No word of a post is in it. What cannot be stated is in held-back.csv with the reason,
    and the exit code is 1 then; puids.csv says which decision an identifier is, and stays with you.
    For example: weir transparency export --since 2026-11-01 --until 2026-11-30 --out statements
    --contractual "Terms, 4.2" --action removed --territory EU --bigquery-project P
    """
    with report_errors():
        usual = _usual(contractual=contractual, action=action, territory=territory)
        days = _days(since, until)
        settings = bigquery_settings(bigquery)
        loaded = load_policies(policies)
        found = decisions(settings, run, days)
        if not found:
            raise OptionError(
                f"The run {run!r} restricted nothing from {days.first} to {days.last} in "
                f"{settings.full_name}; give another --run, --since or --until"
            )
        stated, held = state(found, loaded, usual, kept_salt(settings, "statements"))
        with explain_write_errors(out):
            batches = write_export(out, stated, held)
    if as_json:
        counts = {"statements": len(stated), "batches": batches, "held_back": len(held)}
        typer.echo(json.dumps(counts))
    else:
        console.print(
            f"{len(stated):,} statements in {batches:,} files are in {out}, "
            f"{len(held):,} decisions held back",
            markup=False,
        )
        if held:
            print_table(None, ["policy", "held back because", "decisions"], reasons(held))
    raise typer.Exit(1 if held else 0)


def report(
    bigquery: BigQueryOptions,
    since: Annotated[str, typer.Option(metavar="DATE", help="First day, in UTC.")],
    until: Annotated[str, typer.Option(metavar="DATE", help="Last day.")],
    run: Run = "live",
    policies: Policies = str(LIBRARY),
    contractual: Contractual = None,
    action: Action = None,
) -> None:
    """Print the counts of a transparency report as JSON: a year's, or any other days'.

    Those of the Santa Clara Principles, and those of the DSA's templates for what a provider does
    on its own initiative, for complaints, and for the errors of automated means. What Weir cannot
    count is named. For example: weir transparency report --since 2026-01-01 --until 2026-12-31
    --bigquery-project P
    """
    with report_errors():
        usual = _usual(contractual=contractual, action=action)
        days = _days(since, until)
        settings = bigquery_settings(bigquery)
        found = counted(settings, run, days, load_policies(policies), usual)
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False))


def check(
    files: Annotated[list[Path], typer.Argument(help="Bodies of requests, as JSON.")],
) -> None:
    """Say what the DSA Transparency Database would refuse in files of statements.

    Exit 0 where it is nothing, 1 where it is something. No value of a statement is printed. For
    example: weir transparency check statements/*.json
    """
    bad = 0
    with report_errors():
        for path in files:
            for place, fault in _faults(path):
                bad += 1
                where = "" if place is None else f" statement {place}:"
                typer.echo(f"{path}:{where} {fault.attribute} {fault.why}")
    if not bad:
        typer.echo(f"{len(files):,} files hold nothing that would be refused")
    raise typer.Exit(1 if bad else 0)


def _faults(path: Path) -> list[tuple[int | None, Fault]]:
    try:
        return batch_faults(json.loads(path.read_bytes()))
    except (ValueError, RecursionError):
        return [(None, Fault("the file", "is no JSON"))]


def _usual(**written: str | None) -> Grounds:
    try:
        return parse_grounds({name: said for name, said in written.items() if said})
    except GroundsError as error:
        raise OptionError(f"--{error}") from error


def _days(since: str, until: str) -> Days:
    first, last = _day("--since", since), _day("--until", until)
    if last < first:
        raise OptionError(f"--until {until} is before --since {since}")
    return Days(first, last)


def _day(option: str, written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise OptionError(f"{option} {written!r}: give a date such as 2026-03-04") from None
