"""``weir policy list``, ``check`` and ``show``: the documents as they stand."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape

from weir.pipelines.commands.terminal import AsJson, Policies, find_policy, print_table, quantity
from weir.pipelines.errors import report_errors
from weir.policies.check import check as check_policy
from weir.policies.check import line_of_file
from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import Policy


def list_policies(policies: Policies = str(LIBRARY), as_json: AsJson = False) -> None:
    """List the policies in force, with the version that stands on every record."""
    with report_errors():
        loaded = load_policies(policies)
    rows = [
        {
            "id": p.policy_id,
            "version": p.version,
            "status": str(p.status),
            "title": p.title,
            "rules": len(p.rules),
            "examples": len(p.examples),
        }
        for p in loaded.policies
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        cells = [[escape(v) if isinstance(v, str) else v for v in row.values()] for row in rows]
        print_table(None, list(rows[0]) if rows else [], cells)


def check_policies(policies: Policies = str(LIBRARY), as_json: AsJson = False) -> None:
    """Say what would make a policy read badly; exit 1 where there is an error."""
    with report_errors():
        loaded = load_policies(policies)
    findings = [(p, f) for p in loaded.policies for f in check_policy(p)]
    if as_json:
        described = [
            {"policy": p.policy_id, "file": f.source, "level": f.level, "line": line_of_file(p, f)}
            | {"message": f.message}
            for p, f in findings
        ]
        typer.echo(json.dumps(described, indent=2))
    else:
        for p, f in findings:
            typer.echo(f"{p.policy_id}/{f.source}:{line_of_file(p, f)}: {f.level}: {f.message}")
        policies_read = quantity(len(loaded.policies), "policy", "policies")
        typer.echo(f"{policies_read}, {quantity(len(findings), 'finding', 'findings')}")
    raise typer.Exit(1 if any(f.level == "error" for _, f in findings) else 0)


def show_policy(
    policy_id: str,
    policies: Policies = str(LIBRARY),
    as_json: AsJson = False,
    prompt: Annotated[
        bool, typer.Option("--prompt", help="Print what the model reads, and count its tokens.")
    ] = False,
) -> None:
    """Print one policy: its version, what its labels mean, its rules, and the text that is read."""
    with report_errors():
        loaded = load_policies(policies)
        policy = find_policy(loaded, policy_id)
    if prompt:
        _print_prompt(policy, as_json)
        return
    described: dict[str, Any] = {
        "id": policy.policy_id,
        "version": policy.version,
        "title": policy.title,
        "owner": policy.owner,
        "status": str(policy.status),
        "effort": ", ".join(rung.effort for rung in policy.rungs),
        "contract": str(policy.contract),
        "labels": dict(policy.labels),
        "rules": dict(policy.rules),
        "text": policy.text,
    }
    if policy.second_effort:
        described["effort_band"] = list(policy.effort_band)
    if as_json:
        typer.echo(json.dumps(described, indent=2, ensure_ascii=False))
        return
    for name, value in described.items():
        if isinstance(value, dict):
            typer.echo(f"{name}:")
            for key, meaning in value.items():
                typer.echo(f"  {key}: {meaning}")
        elif name == "text":
            typer.echo(f"\n{value}")
        else:
            typer.echo(f"{name}: {value}")


def _print_prompt(policy: Policy, as_json: bool) -> None:
    from weir.pipelines.policy_prompt import CONTENT_TOKENS, PARTS, as_read

    found = as_read(policy)
    if as_json:
        described = {"id": policy.policy_id, "version": policy.version, "prompt": found.text}
        tokens = asdict(found.parts) | {"total": found.tokens, "post_at_most": CONTENT_TOKENS}
        typer.echo(json.dumps(described | {"tokens": tokens}, indent=2, ensure_ascii=False))
        return
    typer.echo(found.text)
    typer.echo()
    for part, count in asdict(found.parts).items():
        typer.echo(f"{count:>7,} tokens: {PARTS[part]}")
    typer.echo(
        f"{found.tokens:>7,} tokens in all, and those of the post: at most {CONTENT_TOKENS:,}"
    )
