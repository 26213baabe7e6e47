"""Whether a screen in shadow takes the place of the one that decides."""

from functools import cache

import numpy as np
import pytest

from weir.transforms.screen.teaching.promotion import (
    ERROR,
    Differences,
    Step,
    decide,
    evidence,
    total,
)

AUDITED = 0.25


def found(gained: int, lost: int, waiting: int = 0, **more: Differences) -> dict:
    return {"spam": Differences(((AUDITED, gained),), lost, 4 * gained, waiting)} | more


def test_a_screen_that_finds_what_the_other_clears_is_promoted_and_the_reason_says_how_much() -> (
    None
):
    decision = decide(found(6, 1), attempt=1)
    assert decision.step == Step.PROMOTE
    assert "about 24 violations that are cleared now (6 seen in 24 audits) and lose 1" in (
        decision.reason
    )


def test_one_violation_seen_is_not_enough() -> None:
    assert decide(found(1, 0), attempt=1).step == Step.WAIT


def test_nothing_found_on_either_side_waits() -> None:
    assert decide({}, attempt=1).step == Step.WAIT


def test_what_waits_for_the_judge_counts_as_lost() -> None:
    assert decide(found(6, 1, waiting=30), attempt=1).step == Step.WAIT


def test_each_refit_has_to_win_more_than_the_one_before() -> None:
    won = decide(found(6, 1), attempt=1).e_value
    assert 2 / ERROR <= won < 12 * 13 / ERROR
    assert decide(found(6, 1), attempt=12).step == Step.WAIT


def test_the_screen_that_decided_before_comes_back_more_easily_than_a_new_one_is_promoted() -> None:
    few = found(3, 0)
    assert decide(few, attempt=3).step == Step.WAIT
    assert decide(few, attempt=0).step == Step.PROMOTE


def test_a_screen_that_surely_loses_some_policy_is_withdrawn_however_much_it_gains_of_another() -> (
    None
):
    decision = decide(
        found(30, 0, hate=Differences(((AUDITED, 0),), lost=40, audits=20)), attempt=1
    )
    assert decision.step == Step.WITHDRAW
    assert "it finds less of hate" in decision.reason


def test_a_policy_without_any_audit_withdraws_nothing() -> None:
    assert decide({"hate": Differences((), lost=40)}, attempt=1).step == Step.WAIT


def test_days_add_up_to_what_they_are_together() -> None:
    days = [("spam", Differences(((AUDITED, 2),), 1, 8)) for _ in range(3)]
    assert evidence(total(days)["spam"]) == pytest.approx(evidence(found(6, 3)["spam"]))


@cache  # many streams come by the same numbers
def promotes(gained, lost):
    return decide(found(gained, lost), attempt=0).step == Step.PROMOTE


@pytest.mark.parametrize(("gained", "lost"), [(0.01, 0.01), (0.03, 0.05), (0.001, 0.001)])
def test_a_screen_that_finds_no_more_is_promoted_at_no_look_in_95_of_100_streams(
    gained, lost
) -> None:
    promoted = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        draws = random.random(1500)
        seen = np.cumsum((draws < gained) & (random.random(1500) < AUDITED))
        missed = np.cumsum(draws > 1 - lost)
        changes = np.unique(np.stack([seen, missed]), axis=1).T.tolist()
        promoted += any(promotes(g, m) for g, m in changes)
    assert promoted / 200 <= ERROR


def test_an_impossible_audit_is_refused() -> None:
    with pytest.raises(ValueError, match="impossible audit"):
        Differences(((0.0, 1),))
