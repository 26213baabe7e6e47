"""What templates say of values."""

import pytest

from weir.pipelines.console.templates import counted


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 posts"), (1, "1 post"), (2, "2 posts"), (1_000, "1,000 posts")]
)
def test_one_is_told_in_the_singular(number, said):
    assert counted(number, "post") == said
