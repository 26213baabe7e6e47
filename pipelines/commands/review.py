"""``weir review``: a sample goes to people, and what they decide comes back."""

import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from weir.pipelines.commands.terminal import AsJson, Policies, console
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.report.period import explain_write_errors, since
from weir.pipelines.reviews.reviews import COLUMNS, Bad, read_reviews, store_reviews
from weir.pipelines.reviews.sample import (
    STRATUM_MOST,
    disagreements,
    sample,
    write_examples,
    write_items,
    write_labels,
    write_sample,
)
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.files import read_file

Run = Annotated[str, typer.Option(help="Name of the run, as its --run.")]
Days = Annotated[int, typer.Option(help="Posts of so many days, today's too; 0: all.")]
OnePolicy = Annotated[str | None, typer.Option(help="This policy only.")]
Out = Annotated[Path, typer.Option(help="File to write.")]


class Form(StrEnum):
    """How a sample is written."""

    CSV = "csv"
    COOP = "coop"


class Lesson(StrEnum):
    """What learns from disagreements."""

    LABELS = "labels"
    EXAMPLES = "examples"


def export_sample(
    bigquery: BigQueryOptions,
    out: Out,
    run: Run = "live",
    days: Days = 7,
    policy: OnePolicy = None,
    per_stratum: Annotated[
        int,
        typer.Option(help="Of each day, policy and kind of verdict."),
    ] = 5,
    form: Annotated[Form, typer.Option(help="CSV, or the items of Coop as JSON.")] = Form.CSV,
    item_type: Annotated[str, typer.Option(help="Coop's id of the type of item.")] = "weir-post",
    blind: Annotated[
        bool, typer.Option("--blind", help="Leave out what the judge says: it sways people.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Also what people decided before.")
    ] = False,
) -> None:
    """Write a stratified sample of verdicts for people to decide.

    The CSV holds no formula that a spreadsheet would run. Write violates or safe in the column
    decision, and give the file to weir review import.
    """
    with report_errors():
        if not 1 <= per_stratum <= STRATUM_MOST:
            raise OptionError(f"--per-stratum is {per_stratum}; give 1 to {STRATUM_MOST}")
        settings = bigquery_settings(bigquery)
        rows = sample(settings, run, since(days), policy, most=per_stratum, again=again)
        if not rows:
            raise OptionError(
                f"The run {run!r} has no verdict to review in these days; give another --run, "
                "--days or --policy, or --again"
            )
        with explain_write_errors(out):
            if form is Form.COOP:
                write_items(out, rows, item_type, blind=blind)
            else:
                write_sample(out, rows, blind=blind)
    console.print(f"{len(rows):,} verdicts to review are in {out}", markup=False)


def import_reviews(
    file: Annotated[Path, typer.Argument(help="CSV of weir review export, with decisions.")],
    bigquery: BigQueryOptions,
    run: Run = "live",
    reviewer: Annotated[str, typer.Option(help="For rows that name none.")] = "",
    as_json: AsJson = False,
) -> None:
    """Store what people decided; the views take their word from then on.

    Rows without a decision are left for later. A row that cannot be used is named with its line,
    and the others are stored all the same; exit code 1 then. The same file may be given again.
    """
    with report_errors():
        content = read_file(file, COLUMNS)
        read = read_reviews(content, reviewer.strip())
        settings = bigquery_settings(bigquery)
        done = store_reviews(settings, run, read.reviews, datetime.now(UTC))
    for warning in content.warnings:
        sys.stderr.write(f"weir: {warning}\n")
    bad = sorted((*read.bad, *done.bad), key=_line)
    for each in bad:
        sys.stderr.write(f"{file}:{each.line}: {each.why}\n")
    if as_json:
        counts = {"stored": done.stored, "undecided": read.undecided, "bad": len(bad)}
        typer.echo(json.dumps(counts))
    else:
        console.print(
            f"{done.stored:,} reviews stored, {read.undecided:,} not decided yet, {len(bad):,} bad",
            markup=False,
        )
    raise typer.Exit(1 if bad else 0)


def _line(bad: Bad) -> int:
    return bad.line


def learn(
    bigquery: BigQueryOptions,
    out: Out,
    what: Annotated[
        Lesson,
        typer.Option(
            "--as", help="labels for weir screen train --labels, or examples.csv of a policy."
        ),
    ] = Lesson.LABELS,
    run: Run = "live",
    days: Days = 28,
    policy: OnePolicy = None,
    policies: Policies = str(LIBRARY),
) -> None:
    """Write the posts on which people contradict the judge, as it should have decided them."""
    with report_errors():
        if what is Lesson.EXAMPLES and policy is None:
            raise OptionError("Examples are of one policy; name it by --policy")
        rules = _rules(policies, policy) if what is Lesson.EXAMPLES and policy else []
        settings = bigquery_settings(bigquery)
        rows = disagreements(settings, run, since(days), policy)
        if not rows:
            raise OptionError(
                f"Nobody contradicts the judge in the run {run!r} in these days, or no text was "
                "kept; give another --run, --days or --policy"
            )
        with explain_write_errors(out):
            if what is Lesson.LABELS:
                count = write_labels(out, rows)
            else:
                count = write_examples(out, rows, rules)
    console.print(f"{count:,} posts are in {out}", markup=False)


def _rules(policies: str, policy_id: str) -> list[str]:
    loaded = load_policies(policies)
    try:
        return list(loaded[policy_id].rules)
    except KeyError:
        known = ", ".join(policy.policy_id for policy in loaded.policies)
        raise OptionError(f"--policy {policy_id!r}: there are {known}") from None
