"""What no command understands is answered by a sentence that names what was meant."""

import re
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from weir.pipelines.commands.cli import app
from weir.pipelines.options.job import JobOptions, read
from weir.pipelines.options.judging import JudgeOptions


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("tables --bigquery-projct x", "--bigquery-projct is not an option: did you mean --bigq"),
        ("policy check --polices x", "--polices is not an option: did you mean --policies?"),
        ("screen add --colour red", "--colour is not an option: see weir screen add --help"),
        (
            "screen teach --brokrs x",
            "--brokrs is not an option of weir run: did you mean --brokers",
        ),
        ("run --brokrs h:1 --bigquery-project p", "--brokrs is not an option: did you mean --br"),
        ("run --runner=flink --flink-mastr=h:1", "did you mean --flink-master?"),
        ("run --parallelism few", "--parallelism: invalid int value: 'few': see weir run --help"),
        ("--versoin", "--versoin is not an option: did you mean --version?"),
        ("tabels", "tabels is not a command: did you mean tables?"),
        ("screen shw", "shw is not a command: did you mean show?"),
        ("screen nonsense", "nonsense is not a command: see weir screen --help"),
        ("tables more words", "unexpected extra argument(s) (more words): see weir tables --help"),
        ("compare", "Missing argument 'A': see weir compare --help"),
        ("report --run", "'--run' requires an argument: see weir report --help"),
        ("compare a b --json=x", "'--json' does not take a value: see weir compare --help"),
    ],
)
def test_what_is_not_understood_is_answered_in_one_line(line, said):
    ended = CliRunner().invoke(app, line.split(), prog_name="weir")
    assert ended.exit_code == 2
    assert said in ended.stderr
    assert ended.stderr.startswith("weir: ")
    assert ended.stderr.count("\n") == 1


def test_a_group_without_a_command_prints_its_help():
    ended = CliRunner().invoke(app, ["policy"], prog_name="weir")
    assert "Usage: weir policy [OPTIONS] COMMAND" in ended.output


GROUPS = ["", "config", "policy", "screen", "review", "coop", "complaint", "transparency"]


@pytest.mark.parametrize("name", GROUPS)
def test_no_summary_in_a_list_of_commands_is_cut_short(name):
    ended = CliRunner().invoke(app, [*name.split(), "--help"], prog_name="weir")
    listed = ended.output.partition("Commands:")[2]
    assert listed
    assert "..." not in listed


@pytest.mark.parametrize("name", ["coop", "complaint", "transparency"])
def test_a_group_and_each_of_its_commands_have_an_example_that_their_options_know(name):
    whole: Any = get_command(app)
    group = whole.commands[name]
    helps = {command: each.text for command, each in group.commands.items()}
    said = "".join(
        CliRunner().invoke(app, [name, *more, "--help"], prog_name="weir").output
        for more in [(), *((command,) for command in helps)]
    )
    examples = re.findall(
        rf"For\s+example:\s+weir\s+{name}\s+(\w+)\s(.+?)\n(?:\n|Usage)", said, re.S
    )
    assert [command for command, _ in examples][1:] == list(helps)
    for command, line in examples:
        assert {*re.findall(r"--[\w-]+", line)} <= {*re.findall(r"--[\w-]+", helps[command])}


def test_what_is_not_as_by_default_goes_back_to_a_command_line_and_is_read_the_same():
    argv = ["--engine=endpoint", "--endpoint-url=http://127.0.0.1:1/v1", "--text-field=title,body"]
    said = JobOptions.of(read(argv)[0])
    written = [*said.decoding.arguments, *said.judge.arguments, *said.endpoint.arguments]
    assert sorted(written) == sorted(argv)
    assert JudgeOptions(judge_reproducible=True).arguments == ["--judge-reproducible"]
