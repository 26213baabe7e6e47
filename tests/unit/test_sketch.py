"""Quantiles of scores, from a histogram of bounded size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from weir.transforms.screen.thresholds.sketch import EDGE, MEMORY, Sketch, logits, places

SPREADS = st.tuples(st.floats(-6, 6), st.floats(0.2, 3))


def sketch_of(scores: np.ndarray) -> Sketch:
    sketch = Sketch(scores.shape[1])
    sketch.add(logits(scores))
    return sketch


def drawn(spreads: list[tuple[float, float]], posts: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    columns = [random.normal(middle, spread, posts) for middle, spread in spreads]
    return expit(np.column_stack(columns))


@given(st.lists(SPREADS, min_size=1, max_size=4), st.floats(0.01, 0.9))
def test_a_cut_lets_its_share_of_the_posts_pass(
    spreads: list[tuple[float, float]], share: float
) -> None:
    scores = drawn(spreads, 2000)
    cuts = sketch_of(scores).cuts(np.full(len(spreads), share))
    passed = (logits(scores) >= cuts).mean(axis=0)
    # The posts of one bin, the densest there is, cannot be told apart.
    most = max(0.4 / (64 * spread) for _, spread in spreads)
    assert passed.min() > share - 0.002 - 2 * most
    assert passed.max() < share + 0.002 + 2 * most


def test_the_first_post_of_a_stream_is_above_the_cut() -> None:
    assert sketch_of(np.array([[0.3]])).cuts(np.array([0.01])) == [-np.inf]
    assert Sketch(1).cuts(np.array([0.01])) == [-np.inf]


def test_of_a_few_posts_the_highest_is_above_the_cut() -> None:
    (cut,) = sketch_of(np.array([[0.1], [0.3], [0.9], [0.2]])).cuts(np.array([0.01]))
    assert expit(cut) == pytest.approx(0.9, abs=0.02)
    assert expit(cut) <= 0.9


def test_a_share_of_one_cuts_nothing_off() -> None:
    assert sketch_of(drawn([(0, 1)], 100)).cuts(np.ones(1)) == [-np.inf]


def test_what_is_not_counted_changes_nothing() -> None:
    scores = drawn([(0, 1)], 500)
    sketch = sketch_of(scores)
    before = sketch.counts.copy()
    sketch.add(np.full((50, 1), 5.0), np.zeros((50, 1), bool))
    assert np.array_equal(sketch.counts, before)


def test_older_posts_are_forgotten() -> None:
    sketch = sketch_of(np.full((20_000, 1), 0.9))
    for _ in range(5):
        sketch.add(np.full((20_000, 1), -2.0))
    assert sketch.counts.sum() == pytest.approx(MEMORY)
    assert sketch.cuts(np.array([0.05]))[0] < 0


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_scores_of_nothing_and_of_one_have_a_place(score: float) -> None:
    sketch = sketch_of(np.full((3, 1), score))
    assert sketch.counts.sum() == 3


@given(st.floats(0.01, 0.9), st.floats(0.01, 0.99))
def test_among_equal_scores_a_lot_lets_the_share_pass(share: float, score: float) -> None:
    lots = np.random.default_rng(0).random(3000)
    found = places(np.full((3000, 1), score), lots)
    sketch = Sketch(1)
    sketch.add(found)
    assert (found >= sketch.cuts(np.array([share]))).mean() == pytest.approx(share, abs=0.05)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_a_lot_leaves_a_score_in_its_bin(scores: list[float]) -> None:
    column = np.array(scores)[:, None]
    low = places(column, np.zeros(len(scores)))
    high = places(column, np.full(len(scores), 0.999))
    assert np.abs(np.clip(logits(column), -EDGE, EDGE) - low).max() <= 1 / 64 + 1e-9
    assert (high >= low).all()
