"""A policy with two efforts: what is in doubt at the first is asked again at the second."""

from dataclasses import replace

import pytest

from tests.unit.judging.cases import POLICY, SETTINGS, Scripted, escalations, judge
from tests.unit.judging.together import HATE, POLICIES, Judge, judged, of, verdicts
from weir.policies.policy import Effort
from weir.transforms.judge.budget import Budget
from weir.transforms.judge.bundle import Bundle, Escalated
from weir.transforms.judge.rows import Deferred, Row
from weir.transforms.judge.second_effort import climbs
from weir.transforms.judge.shared_engine import Engines
from weir.transforms.judge.verdict import Reason, Verdict
from weir.transforms.records import Outcome

BOTH = replace(POLICY, second_effort=Effort.HIGH, effort_band=(0.2, 0.8))


def efforts(engine):
    return [(request.policy.policy_id, str(request.policy.effort)) for request in engine.asked]


def said(probability=None, confidence=None, reason=None):
    outcome = Outcome.INDETERMINATE if reason else Outcome.SAFE
    return Verdict(outcome, probability, confidence, reason=reason)


@pytest.mark.parametrize(
    ("verdict", "again"),
    [
        (said(0.19), False),
        (said(0.2), True),
        (said(0.8), True),
        (said(0.81), False),
        (said(0.5, "high"), True),
        (said(None, "high"), False),
        (said(None, "medium"), True),
        (said(None, None), True),
        (said(reason=Reason.CUT_OFF), True),
        (said(0.01, reason=Reason.NOT_JSON), True),
        (said(reason=Reason.CONTENT_FILTER), False),
        (said(reason=Reason.PROMPT_CUT), False),
        (said(reason=Reason.UNREAD), False),
    ],
)
def test_in_doubt_is_what_lies_in_the_band_or_what_the_model_is_not_sure_of(verdict, again):
    assert climbs(verdict, BOTH) is again
    assert not climbs(verdict, POLICY)


def test_a_post_in_doubt_is_asked_again_and_both_answers_are_on_the_record():
    [each], engine = judged("spam:0.5", policies=(BOTH,))
    assert efforts(engine) == [("spam", "low"), ("spam", "high")]
    assert verdicts([each])["p0", "spam"] == ("violates", None)
    assert (each.first.verdict.outcome, each.first.verdict.probability) == ("safe", 0.5)
    assert (each.first.completion.tokens_in, each.completion.tokens_in) == (30, 60)
    assert (each.requests, each.completion.effort) == (2.0, "high")
    assert each.policy.version == BOTH.version


@pytest.mark.parametrize(("text", "requests"), [("spam:0.5", 1), ("calm weather " * 2_000, 2)])
def test_what_was_answered_before_a_deferral_is_counted(text, requests):
    engine = Judge(content_tokens=1_000)
    shared = Engines().acquire("k", lambda: engine, 4, budget=Budget(requests=requests))
    bundle, batch = Bundle(shared, timeout_seconds=20), escalations(text)
    ended = [*bundle.take(batch, [Escalated(Row(batch, 0), BOTH)]), *bundle.finish()]
    assert [type(each) for each in ended] == [Deferred]
    answers, _ = bundle.take_answers()
    assert [answer.tokens_in for answer, _ in answers] == [30] * requests
    assert bundle.take_answers() == ([], 0)


def test_a_sure_answer_stands_at_the_first_effort():
    [each], engine = judged("spam:0.1", policies=(BOTH,))
    assert efforts(engine) == [("spam", "low")]
    assert (each.first, each.requests, each.completion.effort) == (None, 1.0, None)


def test_the_rows_of_a_second_effort_say_what_the_first_one_said_and_took():
    done = judge(
        escalations("spam:0.5", "spam:0.1"),
        settings=SETTINGS,
        policies=(BOTH,),
        engine=Scripted(kind=Judge),
    )
    again, sure = sorted(done.verdicts.to_pylist(), key=lambda row: row["content_id"])
    names = ("effort", "first_effort", "first_verdict", "first_probability")
    tokens = ("tokens_in", "first_tokens_in", "tokens_out", "first_tokens_out")
    assert [again[name] for name in names] == ["high", "low", "safe", 0.5]
    assert [again[name] for name in tokens] == [60, 30, 10, 5]
    assert [sure[name] for name in (*names, *tokens)] == [
        "low",
        None,
        None,
        None,
        30,
        None,
        5,
        None,
    ]
    assert {again["policy_version"], sure["policy_version"]} == {BOTH.version}


def test_equal_posts_in_doubt_are_asked_about_twice_in_all_and_copies_have_the_final_effort():
    results, engine = judged(
        "spam:0.5", "spam:0.5", policies=(BOTH,), batches=2, cache_bytes=1 << 20
    )
    assert efforts(engine) == [("spam", "low"), ("spam", "high")]
    assert [each.cached for each in results].count(True) == 3
    assert {each.completion.effort for each in results} == {"high"}
    assert sum(each.requests for each in results) == 2


def test_a_long_post_in_doubt_is_read_again_from_its_first_window():
    calm = "the weather was lovely and we walked along the river until noon " * 20
    [each], engine = judged(calm + "spam:0.5", policies=(BOTH,), content_tokens=128)
    count = len(engine.asked) // 2
    assert count > 1
    assert efforts(engine) == [("spam", "low")] * count + [("spam", "high")] * count
    assert each.requests == 2 * count
    assert each.completion.tokens_in == 2 * count * 30


def test_of_a_group_only_the_members_in_doubt_are_asked_again_and_alone():
    hate = replace(HATE, second_effort=Effort.HIGH, effort_band=(0.2, 0.8))
    results, engine = judged("spam:0.5 hate:0.1", policies=(POLICIES[0], hate, BOTH))
    assert efforts(engine) == [("together", "low"), ("spam", "high")]
    rows = {of(each, "policy_id"): each for each in results}
    assert rows["spam"].verdict.outcome == Outcome.VIOLATES
    assert rows["spam"].first.verdict.probability == 0.5
    assert rows["spam"].requests == pytest.approx(1 + 1 / 3)
    assert [rows[name].asked_together for name in ("fraud", "hate", "spam")] == [3, 3, None]
    assert sum(each.requests for each in results) == pytest.approx(2)
    assert sum(each.completion.tokens_in for each in results) == 100 + 30


def test_a_group_in_doubt_costs_equal_posts_nothing_more():
    results, engine = judged(
        "spam:0.5", "spam:0.5", policies=(POLICIES[0], HATE, BOTH), cache_bytes=1 << 20
    )
    assert efforts(engine) == [("together", "low"), ("spam", "high")]
    assert len(results) == 6
    assert {verdicts(results)[post, "spam"] for post in ("p0", "p1")} == {("violates", None)}
