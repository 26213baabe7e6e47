"""The ``weir`` command: thin over the jobs in this folder."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.markup import escape

from weir.pipelines import demo as demo_job
from weir.pipelines import redrive as redrive_job
from weir.pipelines.bigquery import tables as tables_job
from weir.pipelines.bigquery.retention import keep_days
from weir.pipelines.commands import evaluate as evaluate_command
from weir.pipelines.commands import replay as replay_job
from weir.pipelines.commands import screen_heads as cold_commands
from weir.pipelines.commands.compare import compare
from weir.pipelines.commands.forget import forget
from weir.pipelines.commands.report import report
from weir.pipelines.commands.review import review_app
from weir.pipelines.commands.screen import certificates_json, print_certificates, screen_app
from weir.pipelines.commands.screen_audit import print_audited
from weir.pipelines.commands.terminal import AsJson, Policies, console, counted, plain, print_table
from weir.pipelines.errors import OptionError, reported
from weir.pipelines.job import moderate
from weir.pipelines.monitoring.status import local_jobs
from weir.pipelines.monitoring.status_view import status_view
from weir.pipelines.options import kafka_options
from weir.policies.check import Finding
from weir.policies.check import check as check_policy
from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import Policy, PolicyError
from weir.transforms.dead_letters import MOST_ATTEMPTS
from weir.transforms.judge.exemplar.engine import STAND_IN
from weir.transforms.judge.harmony.messages import decode
from weir.transforms.judge.harmony.prompt import CONTENT_TOKENS, parts, render
from weir.transforms.write.bigquery.sink import BigQuerySettings

app = typer.Typer(
    help="Moderate streams of user content against policies written in plain language.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
policy_app = typer.Typer(help="List, check and show policy documents.", no_args_is_help=True)
app.add_typer(policy_app, name="policy")
app.add_typer(screen_app, name="screen")
app.add_typer(review_app, name="review")
app.command()(report)
app.command()(forget)
cold_commands.register(screen_app)
evaluate_command.register(policy_app)
app.command()(compare)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def demo(
    context: typer.Context,
    input_file: Annotated[
        Path | None,
        typer.Option(
            "--input",
            help="CSV, JSON, JSON Lines or Parquet, .gz and .zst too. Default: a sample of posts.",
        ),
    ] = None,
    id_field: Annotated[str, typer.Option(help="Field that holds a post's id.")] = "id",
    text_field: Annotated[str, typer.Option(help="Field that holds a post's text.")] = "text",
    policies: Policies = str(LIBRARY),
    engine: Annotated[str, typer.Option(help="Who judges: see weir run --help.")] = "exemplar",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the counts to this file.")
    ] = None,
    export: Annotated[
        Path | None, typer.Option(help="Write the tables out of BigQuery to this folder.")
    ] = None,
    keep: Annotated[bool, typer.Option(help="Keep the stack up until Ctrl-C.")] = False,
) -> None:
    """Run the whole pipeline on this machine, from a file of posts to answers in BigQuery.

    Starts an embedded Kafka broker and a BigQuery emulator on loopback, fills a topic, moderates
    it, and prints what happened. Nothing leaves the machine, unless the engine is a server
    elsewhere. Other options are the job's, as weir run takes them: weir demo --engine endpoint
    --endpoint_url http://127.0.0.1:11434/v1
    """
    arguments = [
        f"--policies={policies}",
        f"--engine={engine}",
        f"--id_field={id_field}",
        f"--text_field={text_field}",
        *context.args,
    ]
    with reported(), _writable(json_file, export):
        settings = demo_job.checked_settings(arguments)
        posts = demo_job.input_posts(input_file, settings.decode)
        if input_file:
            console.print(str(posts), markup=False, highlight=False, soft_wrap=True)
    with (
        reported(),
        console.status("starting the broker and the BigQuery emulator") as status,
        demo_job.local_stack() as stack,
    ):
        status.update("filling the topic")
        sent = demo_job.fill(stack, posts.messages)
        status.update(f"moderating {sent:,} posts")
        report = demo_job.moderate_once(stack, arguments, handed_over=sent)
        if export:
            status.update("exporting the tables")
            demo_job.export(stack, export)
        status.stop()
        _print_report(report, sent, stand_in=engine == "exemplar")
        if json_file:
            content = report.to_json() | certificates_json(report.screen)
            json_file.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
        if keep:
            _print_stack(stack)
            _wait_for_interrupt()
    raise typer.Exit(1 if report.problems or report.counts.failed else 0)


@contextmanager
def _writable(json_file: Path | None, export: Path | None) -> Iterator[None]:
    """Refuse at once what could not be written once the work is done."""
    if json_file and (json_file.is_dir() or not json_file.absolute().parent.is_dir()):
        raise OptionError(f"--json {json_file}: name a file in a folder that exists")
    if export and export.exists() and not export.is_dir():
        raise OptionError(f"--export {export} is a file; name a folder")
    yield


@app.command()
def local(
    broker: Annotated[
        demo_job.BrokerKind,
        typer.Option(help="kafka: a real Apache Kafka, fetched once by make rig; needs Java."),
    ] = demo_job.BrokerKind.EMBEDDED,
) -> None:
    """Keep a broker and a BigQuery emulator up until Ctrl-C, and print the settings to use."""
    with reported(), demo_job.local_stack(broker) as stack:
        _print_stack(stack)
        _wait_for_interrupt()


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def run(context: typer.Context) -> None:
    """Moderate Kafka topics; takes every Beam runner's options. See weir run --help."""
    raise typer.Exit(moderate.main(context.args))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def replay(context: typer.Context) -> None:
    """Decide a slice of history anew, under a run name of its own. See weir replay --help."""
    raise typer.Exit(replay_job.main(context.args))


@app.command()
def status(
    as_json: AsJson = False,
    once: Annotated[bool, typer.Option(help="Print once, and end.")] = False,
) -> None:
    """Print what the jobs of this machine are doing, every second, until Ctrl-C."""
    with reported():
        if as_json:
            typer.echo(json.dumps(local_jobs(), indent=2))
            return
        view = Live(status_view(local_jobs()), console=console, auto_refresh=False)
        with suppress(KeyboardInterrupt), view:
            while not once:
                time.sleep(1)
                view.update(status_view(local_jobs()), refresh=True)


@app.command()
def tables(
    project: Annotated[str, typer.Option(help="Google Cloud project.")],
    dataset: Annotated[str, typer.Option(help="Dataset of the tables.")] = "weir",
    create_dataset: Annotated[bool, typer.Option(help="Make the dataset if missing.")] = False,
    rest: Annotated[str | None, typer.Option(help="REST endpoint of an emulator.")] = None,
    grpc: Annotated[str | None, typer.Option(help="gRPC endpoint of an emulator.")] = None,
    retention_days: Annotated[
        int | None,
        typer.Option(
            "--retention_days", "--retention-days", help="Delete each day's rows when so old."
        ),
    ] = None,
    delete_older: Annotated[
        bool,
        typer.Option("--delete_older", "--delete-older", help="Even those that are older already."),
    ] = False,
) -> None:
    """Create the tables and views in BigQuery, or add what an older set lacks.

    What would lose data is refused.
    """
    with reported():
        settings = BigQuerySettings(project, dataset, rest_endpoint=rest, grpc_endpoint=grpc)
        tables_job.create_tables(settings, create_dataset=create_dataset)
        if retention_days is not None:
            keep_days(settings, retention_days, delete_older=delete_older)
    console.print(f"tables and views are ready in {project}.{dataset}", markup=False)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def redrive(
    context: typer.Context,
    brokers: Annotated[str, typer.Option(help="Kafka brokers to start from.")],
    topics: Annotated[
        str, typer.Option(help="Topics that letters may go back to: those that the run reads.")
    ],
    dead_letter_topic: Annotated[str, typer.Option()] = "weir-dead-letters",
    max_attempts: Annotated[
        int, typer.Option(help="Leave what failed this often.", min=1, max=MOST_ATTEMPTS)
    ] = 5,
    limit: Annotated[int | None, typer.Option(help="Stop after this many.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Count only.")] = False,
) -> None:
    """Send dead letters back to the topics they came from, byte for byte.

    What cannot be sent is counted, with the reason, and stays in the dead-letter topic.
    Takes the security options of weir run too: --security_protocol, --sasl_mechanism, and so on.
    """
    with reported():
        report = redrive_job.redrive(
            kafka_options([f"--brokers={brokers}", *context.args]),
            dead_letter_topic,
            [topic.strip() for topic in topics.split(",") if topic.strip()],
            max_attempts=max_attempts,
            limit=limit,
            dry_run=dry_run,
        )
    console.print(str(report), markup=False)


@policy_app.command("list")
def list_policies(policies: Policies = str(LIBRARY), as_json: AsJson = False) -> None:
    """List the policies in force, with the version that stands on every record."""
    with reported():
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


@policy_app.command("check")
def check_policies(policies: Policies = str(LIBRARY), as_json: AsJson = False) -> None:
    """Say what would make a policy read badly; exit 1 where there is an error."""
    with reported():
        loaded = load_policies(policies)
    findings = [(p, f) for p in loaded.policies for f in check_policy(p)]
    if as_json:
        described = [
            {"policy": p.policy_id, "file": f.source, "level": f.level, "line": _line(p, f)}
            | {"message": f.message}
            for p, f in findings
        ]
        typer.echo(json.dumps(described, indent=2))
    else:
        for p, f in findings:
            typer.echo(f"{p.policy_id}/{f.source}:{_line(p, f)}: {f.level}: {f.message}")
        policies_read = counted(len(loaded.policies), "policy", "policies")
        typer.echo(f"{policies_read}, {counted(len(findings), 'finding', 'findings')}")
    raise typer.Exit(1 if any(f.level == "error" for _, f in findings) else 0)


def _line(policy: Policy, finding: Finding) -> int:
    """Return the line of the file that a finding is about; 0 is the whole of it."""
    in_text = finding.source == "policy.md" and finding.line > 0
    return finding.line + policy.text_line - 1 if in_text else finding.line


@policy_app.command("show")
def show_policy(
    policy_id: str,
    policies: Policies = str(LIBRARY),
    as_json: AsJson = False,
    prompt: Annotated[
        bool, typer.Option("--prompt", help="Print what the model reads, and count its tokens.")
    ] = False,
) -> None:
    """Print one policy: its version, what its labels mean, its rules, and the text that is read."""
    with reported():
        loaded = load_policies(policies)
        try:
            policy = loaded[policy_id]
        except KeyError:
            known = ", ".join(p.policy_id for p in loaded.policies)
            raise PolicyError(f"there is no policy {policy_id!r}; there are: {known}") from None
    if prompt:
        _print_prompt(policy, as_json)
        return
    described: dict[str, Any] = {
        "id": policy.policy_id,
        "version": policy.version,
        "title": policy.title,
        "owner": policy.owner,
        "status": str(policy.status),
        "effort": str(policy.effort),
        "contract": str(policy.contract),
        "labels": dict(policy.labels),
        "rules": dict(policy.rules),
        "text": policy.text,
    }
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


_POST = "[the post]"


def _print_prompt(policy: Policy, as_json: bool) -> None:
    text = decode(render(policy, _POST).tokens)
    counts = asdict(parts(policy))
    total = sum(counts.values())
    if as_json:
        described = {"id": policy.policy_id, "version": policy.version, "prompt": text}
        tokens = counts | {"total": total, "post_at_most": CONTENT_TOKENS}
        typer.echo(json.dumps(described | {"tokens": tokens}, indent=2, ensure_ascii=False))
        return
    typer.echo(text)
    typer.echo()
    for part, count in counts.items():
        typer.echo(f"{count:>7,} tokens: {_PARTS[part]}")
    typer.echo(f"{total:>7,} tokens in all, and those of the post: at most {CONTENT_TOKENS:,}")


_PARTS = {
    "system": "system message",
    "developer": "developer message: the policy as it is written",
    "contract": "the form of the answer, added where the policy does not state it twice",
    "frame": "around the post",
}


def _print_report(report: demo_job.DemoReport, sent: int, *, stand_in: bool) -> None:
    console.print(
        f"{sent:,} posts in {report.seconds:.1f} s, start-up of the job included\n",
        style="bold",
    )
    counts = report.counts
    print_table(
        "what happened",
        ["", "count", ""],
        [
            ["messages", counts.messages, "read from Kafka"],
            ["undated", counts.undated, "of them, posts without a time that could be read"],
            ["screenings", counts.screenings, "posts scored against every policy"],
            ["escalations", counts.escalations, "pairs of post and policy sent to the judge"],
            ["audits", counts.audits, "of them cleared by the screen, and drawn at random"],
            ["verdicts", counts.verdicts, "the judge's answers"],
            ["deferred", counts.deferred, "over the budget; to be judged later"],
            ["violations", counts.violations, "of them, each a message on the flagged topic"],
            ["indeterminate", counts.indeterminate, "of them; never treated as safe"],
            ["dead letters", counts.dead_letters, "kept with their reason"],
        ],
    )
    if report.causes:
        print_table(
            "why posts could not be processed",
            ["stage", "reason", "count", "for example"],
            [
                [plain(v, 200) if isinstance(v, str) else v for v in r.values()]
                for r in report.causes
            ],
        )
    print_certificates(report.screen)
    if report.flagged:
        print_table(
            "a few flagged posts",
            ["policy", "post", "why"],
            [
                [r["policy_id"], plain(r["text"], 100), plain(_why(r["rationale"]), 160)]
                for r in report.flagged
            ],
        )
    if report.rates:
        console.print("what an analyst asks BigQuery:", style="bold")
        console.print(demo_job.VIOLATION_RATES.strip(), markup=False, highlight=False)
        print_table(None, list(report.rates[0]), [list(row.values()) for row in report.rates])
    if report.recall:
        print_audited(report.recall)
    if stand_in:
        console.print(
            "The exemplar judge is a stand-in: it compares posts with labelled examples, "
            "and does not read the policy."
        )
    problems = "; ".join(report.problems)
    console.print(f"conservation: {problems or 'ok'}", markup=False, style="bold")


def _why(rationale: str | None) -> str:
    """Return a rationale without the stand-in's notice, which is printed once for all."""
    return (rationale or "").removeprefix(STAND_IN).strip()


def _print_stack(stack: demo_job.Stack) -> None:
    console.print("The stack is up; moderate its topic with:\n", style="bold")
    console.print("weir run " + " \\\n  ".join(stack.arguments()), markup=False, highlight=False)
    console.print("\nCtrl-C stops it; nothing it holds is kept.")


@contextmanager
def _terminable() -> Iterator[None]:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _wait_for_interrupt() -> None:
    with _terminable():
        try:
            signal.pause()
        except KeyboardInterrupt:
            console.print("stopping")


if __name__ == "__main__":
    app()
