"""What templates say of values."""

import pytest

from weir.pipelines.console.templates import counted, pace


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 posts"), (1, "1 post"), (2, "2 posts"), (1_000, "1,000 posts")]
)
def test_one_is_told_in_the_singular(number, said):
    assert counted(number, "post") == said


@pytest.mark.parametrize(
    ("posts", "said"),
    [
        (36_000, ("10.0", "posts a second")),
        (360, ("0.1", "posts a second")),
        (60, ("1.0", "posts a minute")),
        (3, ("3.0", "posts an hour")),
        (0, ("0.0", "posts an hour")),
    ],
)
def test_a_slow_stream_is_told_in_a_unit_in_which_some_posts_come(posts, said):
    assert pace(posts, 3600) == said
