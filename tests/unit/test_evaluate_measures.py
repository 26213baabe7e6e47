"""What is measured of a judge: computed by hand, and intervals that hold at their rate."""

import numpy as np
import pytest

from weir.pipelines.evaluate.measures import (
    Confusion,
    Decision,
    calibration,
    f1_difference,
    measure,
    right_ones,
)
from weir.transforms.records import Outcome

VIOLATES, SAFE, UNSURE = Outcome.VIOLATES, Outcome.SAFE, Outcome.INDETERMINATE


def decisions(*counts):
    """Return decisions by (label, outcome, how many)."""
    return [Decision(violates, outcome) for violates, outcome, n in counts for _ in range(n)]


MIXED = decisions(
    (True, VIOLATES, 6), (True, SAFE, 2), (True, UNSURE, 2), (False, VIOLATES, 3), (False, SAFE, 7)
)


def test_precision_recall_and_f1_are_those_computed_by_hand():
    found = measure(MIXED)
    assert found.confusion == Confusion(6, 2, 2, 3, 7, 0)
    assert (found.precision.hits, found.precision.count) == (6, 9)
    assert (found.recall.hits, found.recall.count) == (6, 10)
    precision, recall = 6 / 9, 6 / 10
    assert found.f1.value == pytest.approx(2 * precision * recall / (precision + recall))
    assert found.f1.low < found.f1.value < found.f1.high


def test_an_indeterminate_post_is_neither_flagged_nor_safe():
    found = measure(decisions((True, UNSURE, 1), (False, UNSURE, 1), (True, VIOLATES, 1)))
    assert (found.recall.hits, found.recall.count, found.indeterminate.hits) == (1, 2, 2)
    assert not Decision(False, UNSURE).right


def test_a_judge_that_is_always_right_still_has_an_interval():
    found = measure(decisions((True, VIOLATES, 20), (False, SAFE, 20)))
    assert found.f1.value == found.f1.high == 1
    assert 0.85 < found.f1.low < 0.95


def test_where_nothing_is_flagged_precision_is_unknown_and_f1_nothing():
    found = measure(decisions((True, SAFE, 3), (False, SAFE, 3)))
    assert (found.precision.value, found.f1.value) == (None, 0)


@pytest.mark.parametrize(
    ("posts", "recall", "alarms"), [(100, 0.9, 0.1), (40, 0.8, 0.05), (400, 0.97, 0.3)]
)
def test_the_interval_of_f1_covers_the_truth_at_its_rate(posts, recall, alarms):
    """Half the posts violate, and their number is fixed, as in a set of labels."""
    rng = np.random.default_rng(11)
    truth = 2 * recall / (2 * recall + alarms + 1 - recall)
    half = posts // 2
    covered = 0
    for caught, wrong in zip(
        rng.binomial(half, recall, 1000), rng.binomial(half, alarms, 1000), strict=True
    ):
        found = measure(
            decisions(
                (True, VIOLATES, caught),
                (True, SAFE, half - caught),
                (False, VIOLATES, wrong),
                (False, SAFE, half - wrong),
            )
        ).f1
        covered += found.low <= truth <= found.high
    assert 0.94 <= covered / 1000 <= 0.995


def test_probabilities_that_are_exact_are_told_from_ones_that_are_not():
    rng = np.random.default_rng(3)
    p = rng.random(2000)
    exact = calibration([Decision(bool(rng.random() < q), SAFE, float(q)) for q in p])
    assert exact.ece.value < exact.ece_by_chance
    sure = calibration([Decision(bool(rng.random() < 0.5), SAFE, float(q > 0.5)) for q in p])
    assert sure.ece.value > 0.4 > sure.ece_by_chance
    assert sure.brier.low <= sure.brier.value == pytest.approx(0.5, abs=0.05)


def test_the_calibration_error_is_the_mean_distance_of_ten_bins():
    found = calibration(
        [Decision(True, VIOLATES, 0.95), Decision(False, SAFE, 0.95), Decision(False, SAFE, 0.05)]
    )
    assert found.ece.value == pytest.approx((2 * (0.95 - 0.5) + 0.05) / 3)
    assert found.brier.value == pytest.approx((0.05**2 + 0.95**2 + 0.05**2) / 3)
    assert [(b.low, b.posts) for b in found.bins] == [(0.0, 1), (0.9, 2)]


def test_without_probabilities_calibration_is_unknown():
    assert measure(MIXED).calibration is None


def test_two_judges_are_compared_post_by_post():
    before = decisions((True, SAFE, 4), (True, VIOLATES, 6), (False, SAFE, 10))
    after = decisions((True, VIOLATES, 10), (False, SAFE, 9), (False, VIOLATES, 1))
    flips = right_ones(before, after)
    assert (flips.gained, flips.lost, flips.pairs) == (4, 1, 20)
    grown = f1_difference(before, after)
    assert grown.value == pytest.approx(20 / 21 - 0.75)
    assert grown.low < grown.value < grown.high


def test_a_policy_that_changes_nothing_has_no_difference():
    same = f1_difference(MIXED, MIXED)
    assert (same.value, same.low, same.high) == (0, 0, 0)
