"""``weir policy new``: a document to begin with."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from weir.pipelines.errors import OptionError, report_errors
from weir.policies.draft import begin
from weir.policies.policy import is_policy_id


def new_policy(
    policy_id: Annotated[
        str, typer.Argument(metavar="ID", help="Small letters, digits and hyphens.")
    ],
    policies: Annotated[
        Path, typer.Option("--policies", help="The folder of policies that it is added to.")
    ] = Path("policies"),
    title: Annotated[str | None, typer.Option(help="Its title. Default: the id in words.")] = None,
) -> None:
    """Write a draft about something else: change it into what you mean.

    weir policy check finds nothing in it but that it still says what the draft did.

    It is in shadow, so that nobody acts on its verdicts, until its status is active.
    """
    with report_errors():
        if not is_policy_id(policy_id):
            raise OptionError(f"{policy_id!r} is no id; use lower-case letters, digits and hyphens")
        folder = policies / policy_id
        text, examples = begin(policy_id, title)
        if folder.exists():
            raise OptionError(f"{folder} is there already: choose another id, or edit it")
        folder.mkdir(parents=True)
        (folder / "policy.md").write_text(text, encoding="utf-8")
        (folder / "examples.csv").write_text(examples, encoding="utf-8")
    where = shlex.quote(str(policies))
    typer.echo(f"{folder}: policy.md is what the model reads, examples.csv what it is tested on.")
    typer.echo(f"Edit them, and then:\n  weir policy check --policies {where}")
    typer.echo(f'  weir policy try {policy_id} "a post" --policies {where} --engine endpoint ...')
    typer.echo(f"  weir policy evaluate {policy_id} --policies {where} --engine endpoint ...")
