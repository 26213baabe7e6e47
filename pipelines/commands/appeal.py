"""``weir appeal``: a verdict is judged again, as it was judged."""

import json
from dataclasses import replace
from datetime import date
from typing import Annotated, Any

import typer
from rich.markup import escape

from weir.pipelines.commands.terminal import AsJson, Policies, console
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.options.judging import EndpointOptions, JudgeOptions
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.reviews.appeal import (
    Compared,
    judge_again,
    recorded_verdict,
    require_same_engine,
)
from weir.pipelines.reviews.complaints import open_until, outcomes
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.pipelines.settings.engines import engine_factory
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.text.hidden import visible


def appeal(
    bigquery: BigQueryOptions,
    judge: JudgeOptions,
    endpoint: EndpointOptions,
    decision_id: Annotated[
        str, typer.Argument(metavar="DECISION_ID", help="As it stands on the flagged message.")
    ],
    day: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Day of the post: BigQuery then reads no other."),
    ] = None,
    policies: Policies = str(LIBRARY),
    as_json: AsJson = False,
) -> None:
    """Judge a post again under the policy, model and effort of its verdict.

    Exit 0 where the answer is the same, 1 where it differs, 2 where it cannot be judged again, and
    why. Of a verdict that was made with --judge-reproducible every word has to be the same; of any
    other the verdict, since a model that is asked twice may say it in other words. Which words
    differ is printed. For example: weir appeal 9f2c... --bigquery-project P --engine vllm
    """
    with report_errors():
        settings = bigquery_settings(bigquery)
        row = recorded_verdict(decision_id, settings, _date(day))
        if row["engine"] == judge.engine == "vllm" and row["reproducible"]:
            judge = replace(judge, judge_reproducible=True)
        require_same_engine(row, judge.engine)
        factory = engine_factory(judge, endpoint, load_policies(policies))
        compared = judge_again(row, settings, factory, judge.judge_timeout)
        complaints = outcomes(settings, decision_id=row["decision_id"], run=row["run"])
    if as_json:
        told = _described(row, compared) | {"complaints": complaints}
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False, default=str))
    else:
        _print(row, compared, complaints)
    raise typer.Exit(0 if compared.same else 1)


def _date(day: str | None) -> date | None:
    try:
        return date.fromisoformat(day) if day else None
    except ValueError:
        raise OptionError(f"--day {day!r}: give a date such as 2026-03-04") from None


def _described(row: dict[str, Any], compared: Compared) -> dict[str, Any]:
    return {
        "decision_id": row["decision_id"],
        "policy_id": row["policy_id"],
        "policy_version": row["policy_version"],
        "same": compared.same,
        "reproducible": compared.reproducible,
        "differing": list(compared.differing),
        "reused_from": row["reused_from"],
        "asked_together": row["asked_together"],
        "complaints_until": open_until(row["judged_at"]).date().isoformat(),
        "recorded": dict(compared.recorded),
        "now": dict(compared.now),
    }


def _print(row: dict[str, Any], compared: Compared, complaints: list[dict[str, Any]]) -> None:
    held_to = "every word" if compared.reproducible else "the verdict"
    lines = [
        f"{'the same' if compared.same else 'another'} answer: {compared.recorded['verdict']} "
        f"then, {compared.now['verdict']} now ({held_to} has to be the same)",
        f"policy {row['policy_id']}, version {row['policy_version']}; {row['model']}",
    ]
    if row["reused_from"]:
        lines.append(f"the verdict was that on a near-copy, {row['reused_from']}")
    if row["asked_together"]:
        lines.append("it was asked beside other policies then, and alone now")
    lines.append(f"complaints are taken until {open_until(row['judged_at']):%Y-%m-%d}")
    for each in complaints:
        by = f", by {each['decided_by']}" if each["decided_by"] else ""
        lines.append(f"complaint {each['complaint_id']}: {each['state']}{by}")
    for name in compared.differing:
        lines += [f"{name}, then: {compared.recorded[name]}", f"{name}, now: {compared.now[name]}"]
    for line in lines:  # whole, but for what could command a terminal: the post has provoked it
        shown = "\n  ".join(visible(each) for each in line.splitlines())
        console.print(escape(shown), highlight=False, soft_wrap=True)
