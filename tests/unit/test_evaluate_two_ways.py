"""`weir policy evaluate --together` and `--agreement`: one policy asked in two ways."""

import re
from contextlib import contextmanager

import pytest

from tests.scripted_server import ScriptedServer, chat
from tests.unit.test_evaluate_command import FRONT, LOUD, evaluated, measured, policies, weir
from weir.pipelines.evaluate.two_ways import narrowest_band
from weir.transforms.judge.verdict import Reason, Verdict
from weir.transforms.records import Outcome

SAFE, VIOLATES = Outcome.SAFE, Outcome.VIOLATES
WRONG = LOUD[:2]  # safe beside other policies, or at low effort


@contextmanager
def judge(reply):
    """A server that answers what ``reply`` makes of the instructions, the body and the post."""
    server = ScriptedServer()

    class Replies(dict):
        def get(self, post, default=None):
            body = server.questions[-1].body
            return reply(body["messages"][0]["content"], body, post)

    server.by_post = Replies()
    try:
        yield server
    finally:
        server.close()


def right(post):
    return "INVALID NO1" if post in LOUD else "VALID"


def together(system, _, post):
    if "# Policy noise" not in system:
        return chat(right(post), prompt_tokens=900, completion_tokens=100)
    said = "VALID" if post in WRONG else right(post)
    final = f'{{"calm": "VALID", "noise": "{said}"}}'
    return chat(final, prompt_tokens=2000, completion_tokens=120)


@pytest.fixture
def two(tmp_path):
    root = policies(tmp_path)
    (root / "calm").mkdir()
    other = FRONT.replace("id: noise", "id: calm")
    (root / "calm" / "policy.md").write_text(other, encoding="utf-8")
    return root


def test_together_is_measured_beside_alone_with_requests_and_tokens(two):
    with judge(together) as server:
        more = ("--together", "--endpoint-concurrency", "1")
        found = measured(server, two, *more)
        shown = evaluated(server, two, *more).stdout
    assert found["ways"] == ["alone", "together"]
    assert (found["recall"]["value"], found["other"]["recall"]["value"]) == (1, 0.8)
    assert found["agreement"] == found["agreement"] | {"hits": 18, "count": 20}
    assert (found["requests"], found["other"]["requests"]) == (20, 10)
    assert found["tokens"] == {"in": 20 * 900, "out": 20 * 100}
    assert found["other"]["tokens"] == {"in": 20 * 1000, "out": 20 * 60}
    assert "They agree on 0.900" in shown
    assert re.search(r"requests\W+20\.0\W+10\.0", shown)


def test_two_efforts_are_compared_and_a_server_without_probabilities_gets_no_band(two):
    def by_effort(system, body, post):
        low = body["reasoning_effort"] == "low"
        return chat("VALID" if low and post in WRONG else right(post))

    with judge(by_effort) as server:
        more = ("--agreement", "0.95", "--endpoint-concurrency", "1")
        found = measured(server, two, *more)
        shown = evaluated(server, two, *more).stdout
    assert found["ways"] == ["low", "high"]
    assert (found["recall"]["value"], found["other"]["recall"]["value"]) == (0.8, 1)
    assert "effort_band" not in found
    assert "no band can be chosen" in shown


def said(outcome, probability=None):
    reason = Reason.NOT_JSON if outcome == Outcome.INDETERMINATE else None
    return Verdict(outcome, probability, reason=reason)


PAIRS = [
    *[(said(SAFE, p), said(SAFE)) for p in (0.01, 0.02, 0.15, 0.3, 0.4)],
    *[(said(SAFE, p), said(VIOLATES)) for p in (0.1234, 0.35)],
    *[(said(VIOLATES, p), said(VIOLATES)) for p in (0.6, 0.8, 0.95)],
    (said(VIOLATES, 0.7), said(SAFE)),
    (said(Outcome.INDETERMINATE, 0.9), said(VIOLATES)),
]


@pytest.mark.parametrize(
    ("agreement", "band", "again"),
    [(1.0, (0.123, 0.7), 8), (0.9, (0.35, 0.7), 5), (0.7, (0.5, 0.5), 1)],
)
def test_the_band_asks_least_again_of_those_that_reach_the_agreement(agreement, band, again):
    found = narrowest_band(PAIRS, agreement)
    assert (found.low, found.high) == band
    assert found.asked_again.hits == again
    assert found.agreement.value >= agreement


def test_without_probabilities_there_is_no_band():
    assert narrowest_band([(said(SAFE), said(SAFE))], 0.9) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--together", "--engine", "exemplar"], "needs a judge that reads policies"),
        (["--agreement", "0.9"], "needs a judge that reads policies"),
        (["--agreement", "1.5"], "it is a share, above 0"),
        (["--together", "--agreement", "0.9"], "compared one at a time"),
    ],
)
def test_what_cannot_be_compared_is_refused(two, given, message):
    result = weir("noise", "--policies", two, *given)
    assert result.exit_code == 2
    assert message in result.output


def test_a_policy_without_company_has_nothing_to_be_asked_beside(tmp_path):
    with judge(together) as server:
        result = evaluated(server, policies(tmp_path), "--together")
    assert result.exit_code == 2
    assert "no other policy has the status active and the effort low" in result.output
