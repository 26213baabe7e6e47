"""`weir demo`: what cannot work is refused before a server starts."""

import pytest
from typer.testing import CliRunner

from weir.pipelines import demo
from weir.pipelines.commands.cli import app


@pytest.fixture(autouse=True)
def _no_servers(monkeypatch):
    def start(*_):
        raise AssertionError("the stack was started")

    monkeypatch.setattr(demo, "local_stack", start)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--posts", "nowhere.csv"], "nowhere.csv: there is no such file"),
        (["--policies", "nowhere"], "nowhere"),
        (["--no-such-option=1"], "--no-such-option is not an option"),
        (["--export", __file__], "is a file; name a folder"),
        (["--post=x.csv"], "--post is not an option: did you mean --posts?"),
        (["--colour=red"], "not an option: see weir demo --help and weir run --help"),
        (["--audit-rate=2"], "audit"),
        (["--text-field", ""], "name its field"),
        (["--json", "counts.json"], "write --json > FILE"),
        (["--engine", "exemplar", "--json", "counts.json"], "write --json > FILE"),
        (["--json=counts.json"], "'--json' does not take a value"),
    ],
)
def test_what_cannot_work_is_refused_before_a_server_starts(options, said):
    result = CliRunner().invoke(app, ["demo", *options])
    assert result.exit_code == 2
    assert said in result.output


def test_a_post_that_no_topic_takes_is_refused_before_a_server_starts(tmp_path):
    path = tmp_path / "posts.csv"
    path.write_text("text\n" + "x" * demo.MAX_POST_BYTES + "\na post\n")
    result = CliRunner().invoke(app, ["demo", "--posts", str(path)])
    assert result.exit_code == 2
    assert "Post 1 of posts.csv" in result.output
