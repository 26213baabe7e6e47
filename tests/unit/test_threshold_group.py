"""Thresholds of one language: open for their share, slow to move, and never shut by an attack."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from weir.transforms.screen.thresholds.group import (
    BOUND,
    MOVE_SECONDS,
    SPEED,
    YOUNG,
    Group,
    Move,
    Reason,
)
from weir.transforms.screen.thresholds.sketch import logits

SHARE = np.array([0.1])
HOUR = 3600.0


def drawn(posts: int, middle: float = -3.0, seed: int = 0) -> np.ndarray:
    return expit(np.random.default_rng(seed).normal(middle, 1.0, (posts, 1)))


class Stream:
    """A group that is given posts, a batch at a time, and what became of them."""

    def __init__(
        self, shares: np.ndarray = SHARE, careful: float = np.inf, *, follows: bool = True
    ) -> None:
        self.careful = np.full(len(shares), careful)
        self.group, self.now = Group(shares, 0.0, follows=follows), 0.0
        self.moves: list[Move] = []

    def give(self, scores: np.ndarray, seconds: float = 0.0, fresh: bool = True) -> np.ndarray:
        """Return which posts are escalated (1), deferred (2) or cleared (0)."""
        self.now += seconds
        known = np.full(len(scores), fresh)
        places = logits(scores)
        self.moves += self.group.learn(places, known, self.now, self.careful)
        above = places >= self.group.cuts
        return above.astype(int) + self.group.over(places, known)

    def settled(self, posts: int = 5000) -> "Stream":
        self.give(drawn(posts))
        self.moves.clear()
        return self


def test_a_head_is_open_for_its_share_of_the_stream() -> None:
    stream = Stream().settled()
    assert (stream.give(drawn(5000, seed=1)) == 1).mean() == pytest.approx(0.1, abs=0.015)


@given(st.integers(1, 400), st.floats(0.01, 0.5), st.integers(0, 9))
def test_of_a_few_posts_the_highest_are_escalated(posts: int, share: float, seed: int) -> None:
    scores = drawn(posts, seed=seed)
    outcomes = Stream(np.array([share])).give(scores)
    assert (outcomes >= 1).sum() >= 0.95 * share * posts - 1
    assert outcomes[scores.argmax()] == 1


def test_of_a_few_posts_none_is_cleared_that_the_file_of_the_screen_would_send() -> None:
    stream = Stream(careful=1.0)
    assert stream.give(expit(np.array([[-4.0], [2.0], [3.0], [-4.0], [1.5]]))).tolist() == [
        [0], [1], [1], [0], [1],
    ]  # fmt: skip
    assert stream.give(expit(np.array([[-4.0], [2.0]]))).tolist() == [[0], [1]]


def test_a_stream_of_harmless_posts_is_no_more_open_for_being_young() -> None:
    few = drawn(150, middle=-9.0)
    assert np.array_equal(Stream(careful=1.0).give(few), Stream().give(few))


def test_once_enough_posts_were_seen_the_stream_decides_alone_and_calls_nothing_a_surge() -> None:
    stream, unaided = Stream(careful=-4.0), Stream()
    for seed in range(3 * YOUNG // 50):
        batch = drawn(50, seed=seed)
        stream.give(batch, seconds=1.0)
        unaided.give(batch, seconds=1.0)
        if stream.group.posts < YOUNG:
            assert stream.group.cuts == [-4.0]
    assert stream.group.cuts == unaided.group.cuts
    assert {move.reason for move in stream.moves} == {Reason.START, Reason.FOLLOWS}


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_what_the_file_sends_of_a_few_posts_is_judged_whatever_the_share(share: float) -> None:
    stream = Stream(np.array([share]), careful=-16.0)
    outcomes = np.concatenate([stream.give(drawn(19, seed=seed)) for seed in range(9)])
    assert (outcomes == 1).all()


def test_a_group_that_is_new_says_where_it_begins() -> None:
    stream = Stream(np.array([0.1, 0.5]))
    stream.give(np.column_stack([drawn(500), drawn(500)]))
    assert [(move.head, move.reason, move.posts) for move in stream.moves] == [
        (0, Reason.START, 500),
        (1, Reason.START, 500),
    ]


@pytest.mark.parametrize("middle", [-9.0, -1.0], ids=["harmless", "near misses"])
def test_a_flood_moves_a_threshold_no_faster_than_the_clock(middle: float) -> None:
    stream = Stream().settled()
    (before,) = stream.group.cuts
    for minute in range(30):
        stream.give(drawn(20_000, middle, seed=minute), seconds=60)
    assert abs(stream.group.cuts[0] - before) <= SPEED * 30 * 60 + 1e-9


def test_a_threshold_follows_what_has_changed_for_good() -> None:
    stream = Stream().settled()
    for hour in range(6 * 60):
        stream.give(drawn(500, -2.5, seed=hour), seconds=60)
    assert (stream.give(drawn(5000, -2.5, seed=999)) >= 1).mean() == pytest.approx(0.1, abs=0.03)
    assert {move.reason for move in stream.moves} == {Reason.FOLLOWS}


def test_a_quiet_night_earns_no_leap() -> None:
    stream = Stream().settled()
    (before,) = stream.group.cuts
    stream.give(drawn(30_000, -2.4, seed=1), seconds=12 * HOUR)
    assert abs(stream.group.cuts[0] - before) < 0.1


def test_an_attack_is_escalated_up_to_a_bound_then_deferred_and_never_cleared() -> None:
    stream = Stream().settled()
    outcomes = np.concatenate(
        [stream.give(drawn(500, 4.0, seed=n), seconds=60) for n in range(100)]
    )
    assert not (outcomes == 0).any()
    escalated = (outcomes[5000:] == 1).mean()
    assert escalated == pytest.approx(BOUND * SHARE[0], abs=0.02)
    assert [move.reason for move in stream.moves] == [Reason.SURGE]


def test_in_an_attack_the_worst_are_judged_first() -> None:
    stream = Stream().settled()
    for n in range(10):
        stream.give(drawn(500, 4.0, seed=n))
    posts = drawn(500, 4.0, seed=99)
    outcomes = stream.give(posts)
    assert posts[outcomes == 1].min() >= posts[outcomes == 2].max()


def test_after_an_attack_the_threshold_is_where_it_was() -> None:
    stream = Stream().settled()
    (before,) = stream.group.cuts
    for n in range(60):
        stream.give(drawn(500, 4.0, seed=n), seconds=60)
    for n in range(60):
        stream.give(drawn(500, seed=n), seconds=60)
    assert not stream.group.surging.any()
    assert stream.moves[-1].reason in (Reason.SURGE_OVER, Reason.FOLLOWS)
    assert stream.group.cuts[0] == pytest.approx(before, abs=0.4)


def test_copies_move_no_threshold_and_use_up_nothing() -> None:
    stream = Stream().settled()
    before = stream.group.cuts.copy()
    copies = np.full((50_000, 1), 0.99)
    for _ in range(30):
        outcomes = stream.give(copies, seconds=MOVE_SECONDS, fresh=False)
        assert (outcomes == 1).all()
    assert not stream.group.surging.any()
    assert stream.group.cuts == pytest.approx(before, abs=0.03)


def test_a_start_stays_near_what_was_known_before() -> None:
    group = Group(SHARE, 0.0)
    group.learn(logits(drawn(2000, 3.0)), np.ones(2000, bool), 0.0)
    group.begin(np.array([-2.0]), within=np.array([0.5]))
    assert group.cuts == [-1.5]


def test_thresholds_that_do_not_follow_stay_where_they_began() -> None:
    stream = Stream(follows=False)
    stream.give(drawn(YOUNG))
    before = stream.group.cuts.copy()
    for n in range(20):
        stream.give(drawn(2000, 0.0, seed=n), seconds=HOUR)
    assert np.array_equal(stream.group.cuts, before)
