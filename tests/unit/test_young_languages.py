"""Where the thresholds of a language stand that few posts of a stream are in."""

import numpy as np
import pytest

from weir.transforms.arrays import Floats
from weir.transforms.screen.thresholds.stream import StreamThresholds
from weir.transforms.text.languages import GROUPS

OFTEN, SELDOM, UNKNOWN = 0, 1, 2  # languages; the head knows the first two
SHARE, FILE = 0.05, 0.1  # what is asked for; the threshold in the screen's file


def thresholds() -> StreamThresholds:
    careful = np.full((len(GROUPS), 1), np.inf)
    careful[[OFTEN, SELDOM]] = FILE
    return StreamThresholds("screen", np.array([SHARE]), careful=careful)


def drawn(posts: int, seed: int) -> Floats:
    return np.random.default_rng(seed).random((posts, 1))


def above(stream: StreamThresholds, language: int, scores: Floats) -> float:
    """Return the share of posts that are sent."""
    return float(stream.cut(scores, np.full(len(scores), language, np.uint8), 0.0).above.mean())


def test_a_language_of_few_posts_takes_no_more_than_was_asked_for_of_the_whole_stream() -> None:
    stream = thresholds()
    above(stream, OFTEN, drawn(2000, seed=1))
    assert above(stream, SELDOM, drawn(150, seed=2)) == pytest.approx(SHARE, abs=0.03)


def test_what_would_be_judged_in_the_whole_stream_is_judged_in_a_language_of_few_posts() -> None:
    stream = thresholds()
    above(stream, OFTEN, drawn(2000, seed=1))
    assert above(stream, SELDOM, np.array([[0.97], [0.98], [0.99]])) == 1.0


def test_as_long_as_the_whole_stream_is_young_the_file_of_the_screen_decides() -> None:
    stream = thresholds()
    above(stream, OFTEN, drawn(20, seed=1))
    assert above(stream, SELDOM, np.array([[0.2], [0.3], [0.05]])) == pytest.approx(2 / 3)


def test_the_stream_says_nothing_of_a_language_that_the_head_does_not_know() -> None:
    stream = thresholds()
    above(stream, OFTEN, drawn(2000, seed=1) / 100)
    posts = drawn(100, seed=2)
    assert above(stream, UNKNOWN, posts) == pytest.approx(SHARE, abs=0.02)
