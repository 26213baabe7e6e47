"""``weir config``: a job as a file, and what would run."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from weir.errors import WeirError
from weir.pipelines.commands.terminal import AsJson, quantity
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.options.command_line import CONFIG, Arguments
from weir.pipelines.options.file import ConfigFile
from weir.pipelines.options.job import JobOptions, read
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
    elsewhere: Annotated[
        bool,
        typer.Option(
            "--elsewhere",
            help="The job runs on another machine: do not look here for the folders and files that "
            "it names.",
        ),
    ] = False,
) -> None:
    """Say whether a job could start with a file; exit 2, with what to do, where it could not.

    Asks nobody: no broker, table, registry, server or bucket, and no secret. Brokers, topics and
    the project of the tables may be left to the command line.
    """
    with report_errors():
        found = ConfigFile.read(file)
        _require_known([f"{CONFIG}={file}"])
        try:
            _require_startable(file, elsewhere=elsewhere)
        except WeirError as error:
            raise OptionError(f"{file}: {error}") from error
    options = quantity(len(found.texts) + len(found.beam), "option", "options")
    typer.echo(f"{file}: {options}, and nothing wrong")


def _require_startable(file: str, *, elsewhere: bool) -> None:
    """Raise the WeirError that a job would end with as it starts, as far as nobody is asked."""
    from apache_beam.options.pipeline_options import PipelineOptions  # these import Beam: seconds

    from weir.pipelines.runners import require_suited
    from weir.pipelines.settings.consistency import require_consistent
    from weir.pipelines.settings.files import require_files
    from weir.pipelines.settings.place import Place
    from weir.pipelines.settings.taught_screen import require_taught

    arguments = Arguments.of([f"{CONFIG}={file}"]).with_file()
    said = JobOptions.of(read(arguments.argv)[0])
    runner = runner_class(said.runner.runner or "")
    if said.runner.runner:  # else the command line says which
        require_suited(arguments, runner)
    place = Place.of(
        PipelineOptions([f"--runner={runner}", *arguments.without("--runner").for_beam])
    )
    require_consistent(said, place)
    require_taught(said)
    if not elsewhere:
        require_files(said)


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
