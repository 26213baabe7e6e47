"""Whether a screen in shadow takes the place of the one that decides."""

import itertools
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


def found(gained: int, lost: int, waiting: int = 0) -> Differences:
    return Differences(((AUDITED, gained),), lost, 4 * gained, waiting)


def test_a_screen_that_finds_what_the_other_clears_is_promoted_and_the_reason_says_how_much() -> (
    None
):
    decision = decide([found(6, 1)], attempt=1)
    assert decision.step == Step.PROMOTE
    assert "about 24 violations that are cleared now (6 seen in 24 audits) and lose 1" in (
        decision.reason
    )


def test_one_violation_seen_is_not_enough() -> None:
    assert decide([found(1, 0)], attempt=1).step == Step.WAIT


def test_nothing_found_on_either_side_waits() -> None:
    assert decide([Differences()], attempt=1).step == Step.WAIT


def test_what_waits_for_the_judge_counts_as_lost() -> None:
    assert decide([found(6, 1, waiting=30)], attempt=1).step == Step.WAIT


def test_each_refit_has_less_to_bet_of_its_own_than_the_one_before() -> None:
    first, twelfth = (decide([found(6, 1)], attempt).e_value for attempt in (1, 12))
    assert twelfth == pytest.approx(first * 2 / (12 * 13))
    assert twelfth < 1 / ERROR < first


def test_a_refit_takes_over_what_those_before_it_have_won() -> None:
    half = found(2, 0)
    assert decide([half], attempt=1).step == Step.WAIT
    assert decide([half, half], attempt=2).step == Step.PROMOTE
    assert decide([half], attempt=2).step == Step.WAIT  # what decides now began after the other


def test_a_refit_is_not_held_down_by_those_before_it_that_found_less() -> None:
    alone = decide([found(30, 0)], attempt=2).e_value
    assert decide([found(0, 200), found(30, 0)], attempt=2).e_value >= alone


def test_a_refit_that_finds_less_is_not_promoted_by_what_another_has_won() -> None:
    assert decide([found(30, 0), found(1, 6)], attempt=2).step == Step.WAIT


def test_the_screen_that_decided_before_comes_back_more_easily_than_a_new_one_is_promoted() -> None:
    few = [found(3, 0)]
    assert decide(few, attempt=3).step == Step.WAIT
    assert decide(few, attempt=0).step == Step.PROMOTE


def test_a_screen_that_surely_finds_less_is_withdrawn() -> None:
    decision = decide([Differences(((AUDITED, 0),), lost=40, audits=20)], attempt=1)
    assert decision.step == Step.WITHDRAW
    assert "it finds less" in decision.reason


def test_a_screen_that_finds_more_in_all_is_not_withdrawn_for_false_alarms_of_one_policy() -> None:
    whole = total([("new", found(6, 0)), ("new", Differences(((AUDITED, 0),), lost=7, audits=20))])
    assert decide([whole["new"]], attempt=1).step == Step.WAIT


def test_without_any_audit_nothing_is_withdrawn() -> None:
    assert decide([Differences((), lost=40)], attempt=1).step == Step.WAIT


def test_days_add_up_to_what_they_are_together() -> None:
    days = [("new", Differences(((AUDITED, 2),), 1, 8)) for _ in range(3)]
    assert evidence(total(days)["new"]) == pytest.approx(evidence(found(6, 3)))


@cache  # many streams come by the same numbers
def promotes(*counts):
    return decide([found(*each) for each in counts], attempt=len(counts)).step == Step.PROMOTE


@pytest.mark.parametrize(("gained", "lost"), [(0.01, 0.01), (0.02, 0.03), (0.001, 0.001)])
def test_screens_that_find_no_more_are_promoted_at_no_look_in_95_of_100_streams(
    gained, lost
) -> None:
    promoted = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        draws = random.random(600)
        seen = np.cumsum((draws < gained) & (random.random(600) < AUDITED))
        missed = np.cumsum(draws > 1 - lost)
        counts = np.stack([seen, missed])
        begins = [0, 150, 300]  # of each screen that is compared, one after another
        before: list[tuple[int, int]] = []
        for begin, end in itertools.pairwise([*begins, 600]):
            own = counts[:, begin:end] - counts[:, [begin]]  # a look every 30 posts
            looks = np.unique(own[:, 29::30], axis=1).T.tolist()
            promoted_now = any(promotes(*before, tuple(each)) for each in looks)
            if promoted_now:
                promoted += 1
                break
            before.append(tuple(own[:, -1].tolist()))
    assert promoted / 100 <= ERROR


def test_an_impossible_audit_is_refused() -> None:
    with pytest.raises(ValueError, match="impossible audit"):
        Differences(((0.0, 1),))
