"""What the audit says of the screen: estimates, intervals, and drift."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.audit import Stream, alarms, coverage, draw
from weir.transforms.screen.live_recall import Sample, drift, estimate, limits, violations_needed


def sample(caught, missed, audits=1000, chance=0.1, waiting=(0, 0)):
    """Return a sample with one inclusion probability, and escalations and audits that wait."""
    return Sample(
        escalated=caught + 50 + waiting[0],
        escalated_answered=caught + 50,
        caught=caught,
        cleared=audits * 20,
        audits=audits + waiting[1],
        audits_answered=audits,
        missed_seen=missed,
        audit_weight=audits / chance,
        audit_squares=audits / chance**2,
        missed_weight=missed / chance,
        missed_squares=missed / chance**2,
    )


def test_each_audited_violation_stands_for_as_many_as_its_probability_says():
    said = estimate(sample(caught=80, missed=2, chance=0.1))
    assert said.missed.value == pytest.approx(20)
    assert said.recall.value == pytest.approx(0.8)


def test_the_interval_of_the_missed_solves_the_score_equation_of_the_sampling():
    chance, seen = 0.25, 12
    said = estimate(sample(caught=80, missed=seen, chance=chance))
    for bound in (said.missed.low, said.missed.high):
        variance = bound * chance * (1 - chance)
        assert (seen - bound * chance) ** 2 == pytest.approx(1.959964**2 * variance, rel=1e-4)


def test_with_every_cleared_post_judged_the_missed_are_known_and_the_recall_has_an_interval():
    said = estimate(sample(caught=80, missed=20, chance=1.0))
    assert (said.missed.low, said.missed.value, said.missed.high) == (20, 20, 20)
    # Wilson's interval of 80 of 100.
    assert (said.recall.low, said.recall.high) == pytest.approx((0.7112, 0.8666), abs=1e-4)


def test_without_an_audited_violation_recall_is_one_only_at_best():
    said = estimate(sample(caught=80, missed=0, chance=0.1))
    assert (said.recall.value, said.recall.high) == (1, 1)
    assert said.recall.low == pytest.approx(80 / (80 + 38.4), abs=0.01)


def test_without_an_audit_nothing_is_known():
    said = estimate(Sample(escalated=9, escalated_answered=9, caught=3, cleared=500))
    assert (said.recall.value, said.recall.low, said.recall.high) == (None, 0, 1)
    assert (said.missed.value, said.missed.high) == (None, math.inf)
    assert drift(Sample(), 0.95).more_audits is None


def test_what_has_no_verdict_is_taken_to_be_like_the_rest_of_its_route():
    known = sample(caught=80, missed=2)
    half = sample(caught=80, missed=2, waiting=(130, 1000))
    assert half.unanswered == 1130
    assert estimate(half).missed.value == pytest.approx(2 * estimate(known).missed.value)
    assert estimate(half).recall.value == pytest.approx(0.8)


def test_the_bounds_say_what_the_unanswered_could_change():
    said = estimate(sample(caught=80, missed=2, waiting=(20, 3)))
    assert said.lowest == pytest.approx(80 / (80 + 20 + 30))
    assert said.highest == pytest.approx(100 / (100 + 20))


def test_two_rates_widen_the_interval_beyond_that_of_either_count():
    one = sample(caught=800, missed=20, audits=1000, chance=0.05)
    two = sample(caught=400, missed=10, chance=0.1) + sample(caught=400, missed=5, chance=0.025)
    assert estimate(one).missed.value == pytest.approx(400)
    assert estimate(two).missed.value == pytest.approx(300)
    width_one = estimate(one).missed.high - estimate(one).missed.low
    assert estimate(two).missed.high - estimate(two).missed.low > width_one


def test_audits_of_what_a_screen_in_shadow_would_send_say_little_of_the_rest():
    compared = sample(caught=48, missed=0, audits=20, chance=0.5)
    assert estimate(compared).recall.low > 0.8
    rare = replace(compared, cleared_weight=compared.cleared / 0.001)
    assert estimate(rare).recall.low < 0.05
    assert estimate(rare).missed.high > 1000


def test_what_is_judged_beside_other_policies_is_counted_and_not_estimated():
    alone = estimate(sample(caught=80, missed=2, chance=0.1))
    both = estimate(beside(sample(caught=80, missed=2, chance=0.1), 300, 15))
    assert both.missed.value == pytest.approx(20 + 15)
    assert both.missed.high - both.missed.low == pytest.approx(alone.missed.high - alone.missed.low)
    assert both.recall.value == pytest.approx(80 / (80 + 35))


def test_without_the_audit_what_is_judged_beside_others_says_nothing_of_the_rest():
    said = estimate(Sample(9, 9, 3, cleared=500, beside=100, beside_answered=100, beside_missed=2))
    assert (said.recall.value, said.missed.value) == (None, None)


def test_what_waits_beside_others_is_taken_to_be_like_the_rest_and_bounds_the_recall():
    said = replace(beside(sample(caught=80, missed=2), 300, 10), beside_answered=150)
    assert estimate(said).missed.value == pytest.approx(20 + 20)
    assert estimate(said).lowest == pytest.approx(80 / (80 + 20 + 10 + 150))
    assert said.unanswered == 150


def beside(known, posts, missed):
    return replace(known, beside=posts, beside_answered=posts, beside_missed=missed)


@given(
    caught=st.integers(0, 200),
    missed=st.integers(0, 50),
    unseen=st.integers(0, 200),
    chance=st.floats(0.001, 1),
    counted=st.integers(0, 20),
)
def test_every_interval_holds_its_estimate(caught, missed, unseen, chance, counted):
    audited = sample(caught, missed, audits=missed + unseen + 1, chance=chance)
    said = estimate(beside(audited, min(20, audited.cleared), counted))
    rounding = 1e-9
    assert said.missed.low - rounding <= said.missed.value * (1 + rounding)
    assert said.missed.value <= said.missed.high * (1 + rounding)
    if said.recall.value is not None:
        assert 0 <= said.recall.low <= said.recall.value + rounding
        assert said.recall.value - rounding <= said.recall.high <= 1
        assert said.lowest <= said.highest + rounding


@pytest.mark.parametrize(("seen", "low"), [(0, 0), (1, 0.0513), (2, 0.3554), (3, 0.8177)])
def test_the_lower_limits_of_a_few_counts_are_exact(seen, low):
    assert limits(seen, 1.0)[0] == pytest.approx(low, abs=1e-4)


def test_a_part_larger_than_the_whole_is_no_sample():
    with pytest.raises(ValueError, match="more of a part"):
        Sample(escalated=1, caught=2)


def test_samples_of_separate_posts_add_up():
    together = Sample.total([sample(80, 2), sample(20, 1)])
    assert (together.escalated, together.caught, together.missed_seen) == (200, 100, 3)
    assert together.audits == 2000
    assert together.missed_weight == pytest.approx(30)


def test_the_p_value_of_drift_is_the_binomial_tail():
    # 9 caught and 3 missed, all posts judged: P(3 or more of 12 missed) at a recall of .95.
    share = 0.05
    tail = 1 - sum(math.comb(12, n) * share**n * (1 - share) ** (12 - n) for n in range(3))
    assert drift(sample(caught=9, missed=3, chance=1.0), 0.95).p_value == pytest.approx(tail)


def test_drift_is_found_where_too_many_are_missed_and_only_there():
    assert drift(sample(caught=900, missed=20), 0.95).found
    assert not drift(sample(caught=900, missed=4), 0.95).found


def test_a_small_audit_says_how_many_more_it_takes():
    small, large = sample(caught=95, missed=1), sample(caught=9500, missed=50)
    assert drift(small, 0.95).more_audits == pytest.approx(8 * 1000, rel=0.2)
    assert drift(large, 0.95).more_audits == 0
    assert drift(sample(caught=0, missed=0), 0.95).more_audits is None


@pytest.mark.parametrize(("certified", "needed"), [(0.99, 50), (0.95, 100), (0.9, 140), (0.8, 180)])
def test_violations_needed_are_in_proportion_to_the_rate(certified, needed):
    for chance in (0.01, 0.1):
        assert violations_needed(certified, chance) * chance == pytest.approx(needed, rel=0.07)


@pytest.mark.parametrize("certified", [0, 1, 1.5, math.nan])
def test_a_certified_recall_that_is_no_share_is_refused(certified):
    with pytest.raises(ValueError, match="certified recall"):
        drift(sample(caught=9, missed=1), certified)


@pytest.mark.parametrize(
    "stream",
    [
        Stream(2_000, 0.8, (0.01,)),
        Stream(10_000, 0.95, (0.01,)),
        Stream(2_000, 0.9, (0.1,)),
        Stream(20_000, 0.9, (0.01, 0.05)),
        Stream(20_000, 0.9, (0.01,), unanswered=0.1),
        Stream(20_000, 0.9, (0.01,), beside=0.02),
        Stream(2_000, 0.8, (0.01,), beside=0.3),
        Stream(20_000, 0.9, (0.01,), unanswered=0.1, beside=0.9),
    ],
    ids=str,
)
def test_the_intervals_hold_the_truth_of_about_19_in_20_streams(stream):
    held = coverage(stream, 500)
    assert 0.92 <= held.recall <= 0.985
    assert 0.92 <= held.recall_of_posts <= 0.985
    assert 0.92 <= held.missed <= 0.985


@pytest.mark.parametrize("beside", [0.1, 0.5])
def test_the_missed_are_estimated_without_bias_though_what_is_beside_violates_more_often(beside):
    random, errors = np.random.default_rng(3), []
    for _ in range(400):
        known, truth = draw(Stream(5_000, 0.8, (0.05,), beside=beside), random)
        errors.append(estimate(known).missed.value - truth.missed)
    assert abs(np.mean(errors)) < 3 * np.std(errors) / np.sqrt(len(errors))


@pytest.mark.parametrize("beside", [0.0, 0.3])
@pytest.mark.parametrize("certified", [0.99, 0.95, 0.8])
def test_a_fall_of_ten_points_is_found_and_no_fall_is_not(certified, beside):
    found = alarms(certified, 0.01, 300, beside=beside)
    assert found.unchanged <= 0.05
    assert found.fallen >= 0.87
