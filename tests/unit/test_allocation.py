"""How requests are divided among heads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.transforms.screen import selectivity
from weir.transforms.screen.thresholds.allocation import Asked, divide

SHARES = np.array(selectivity.SHARES)

CURVES = st.lists(st.floats(0, 1), min_size=len(SHARES), max_size=len(SHARES)).map(
    lambda recalls: np.array(sorted(recalls))
)
ANY = st.lists(st.none() | CURVES, min_size=1, max_size=6)
CONCAVE = st.floats(0.02, 3).map(lambda power: 1 - (1 - SHARES) ** (1 + 9 / power))


def recall(curve: np.ndarray, share: float) -> float:
    return float(np.interp(share, [0, *SHARES], [0, *curve]))


@given(ANY, st.floats(0, 1))
def test_all_that_may_be_asked_is_divided(curves: list, portion: float) -> None:
    total = portion * len(curves)
    shares = divide(total, curves)
    assert shares.sum() == pytest.approx(total)
    assert shares.min() >= 0
    assert shares.max() <= 1


@given(st.lists(CONCAVE, min_size=2, max_size=4), st.floats(0.01, 0.9), st.integers(0, 9))
def test_no_other_division_buys_more_recall(curves: list, portion: float, seed: int) -> None:
    total = portion * len(curves)
    bought = sum(recall(c, s) for c, s in zip(curves, divide(total, curves), strict=True))
    other = np.random.default_rng(seed).dirichlet(np.ones(len(curves))) * total
    if other.max() <= 1:
        assert bought >= sum(recall(c, s) for c, s in zip(curves, other, strict=True)) - 1e-9


def test_heads_without_a_curve_have_equal_shares() -> None:
    assert divide(0.6, [None, None, None]) == pytest.approx([0.2, 0.2, 0.2])


def test_a_head_that_ranks_well_needs_less_than_one_that_does_not() -> None:
    good = np.array([0.5, 0.7, 0.9, 0.99, 1, 1, 1, 1, 1, 1.0])
    bad = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1])
    of_good, of_bad, unknown = divide(0.3, [good.tolist(), bad.tolist(), None])
    assert of_good < of_bad
    assert unknown == pytest.approx(0.1)


def test_what_is_asked_includes_the_audits() -> None:
    (share,) = Asked(per_1000=100).shares([None], audit_rate=0.01)
    assert share + 0.01 * (1 - share) == pytest.approx(0.1)


def test_requests_for_a_thousand_posts_are_for_all_heads_together() -> None:
    assert Asked(per_1000=800).shares([None] * 8, 0.0).sum() == pytest.approx(0.8)
    assert Asked(per_head=0.2).shares([None] * 8, 0.0).sum() == pytest.approx(1.6)


def test_more_than_every_post_for_every_head_opens_all() -> None:
    assert Asked(per_1000=5000).shares([None] * 2, 0.01) == pytest.approx([1, 1])


def test_requests_that_the_audits_take_alone_are_refused() -> None:
    problem = Asked(per_1000=50).problem(8, audit_rate=0.01)
    assert problem is not None
    assert "take all of the 50 requests" in problem
    assert Asked(per_1000=50).shares([None] * 8, audit_rate=0.01).tolist() == [0.0] * 8
    assert Asked(per_1000=90).problem(8, audit_rate=0.01) is None


@pytest.mark.parametrize("asked", [{"per_head": 0.0}, {"per_head": 1.5}, {"per_1000": 0.0}])
def test_a_budget_that_is_none_is_refused(asked: dict) -> None:
    with pytest.raises(ValueError, match="give a"):
        Asked(**asked)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1.0])
def test_a_number_of_requests_that_is_none_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="requests for 1,000 posts"):
        Asked(per_1000=number)
