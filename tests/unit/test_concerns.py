"""A command that takes a concern has its options, in all spellings, and may read them in a file."""

import json

import typer
from typer.testing import CliRunner

from weir.pipelines.commands.concerns import respell, spread
from weir.pipelines.options.judging import JudgeOptions
from weir.pipelines.options.sinks import BigQueryOptions


def tables(bigquery: BigQueryOptions, dry_run: bool = False) -> None:
    typer.echo(json.dumps([bigquery.project, bigquery.dataset, dry_run]))


def run(*arguments, command=tables):
    app = typer.Typer(rich_markup_mode=None)
    app.command()(spread(command))
    return CliRunner().invoke(app, list(arguments))


def test_a_command_gets_the_value_of_the_concern_that_it_takes():
    ended = run("--bigquery-project=p", "--dry-run")
    assert json.loads(ended.output) == ["p", "weir", True]


def test_the_options_of_a_concern_stand_in_the_commands_help():
    text = " ".join(run("--help").output.split())
    assert "--bigquery-dataset D their dataset (default: weir)" in text
    assert "--config FILE" in text


def test_a_file_says_what_the_command_line_does_not(tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text("bigquery-project: p\nbigquery-dataset: d\nbrokers: h:1\n", "utf-8")
    ended = run("--config", str(path), "--bigquery-dataset=other")
    assert json.loads(ended.output) == ["p", "other", False]


def test_an_engine_on_the_command_line_leaves_the_files_other_one_aside(tmp_path):
    def judge(judge: JudgeOptions) -> None:
        typer.echo(json.dumps([judge.engine, judge.model]))

    path = tmp_path / "job.yaml"
    path.write_text("engine: vllm\nmodel: m\n", "utf-8")
    ended = run("--config", str(path), "--engine=exemplar", command=judge)
    assert json.loads(ended.output) == ["exemplar", None]


def test_a_value_that_is_not_allowed_ends_in_one_sentence():
    ended = run("--bigquery-project=p", "--bigquery-rest=http://h:1")
    assert ended.exit_code == 2
    assert ended.stderr.startswith("weir: --bigquery-rest and --bigquery-grpc belong together")


def test_underscores_and_old_names_become_what_a_command_knows():
    known = {"--bigquery-project", "--run", "--dry-run"}
    given = ["--project=p", "--run_name", "a_b", "--dry_run", "--bigquery_project", "--other_one=x"]
    assert respell(given, known) == [
        "--bigquery-project=p",
        "--run",
        "a_b",
        "--dry-run",
        "--bigquery-project",
        "--other_one=x",
    ]
    assert respell(["--", "--dry_run"], known) == ["--", "--dry_run"]


def test_a_name_that_a_command_has_itself_is_not_taken_for_an_old_one():
    assert respell(["--project=p"], {"--project", "--bigquery-project"}) == ["--project=p"]
