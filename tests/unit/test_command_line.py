"""What no command understands is answered by a sentence that names what was meant."""

import pytest
from typer.testing import CliRunner

from weir.pipelines.commands.cli import app


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
