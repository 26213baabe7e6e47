"""``weir screen teach``: what a running job does every hour, once and by hand or by a schedule."""

import getpass
import json
from dataclasses import asdict, replace
from typing import Annotated

import typer

from weir.pipelines.commands.terminal import AsJson, console
from weir.pipelines.errors import OptionError, nearest, report_errors
from weir.pipelines.options.command_line import Arguments
from weir.pipelines.options.job import OPTIONS, JobOptions, read
from weir.pipelines.screening.teaching import look, put_back
from weir.pipelines.settings.teaching import teaching_of


def teach_screen(
    context: typer.Context,
    back: Annotated[
        bool,
        typer.Option("--put-back", help="Let the screen in shadow decide, without any test."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let the judge's verdicts teach the screen of a run: one look at what there is by now.

    Takes the options of weir run, of the run whose screen it is, and needs --taught-screen there
    and here. A screen that has learned runs in shadow first, and decides once it is proven better.
    For cron, where the job runs on a cluster; a job of one process does it by itself.
    """
    with report_errors():
        said, others = read(Arguments.of(context.args).with_file().argv)
        if others:
            name = others[0].split("=")[0]
            flags = [each.flag for each in OPTIONS.values()]
            hint = nearest(name, flags, "see weir run --help", alike=0.8)
            raise OptionError(f"{name} is not an option of weir run: {hint}")
        teaching = teaching_of(JobOptions.of(said))
        teaching = replace(teaching, by=getpass.getuser() if back else teaching.by)
        found = put_back(teaching) if back else look(teaching)
    if as_json:
        rows = [asdict(row) | {"decided_at": row.decided_at.isoformat()} for row in found.rows]
        typer.echo(json.dumps({"rows": rows, "said": found.said}, indent=2))
        return
    for sentence in (*map(str, found.rows), *found.said):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
