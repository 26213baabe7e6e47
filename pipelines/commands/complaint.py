"""``weir complaint``: complaints about decisions, and what became of them."""

import json
from datetime import UTC, date, datetime
from typing import Annotated

import typer

from weir.pipelines.commands.terminal import AsJson, console, print_table
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.reviews.complaints import Asked, Outcome, decide, outcomes, receive
from weir.pipelines.settings.bigquery import bigquery_settings

Run = Annotated[str, typer.Option(help="Name of the run, as its --run.")]


def open_complaint(
    bigquery: BigQueryOptions,
    decision_id: Annotated[
        str, typer.Argument(metavar="DECISION_ID", help="As it stands on the flagged message.")
    ],
    run: Run = "live",
    policy: Annotated[
        str | None, typer.Option(help="Where the decision is on several policies.")
    ] = None,
    day: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Day of the post: BigQuery then reads no other."),
    ] = None,
    reference: Annotated[
        str, typer.Option(help="Your own number of the complaint, if there may be several.")
    ] = "",
    received: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it came, ISO 8601.", show_default="now")
    ] = None,
    late: Annotated[bool, typer.Option("--late", help="Take it after the six months.")] = False,
) -> None:
    """Record a complaint about a decision, and print its id.

    Complaints are taken for six months after a decision. The same one again gets the same id, and
    changes nothing. What it says is not stored. For example: weir complaint open DECISION_ID --run
    live --reference T-1042 --bigquery-project P
    """
    with report_errors():
        asked = Asked(run, decision_id, policy, _day(day))
        at = _time(received)
        said = receive(bigquery_settings(bigquery), asked, reference, at, late=late)
    typer.echo(said)


def decide_complaint(
    bigquery: BigQueryOptions,
    complaint_id: Annotated[str, typer.Argument(metavar="COMPLAINT_ID")],
    outcome: Annotated[Outcome, typer.Option(help="upheld: the decision stands.")],
    reviewer: Annotated[
        str | None, typer.Option(help="The person who decided, as the team names reviewers.")
    ] = None,
    automated: Annotated[
        bool, typer.Option("--automated", help="Nobody did: a program decided.")
    ] = False,
) -> None:
    """Record what a complaint came to, and who decided.

    A person's word counts in every view from then on. The DSA wants complaints decided by more than
    automated means; those that were not are counted apart. For example: weir complaint decide
    COMPLAINT_ID --outcome overturned --reviewer ada --bigquery-project P
    """
    with report_errors():
        who = (reviewer or "").strip()
        if bool(who) == automated:
            raise OptionError("Give one of --reviewer and --automated: who decided is counted")
        settings = bigquery_settings(bigquery)
        before = decide(settings, complaint_id, outcome, who or None, datetime.now(UTC))
    console.print(f"{outcome.value}; before: {before['state']}", markup=False)


def list_complaints(
    bigquery: BigQueryOptions,
    run: Run = "live",
    state: Annotated[
        str, typer.Option(metavar="S", help="open, upheld or overturned.", show_default="all")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List complaints, the earliest first.

    For example: weir complaint list --state open --bigquery-project P
    """
    with report_errors():
        if state not in ("", "open", *Outcome):
            raise OptionError(f"--state {state!r}: give open, upheld or overturned")
        found = outcomes(bigquery_settings(bigquery), run=run, state=state)
    if as_json:
        typer.echo(json.dumps(found, indent=2, default=str))
        return
    columns = ["complaint", "policy", "received", "state", "decided by"]
    rows = [
        [
            each["complaint_id"],
            each["policy_id"],
            f"{each['received_at']:%Y-%m-%d}{' (late)' if each['late'] else ''}",
            each["state"],
            each["decided_by"] or "",
        ]
        for each in found
    ]
    print_table(None, columns, rows)


def _day(written: str | None) -> date | None:
    try:
        return date.fromisoformat(written) if written else None
    except ValueError:
        raise OptionError(f"--day {written!r}: give a date such as 2026-03-04") from None


def _time(written: str | None) -> datetime:
    now = datetime.now(UTC)
    try:
        at = datetime.fromisoformat(written) if written else now
    except ValueError:
        raise OptionError(f"--received {written!r}: give a time such as 2026-03-04T12:00") from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if at > now:
        raise OptionError(f"--received {written}: that time has not come yet")
    return at
