"""Who is cleared, who is judged, and who is drawn for the audit."""

import numpy as np
import pyarrow as pa
import pytest

from weir.policies.policy import Policy, PolicySet
from weir.transforms.screen.model import Screen
from weir.transforms.screen.route import (
    AUDIT,
    CLEAR,
    ESCALATE,
    FORCED,
    Heads,
    ScreenSettings,
    draw_pairs,
    draw_posts,
    routes,
)
from weir.transforms.text.features import BUCKETS


def policy_set(*ids: str) -> PolicySet:
    return PolicySet(tuple(Policy(i, i, "owner", "text", {"1": "violates"}, {}) for i in ids))


@pytest.fixture(scope="module")
def screen() -> Screen:
    zeros = np.zeros((BUCKETS, 3), np.float32)
    return Screen.of(("a", "b", "c"), zeros, zeros[:, 0], np.zeros(3), np.array([0.1, 0.2, 0.3]))


def test_heads_follow_the_order_of_the_policy_set(screen: Screen) -> None:
    heads = Heads.of(screen, policy_set("c", "a"))
    assert heads.scores(np.array([[1.0, 2.0, 3.0]])).tolist() == [[3.0, 1.0]]
    assert heads.thresholds.tolist() == [0.3, 0.1]


def test_a_policy_without_a_head_is_forced_and_has_no_score(screen: Screen) -> None:
    heads = Heads.of(screen, policy_set("a", "new"))
    scores = heads.scores(np.zeros((2, 3)))
    assert np.isnan(scores[:, 1]).all()
    codes = routes(scores, heads, np.array([[False], [True]]))
    assert codes.tolist() == [[CLEAR, FORCED], [AUDIT, FORCED]]


def test_a_score_at_the_threshold_escalates(screen: Screen) -> None:
    heads = Heads.of(screen, policy_set("a"))
    scores = np.array([[0.1], [np.nextafter(0.1, 0)], [1.0]])
    codes = routes(scores, heads, np.zeros((3, 1), bool))
    assert codes[:, 0].tolist() == [ESCALATE, CLEAR, ESCALATE]


def test_an_audit_takes_only_what_would_have_been_cleared(screen: Screen) -> None:
    heads = Heads.of(screen, policy_set("a", "b"))
    codes = routes(np.array([[0.5, 0.0]]), heads, np.array([[True]]))
    assert codes.tolist() == [[ESCALATE, AUDIT]]


def test_a_set_without_policies_has_no_routes(screen: Screen) -> None:
    heads = Heads.of(screen, policy_set())
    assert routes(heads.scores(np.zeros((2, 3))), heads, np.zeros((2, 1), bool)).shape == (2, 0)


def test_the_audit_takes_its_share_and_always_the_same_posts() -> None:
    ids = pa.array([f"post-{n}" for n in range(20_000)])
    sample = draw_posts(ids, 0.05, "")
    assert abs(sample.mean() - 0.05) < 0.01
    assert np.array_equal(sample[100:], draw_posts(ids.slice(100), 0.05, ""))


def test_another_salt_draws_another_sample() -> None:
    ids = pa.array([f"post-{n}" for n in range(2000)])
    assert not np.array_equal(draw_posts(ids, 0.5, "one"), draw_posts(ids, 0.5, "two"))


def test_pairs_are_drawn_at_rates_of_their_own_and_those_of_a_low_one_at_a_higher_one_too() -> None:
    ids = pa.array([f"post-{n}" for n in range(20_000)])
    drawn = draw_pairs(ids, np.tile([0.02, 0.05], (20_000, 1)), "")
    assert np.abs(drawn.mean(axis=0) - [0.02, 0.05]).max() < 0.01
    assert not (drawn[:, 0] & ~drawn[:, 1]).any()


@pytest.mark.parametrize(("rate", "share"), [(0.0, 0.0), (1.0, 1.0)])
def test_no_audit_and_a_full_audit_are_exact(rate: float, share: float) -> None:
    assert draw_posts(pa.array([f"post-{n}" for n in range(500)]), rate, "").mean() == share


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_an_audit_rate_that_is_no_share_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="audit rate"):
        ScreenSettings("run", "cluster", audit_rate=rate)
