"""Intervals and tests of two sets of decisions: as others compute them, and as often right."""

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from weir.transforms.statistics import Flips, Share, Words, mcnemar, mcnemar_in_words

PAIRS, TRIALS = 1_000, 4_000


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_of_a_share_is_wilsons_but_where_that_is_too_short(of):
    hits, count = of
    wilson = binomtest(hits, count).proportion_ci(method="wilson")
    share = Share(hits, count)
    assert 0 <= share.low <= share.value <= share.high <= 1
    if hits in (1, 2, 3):
        assert share.low <= wilson.low + 1e-12
    else:
        assert share.low == pytest.approx(wilson.low, abs=1e-12)
    if count - hits in (1, 2, 3):
        assert share.high >= wilson.high - 1e-12
    else:
        assert share.high == pytest.approx(wilson.high, abs=1e-12)


def test_a_share_of_nothing_is_unknown():
    assert (Share(0, 0).value, Share(0, 0).low, Share(0, 0).high) == (None, 0, 1)


def test_more_hits_than_there_are_posts_are_refused():
    with pytest.raises(ValueError, match="is no share"):
        Share(2, 1)
    with pytest.raises(ValueError, match="more flips than pairs"):
        Flips(gained=2, lost=2, pairs=3)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemars_p_value_counts_the_coin_tosses_that_are_as_uneven(gained, lost):
    flips = gained + lost
    uneven = sum(
        comb(flips, heads)
        for heads in range(flips + 1)
        if abs(2 * heads - flips) >= abs(gained - lost)
    )
    assert mcnemar(gained, lost) == pytest.approx(min(1.0, uneven / 2**flips))


def simulated(newly, no_longer):
    """Return flips of many comparisons of 1,000 pairs, given how likely each kind is."""
    chances = [newly, no_longer, 1 - newly - no_longer]
    rng = np.random.default_rng(7)
    return [Flips(int(b), int(c), PAIRS) for b, c, _ in rng.multinomial(PAIRS, chances, TRIALS)]


def covered(limits, truth):
    return np.mean([low <= truth <= high for low, high in limits])


def test_the_intervals_of_1000_pairs_cover_the_truth_at_their_rate():
    rates = []
    for newly, no_longer in [(0.05, 0.02), (0.01, 0.01), (0.3, 0.1), (0.004, 0.02), (0.0002, 0.1)]:
        found = simulated(newly, no_longer)
        rates += [
            covered([(f.newly_flagged.low, f.newly_flagged.high) for f in found], newly),
            covered(
                [(f.no_longer_flagged.low, f.no_longer_flagged.high) for f in found], no_longer
            ),
            covered([(f.agreement.low, f.agreement.high) for f in found], 1 - newly - no_longer),
            covered([f.difference[1:] for f in found], newly - no_longer),
        ]
    # Counts are whole numbers, so that no interval of shares can keep to 95 % at every truth.
    assert min(rates) >= 0.925
    assert 0.945 <= np.mean(rates) <= 0.965


def test_equal_sides_are_told_apart_in_at_most_one_of_twenty_comparisons():
    assert np.mean([f.p_value < 0.05 for f in simulated(0.02, 0.02)]) <= 0.05


def said_of(flips, a="A", b="B"):
    return mcnemar_in_words(flips, a, b, Words())


def test_flips_that_fall_evenly_are_said_to_show_nothing():
    said = said_of(Flips(5, 4, 100))
    assert "9 of 100 posts changed sides: 5 flagged only by B, 4 flagged only by A" in said
    assert "not shown that either flags more" in said


def test_flips_that_fall_one_way_are_said_to_show_which_side_flags_more():
    assert said_of(Flips(1, 30, 900), "live", "new").endswith("live flags more.")
    assert "once in" in said_of(Flips(1, 30, 900))


def test_few_flips_are_said_to_be_too_few():
    assert said_of(Flips(5, 0, 900)).endswith(
        "So few cannot show that either flags more than the other."
    )
    assert said_of(Flips(6, 0, 900)).endswith("B flags more.")


@pytest.mark.parametrize(
    ("flips", "said"),
    [(Flips(0, 0, 100), "at most 3.70%"), (Flips(0, 0, 0), "Both decided none of the posts")],
)
def test_without_flips_it_is_said_how_little_that_shows(flips, said):
    assert said in said_of(flips)
