"""Whether a head learned from verdicts takes the place of the one in force."""

import numpy as np
import pytest

from weir.transforms.screen.cold.promotion import RandomVerdicts, promote, recall_within


def verdicts(count: int = 1000, violations: int = 50, weights=None) -> RandomVerdicts:
    violates = np.arange(count) < violations
    weights = np.ones(count) if weights is None else weights
    return RandomVerdicts(violates, weights, np.ones(count, bool))


def ranking(judged: RandomVerdicts, strength: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(len(judged.violates))
    return noise + strength * judged.violates


def test_a_head_that_finds_more_on_random_verdicts_is_promoted() -> None:
    judged = verdicts()
    decision = promote(ranking(judged, 1, 1), ranking(judged, 3, 2), judged)
    assert decision.promoted
    assert decision.new_recall > decision.old_recall


def test_a_head_that_finds_less_is_not_and_the_reason_gives_both_recalls() -> None:
    judged = verdicts()
    decision = promote(ranking(judged, 3, 1), ranking(judged, 1, 2), judged)
    assert not decision.promoted
    assert "no more than what it would replace: recall" in decision.reason


def test_a_head_that_ranks_the_same_is_not_promoted() -> None:
    judged = verdicts()
    assert not promote(ranking(judged, 2, 1), ranking(judged, 2, 1), judged).promoted


def test_a_gain_of_one_post_may_be_chance() -> None:
    judged = verdicts()
    old = ranking(judged, 2, 1)
    new = old.copy()
    new[np.flatnonzero(judged.violates)[np.argmin(old[:50])]] = 9
    assert "may be chance" in promote(old, new, judged).reason


def test_a_head_that_is_no_better_is_not_promoted_at_any_look_in_95_of_100_streams() -> None:
    promoted = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        judged = verdicts(2000, violations=0)
        judged.violates[:] = random.random(2000) < 0.1
        old, new = ranking(judged, 1, 2 * seed + 500), ranking(judged, 1, 2 * seed + 501)
        promoted += any(
            promote(
                old[:seen],
                new[:seen],
                RandomVerdicts(
                    judged.violates[:seen], judged.weights[:seen], judged.sampled[:seen]
                ),
            ).promoted
            for seen in range(500, 2001, 300)
        )
    assert promoted <= 5


def test_fewer_than_500_random_verdicts_decide_nothing() -> None:
    judged = verdicts(499)
    decision = promote(ranking(judged, 1, 1), ranking(judged, 3, 2), judged)
    assert decision.reason == "499 random verdicts are too few to compare by; 500 are needed"


def test_escalated_verdicts_do_not_count_as_random_ones() -> None:
    judged = RandomVerdicts(np.arange(900) < 50, np.ones(900), np.arange(900) < 400)
    assert "400 random verdicts" in promote(np.zeros(900), np.ones(900), judged).reason


def test_a_handful_of_violations_decides_nothing() -> None:
    judged = verdicts(violations=3)
    assert "only 3 of the verdicts" in promote(np.zeros(1000), np.ones(1000), judged).reason


def test_recall_weighs_each_post_by_the_traffic_it_stands_for() -> None:
    violates = np.array([True, True, False, False])
    weights = np.array([1.0, 9.0, 40.0, 50.0])
    scores = np.array([4.0, 3.0, 2.0, 1.0])
    assert recall_within(scores, violates, weights, 0.01) == pytest.approx(0.1)
    assert recall_within(scores, violates, weights, 0.1) == pytest.approx(1.0)
