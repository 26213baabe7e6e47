"""Whether an answer is the same is a question of words where the engine promised them."""

import pytest

from tests.rows import verdict
from weir.pipelines.evaluate.judging import Answer
from weir.pipelines.reviews.appeal import AppealError, compare
from weir.transforms.judge.engine import Completion
from weir.transforms.judge.in_flight import Failed
from weir.transforms.judge.verdict import Reason, Verdict
from weir.transforms.records import Outcome

ROW = dict.fromkeys(("reason", "confidence", "answer", "reused_from", "asked_together")) | verdict(
    "live", 1, "spam", "violates", reasoning="It sells something."
)


def answer(reproducible, **changes):
    said = {
        "outcome": Outcome.VIOLATES,
        "rule_ids": ("R1",),
        "rationale": "because",
        "reasoning": "It sells something.",
    }
    return Answer(Verdict(**said | changes), Completion(final="1", reproducible=reproducible))


@pytest.mark.parametrize("reproducible", [None, True])
def test_the_same_words_are_the_same_answer(reproducible):
    compared = compare(ROW | {"reproducible": reproducible}, answer(reproducible))
    assert compared.same
    assert compared.differing == ()


@pytest.mark.parametrize(
    ("recorded", "now", "same"), [(True, True, False), (None, True, True), (True, None, True)]
)
def test_other_reasoning_is_another_answer_only_where_both_were_promised(recorded, now, same):
    compared = compare(ROW | {"reproducible": recorded}, answer(now, reasoning="An advert."))
    assert compared.differing == ("reasoning",)
    assert compared.same == same


@pytest.mark.parametrize("other", [{"reused_from": "d"}, {"asked_together": 3}])
def test_a_verdict_on_another_question_is_held_to_no_words(other):
    compared = compare(ROW | {"reproducible": True} | other, answer(True, reasoning="An advert."))
    assert compared.same


def test_an_answer_that_cannot_be_read_now_is_another_answer():
    said = {"outcome": Outcome.INDETERMINATE, "reason": Reason.NOT_JSON, "answer": "Well."}
    compared = compare(ROW | {"reproducible": None}, answer(None, **said))
    assert not compared.same
    assert {"verdict", "reason", "answer"} <= set(compared.differing)


def test_a_judge_that_does_not_answer_says_nothing_of_the_verdict():
    with pytest.raises(AppealError, match="the judge did not answer: timeout"):
        compare(ROW, Answer(Failed("timeout", "no answer within 60 s")))
