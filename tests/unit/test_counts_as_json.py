"""``--json`` where a script would want it: counts instead of sentences."""

import json

import pytest

from weir.pipelines.commands import replay
from weir.pipelines.job import moderate
from weir.transforms.counts import Counts


@pytest.mark.parametrize("flag", [["--json"], []])
def test_a_run_prints_its_counts_as_json_where_that_is_asked_for(flag, monkeypatch, capsys):
    asked = []

    def run(argv):
        asked.append(argv)
        return Counts(messages=0)

    monkeypatch.setattr(moderate, "run", run)
    moderate.main(["--topics=posts", *flag])
    assert asked == [["--topics=posts"]]
    printed = capsys.readouterr().out
    assert printed.startswith("{") == bool(flag)
    assert not flag or json.loads(printed)["messages"] == 0


def test_a_replay_prints_its_counts_as_json(monkeypatch, capsys):
    monkeypatch.setattr(replay, "replay", lambda argv, say, confirm: Counts(messages=0))
    replay.main(["--topics=posts", "--json"])
    assert json.loads(capsys.readouterr().out)["conservation"] == "ok"
