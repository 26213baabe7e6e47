"""What is drawn at random to teach a screen, and to compare two."""

import numpy as np

from weir.transforms.screen.route import (
    AUDIT,
    CLEAR,
    ESCALATE,
    LESSON,
    Heads,
    goes_to_judge,
    routes,
)
from weir.transforms.screen.thresholds.decide import COMPARED_AUDITS, audit_rates

HEADS = Heads(np.array([0]), np.array([0.5]))
YES, NO = np.ones((1, 1), bool), np.zeros((1, 1), bool)


def test_a_lesson_is_a_cleared_post_that_is_judged_and_is_no_audit() -> None:
    codes = routes(np.array([[0.1], [0.9]]), HEADS, YES, lessons=YES)
    assert codes.ravel().tolist() == [LESSON, ESCALATE]
    assert goes_to_judge(codes).all()


def test_without_lessons_the_audit_takes_what_it_took() -> None:
    scores = np.array([[0.1]])
    assert routes(scores, HEADS, YES, lessons=NO).item() == AUDIT
    assert routes(scores, HEADS, NO).item() == CLEAR


def test_what_a_screen_in_shadow_alone_would_send_is_audited_far_more_often() -> None:
    unseen = np.zeros((2, 1), bool)
    shadow = np.array([[ESCALATE], [CLEAR]], np.int8)
    assert audit_rates(0.01, unseen, [shadow]).ravel().tolist() == [COMPARED_AUDITS, 0.01]


def test_a_run_without_audits_audits_nothing_whatever_is_in_shadow() -> None:
    shadow = np.array([[ESCALATE]], np.int8)
    assert audit_rates(0.0, np.ones((1, 1), bool), [shadow]).item() == 0.0


def test_no_rate_is_above_one() -> None:
    assert audit_rates(0.8, np.ones((1, 1), bool), []).item() == 1.0
