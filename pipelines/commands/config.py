"""``weir config``: a job as a file, and what would run."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from weir.pipelines.commands.terminal import AsJson, quantity
from weir.pipelines.errors import report_errors
from weir.pipelines.options.command_line import CONFIG, Arguments
from weir.pipelines.options.file import ConfigFile
from weir.pipelines.options.job import read
from weir.pipelines.options.runner_name import runner_class
from weir.pipelines.options.schema import schema
from weir.pipelines.options.shown import Shown, as_yaml


def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Print what would run, and where each value comes from; secrets are left out.

    Takes --config and every option of weir run. What is printed is a file for --config itself.
    What the runner needs besides is set as the job starts.
    """
    with report_errors():
        shown = Shown.of(context.args)
        _require_known(context.args)
    typer.echo(json.dumps(shown.to_json(), indent=2) if as_json else as_yaml(shown), nl=as_json)


def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="YAML file for --config.")],
) -> None:
    """Say whether a file can be used; exit 2, with the line and what to do, where it cannot.

    Looks at the words alone: not at brokers, tables or servers that it names.
    """
    with report_errors():
        found = ConfigFile.read(file)
        _require_known([f"{CONFIG}={file}"])
    options = quantity(len(found.texts) + len(found.beam), "option", "options")
    typer.echo(f"{file}: {options}, and nothing wrong")


def _require_known(argv: Sequence[str]) -> None:
    """Raise OptionError for a runner, or an option, that a run would refuse for its name."""
    arguments = Arguments.of(argv).with_file()
    runner = runner_class(arguments.value("--runner") or "")
    _, others = read(arguments.argv)
    if not others:
        return
    from weir.pipelines.runners import require_known  # imports Beam: seconds

    require_known(others, runner)


def print_schema() -> None:
    """Print the JSON Schema of such a file, for an editor: docs/job.schema.json is the same."""
    typer.echo(json.dumps(schema(), indent=2))
