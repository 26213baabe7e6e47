from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.transforms.read import Start, Stop


@pytest.mark.parametrize("word", ["earliest", "latest"])
def test_a_start_is_a_word(word):
    assert Start.parse(word) == Start(word)


@pytest.mark.parametrize("word", ["never", "latest"])
def test_a_stop_is_a_word(word):
    assert Stop.parse(word) == Stop(word)


@pytest.mark.parametrize(
    "text", ["2026-01-31T12:00:00Z", "2026-01-31T12:00", "2026-01-31T14:00:00+02:00"]
)
def test_a_time_is_utc_unless_it_has_a_zone(text):
    assert Start.parse(text).at == datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_offsets_are_whole_numbers_by_partition():
    assert Start.parse('{"0": 12, "3": 0}').at == {0: 12, 3: 0}
    assert Stop.parse('{"0": 12}').at == {0: 12}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "{",
        "{}",
        "[1]",
        '{"0": -1}',
        '{"0": 1.5}',
        '{"0": true}',
        '{"x": 1}',
        '{"-1": 1}',
        '{"0": 1, "0": 2}',
        '{"0": 9223372036854775807}',
        '{"0": {"0": 1}}',
        "1969-12-31",
        "0001-01-01T00:00:00+14:00",
        '{"a":' * 100_000,
    ],
)
def test_anything_else_is_an_error_that_says_why(text):
    with pytest.raises(ValueError, match=r".{15}"):
        Start.parse(text)
    with pytest.raises(ValueError, match=r".{15}"):
        Stop.parse(text)


def test_a_stop_that_has_not_come_yet_is_refused():
    with pytest.raises(ValueError, match="not come yet"):
        Stop.parse("2026-02-01", now=lambda: datetime(2026, 1, 31, tzinfo=UTC))


@given(st.text(max_size=40))
def test_any_text_is_a_start_or_a_value_error(text):
    try:
        Start.parse(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - either outcome is right
