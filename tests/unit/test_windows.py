"""Long posts are read in windows, so that nothing hides in what stands around it."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weir.transforms.screen.model import Screen, score_all
from weir.transforms.text.features import BUCKETS, matrix
from weir.transforms.text.windows import LONG, WINDOW, views

THREAT = "i will kill all of you tonight"
CALM = "the weather was lovely and we walked along the river until noon "


def column(*texts: str) -> pa.StringArray:
    return pa.array(texts, pa.string())


def one_head() -> Screen:
    """Return a head that knows the n-grams of THREAT, and holds those of CALM against it."""
    weights = np.zeros((BUCKETS, 1), np.float32)
    weights[matrix([THREAT]).indices] = 1
    weights[matrix([CALM]).indices] = -0.25
    scale = np.ones(BUCKETS, np.float32)
    return Screen.of(("violence",), weights, scale, np.zeros(1), np.full(1, 0.7))


SCREEN = one_head()


@pytest.mark.parametrize("before", [0, 7, 300])
@pytest.mark.parametrize("after", [6, 300, 4000])
def test_what_is_escalated_alone_is_escalated_among_any_amount_of_filler(before, after):
    text = CALM * before + THREAT + " " + CALM * after
    assert SCREEN.score(column(THREAT))[0, 0] > 0.7
    assert SCREEN.score(column(text))[0, 0] > 0.7
    assert SCREEN.score(column(CALM * (before + after)))[0, 0] < 0.1


def test_a_short_post_is_read_as_a_whole_alone():
    text = f"{THREAT} {CALM * 4}"
    assert len(text) < LONG
    counts = matrix([text])
    linear = counts @ SCREEN.weights / np.sqrt(counts.multiply(counts) @ SCREEN.scale)[:, None]
    assert SCREEN.score(column(text)) == pytest.approx(1 / (1 + np.exp(-linear)))


@given(st.lists(st.integers(0, 40), max_size=5), st.sampled_from(["ab ", "é", "x" * 30 + " "]))
@settings(max_examples=30, deadline=None)
def test_a_long_post_has_the_same_score_alone_and_among_others(lengths, word):
    texts = column(*(f"{THREAT} {word * 20 * length}" for length in lengths))
    alone = [SCREEN.score(texts.slice(row, 1)) for row in range(len(texts))]
    assert np.array_equal(SCREEN.score(texts), np.concatenate([np.empty((0, 1)), *alone]))


@given(st.lists(st.text("ab ", max_size=3 * LONG), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_every_byte_of_a_long_row_is_in_a_window(rows):
    rows = [" ".join(row.split()) for row in rows]
    text = np.frombuffer("".join(f"\x00{row}" for row in rows).encode() + b"\x00", np.uint8)
    seen = views(text, np.flatnonzero(text == 0))
    shown = seen.text.tobytes().decode().split("\x00")[1:-1]
    wholes = [*seen.first.tolist(), len(shown)]
    for row, start, stop in zip(rows, wholes, wholes[1:], strict=False):
        assert shown[start] == row
        if len(row) > LONG:
            assert max(map(len, shown[start + 1 : stop])) <= WINDOW
            assert {w for view in shown[start + 1 : stop] for w in view.split()} >= {
                word for word in row.split() if len(word) < 24
            }


def test_a_row_too_long_for_one_piece_has_the_language_and_the_score_of_a_post():
    found = score_all([SCREEN], column("", CALM * 4000 + THREAT))
    assert found.empty.tolist() == [True, False]
    assert found.scores[0][1, 0] > 0.7
    assert found.languages[1] == score_all([SCREEN], column(CALM)).languages[0]
