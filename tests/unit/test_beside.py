"""What the screen cleared, and the judge is asked about beside policies that escalate."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from weir.policies.policy import Effort, Policy, PolicySet
from weir.transforms.screen.beside import Beside
from weir.transforms.screen.route import (
    AUDIT,
    BESIDE,
    CLEAR,
    EMPTY,
    ESCALATE,
    FORCED,
    LESSON,
    goes_to_judge,
)


def policy(policy_id, **changes):
    return replace(Policy(policy_id, policy_id, "owner", "text", {"1": "violates"}, {}), **changes)


ALIKE = PolicySet(tuple(policy(each) for each in "abcd"))


def taken(codes, policies=ALIKE, text="one", over=()):
    codes = np.array([codes], np.int8)
    surge = np.isin(np.arange(codes.shape[1]), over)[None]
    return Beside(policies).taken(pa.array([text]), codes, surge)[0].tolist()


def test_what_is_cleared_of_a_post_with_two_that_escalate_is_judged_beside_them():
    assert taken([ESCALATE, CLEAR, FORCED, CLEAR]) == [ESCALATE, BESIDE, FORCED, BESIDE]


def test_what_audit_or_lesson_drew_of_such_a_post_is_beside_all_the_same():
    assert taken([ESCALATE, AUDIT, ESCALATE, LESSON]) == [ESCALATE, BESIDE, ESCALATE, BESIDE]


@pytest.mark.parametrize(
    "codes",
    [[ESCALATE, CLEAR, CLEAR, AUDIT], [AUDIT] * 4, [LESSON, AUDIT, CLEAR, CLEAR], [EMPTY] * 4],
)
def test_nothing_is_beside_one_that_escalates_or_beside_what_a_coin_drew(codes):
    assert taken(codes) == codes


def test_what_is_over_a_surges_bound_asks_nothing_now_and_has_nothing_beside_it():
    codes = [ESCALATE, CLEAR, ESCALATE, CLEAR]
    assert taken(codes, over=[2]) == codes


def test_policies_that_are_asked_at_another_effort_are_not_beside_it():
    other = policy("d", effort=Effort.HIGH)
    assert taken([ESCALATE, CLEAR, ESCALATE, CLEAR], PolicySet((*ALIKE.policies[:3], other))) == [
        ESCALATE,
        BESIDE,
        ESCALATE,
        CLEAR,
    ]


def test_a_post_that_is_too_long_to_ask_together_has_nothing_beside_it():
    codes = [ESCALATE, CLEAR, ESCALATE, CLEAR]
    assert taken(codes, text="calm weather " * 600) == codes
    assert taken(codes, text="calm weather " * 300)[1] == BESIDE


def test_the_codes_of_other_posts_stay_as_they_are():
    codes = np.array([[ESCALATE, CLEAR], [ESCALATE, ESCALATE], [CLEAR, CLEAR]], np.int8)
    policies = PolicySet(ALIKE.policies[:2])
    found = Beside(policies).taken(pa.array(["x"] * 3), codes, np.zeros(codes.shape, bool))
    assert found.tolist() == codes.tolist()
    assert goes_to_judge(np.array([[BESIDE]], np.int8)).all()
