"""The ``weir`` command: every command's name, and where it is.

A command's module is imported when it is called. What is printed before that, for ``--help`` and to
complete a line, is in the folder ``help``: ``make help-texts`` writes it, and a test compares it
with the program.
"""

from typing import Annotated, Any

import typer

from weir.distribution import installed_version
from weir.pipelines.commands.later import Later, group

_PLAIN: dict[str, Any] = {"no_args_is_help": True, "rich_markup_mode": None}

policy_app = typer.Typer(
    help="Write, check, try and measure policy documents.",
    cls=group(
        "policy-",
        **{
            "list": Later("policy:list_policies"),
            "new": Later("policy_new:new_policy"),
            "check": Later("policy:check_policies"),
            "show": Later("policy:show_policy"),
            "try": Later("policy_try:try_policy"),
            "evaluate": Later("evaluate:evaluate"),
        },
    ),
    **_PLAIN,
)
screen_app = typer.Typer(
    help="Train the screen, and say what it promises.",
    cls=group(
        "screen-",
        show=Later("screen_show:show_screen"),
        measure=Later("screen_measure:measure_screen"),
        train=Later("screen:train_screen"),
        add=Later("screen_heads:add_heads"),
        teach=Later.passing_on("screen_teach:teach_screen"),
        audit=Later("screen_audit:audit"),
    ),
    **_PLAIN,
)
review_app = typer.Typer(
    help="Have people review verdicts, and learn from what they say.",
    cls=group(
        "review-",
        **{
            "export": Later("review:export_sample"),
            "import": Later("review:import_reviews"),
            "learn": Later("review:learn"),
        },
    ),
    **_PLAIN,
)
coop_app = typer.Typer(
    help=(
        "Send what is flagged to Coop, and take back what its moderators decide.\n\n"
        "For example: weir coop push --brokers HOST:9092 --coop-url https://coop.example"
    ),
    cls=group(
        "coop-",
        push=Later("coop:push"),
        receive=Later("coop:receive"),
    ),
    **_PLAIN,
)
complaint_app = typer.Typer(
    help=(
        "Complaints about decisions, and what became of them.\n\n"
        "For example: weir complaint open DECISION_ID --bigquery-project P"
    ),
    cls=group(
        "complaint-",
        open=Later("complaint:open_complaint"),
        decide=Later("complaint:decide_complaint"),
        list=Later("complaint:list_complaints"),
    ),
    **_PLAIN,
)
transparency_app = typer.Typer(
    help=(
        "Decisions as a regulator takes them.\n\n"
        "For example: weir transparency export --since 2026-11-01 --until 2026-11-30 "
        "--out statements --bigquery-project P"
    ),
    cls=group(
        "transparency-",
        export=Later("transparency:export"),
        report=Later("transparency:report"),
        check=Later("transparency:check"),
    ),
    **_PLAIN,
)
config_app = typer.Typer(
    help="Keep a job as a file: weir run --config job.yaml.",
    cls=group(
        "config-",
        show=Later.passing_on("config:show"),
        check=Later("config:check"),
        schema=Later("config:print_schema"),
    ),
    **_PLAIN,
)
app = typer.Typer(
    help="Moderate streams of user content against policies written in plain language.",
    pretty_exceptions_enable=False,
    cls=group(
        demo=Later.passing_on("demo:demo"),
        local=Later("demo:local"),
        run=Later.passing_on("run:run", "Moderate Kafka topics, on any Beam runner."),
        replay=Later.passing_on(
            "run:replay", "Decide a slice of history anew, under a run name of its own."
        ),
        status=Later("status:status"),
        tables=Later("tables:tables"),
        fold=Later("fold:fold"),
        plan=Later("plan:plan_stream"),
        redrive=Later("redrive:redrive"),
        report=Later("report:report"),
        console=Later("console:serve_console"),
        compare=Later("compare:compare"),
        appeal=Later("appeal:appeal"),
        forget=Later("forget:forget"),
    ),
    **_PLAIN,
)
app.add_typer(config_app, name="config")
app.add_typer(policy_app, name="policy")
app.add_typer(screen_app, name="screen")
app.add_typer(review_app, name="review")
app.add_typer(coop_app, name="coop")
app.add_typer(complaint_app, name="complaint")
app.add_typer(transparency_app, name="transparency")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"weir {installed_version()}")
        raise typer.Exit


@app.callback()
def weir(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print it, and end."
        ),
    ] = False,
) -> None:
    """Moderate streams of user content against policies written in plain language."""


if __name__ == "__main__":
    app()
