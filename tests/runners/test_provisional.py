import json
import time
from collections import Counter

import pytest

from tests.provisional import events, flagging, slow_judge
from tests.runners.stream import Command, count
from weir.transforms.screen.model import Screen

SECONDS = 10
RATE = 200


@pytest.fixture
def provisional(screen, tmp_path):
    flagging(Screen.load(screen), 0.5).save(tmp_path / "provisional", {})
    return ["--provisional", f"--screen={tmp_path / 'provisional'}"]


def test_a_flag_goes_out_at_once_and_the_verdict_follows_under_its_id(
    stream, prism, provisional, tmp_path
):
    # Two more: two questions are asked before the job starts, to see whether and in which form
    # they can be.
    with slow_judge(5, violations=52, unreadable=10) as judge:
        arguments = [*stream.arguments(), *prism, *judge, *provisional]
        with Command(arguments, tmp_path / "log") as job:
            with stream.sending(RATE):
                time.sleep(SECONDS)
            stream.wait_until_labelled()
            code, output = job.terminate()
    assert code == 0, output[-3000:]
    found = events(stream.kafka, f"{stream.name}-flagged")
    escalated = sum(number % 20 == 0 for number in range(len(stream.sent)))
    assert len(found) == escalated == count(output, "provisional flags")
    for both in found.values():
        first, verdict = both
        assert first.kind == "provisional"
        assert verdict.kind in {"violation", "withdrawal"}
        assert first.key == verdict.key
        assert first.source != verdict.source
    verdicts = Counter(json.loads(both[1].value)["verdict"] for both in found.values())
    assert verdicts == {"violates": 50, "indeterminate": 10, "safe": escalated - 60}
    assert count(output, "confirmations") == count(output, "flagged messages") == 50
    assert count(output, "withdrawals") == escalated - 50
    ids = stream.rows("SELECT decision_id FROM `{dataset}.verdicts` WHERE run = @run")
    assert {row["decision_id"] for row in ids} == set(found)
