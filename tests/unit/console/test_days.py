from datetime import UTC, date, datetime

import pytest

from weir.pipelines.console.days import Place, read_day, read_span, read_time
from weir.pipelines.console.visit import RefusedError

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_where_nothing_is_said_the_last_days_are_meant_today_among_them():
    assert read_span(" ", "", NOON, 7) == (date(2026, 2, 26), date(2026, 3, 4))
    assert read_span("", "2026-02-07", NOON, 7) == (date(2026, 2, 1), date(2026, 2, 7))


def test_a_time_is_in_utc_and_a_last_day_ends_with_its_end():
    assert read_time("since", "2026-03-04T12:00+02:00") == NOON.replace(hour=10)
    assert read_time("until", "2026-03-03", end=True) == NOON.replace(hour=0)


@pytest.mark.parametrize("read", [read_day, read_time])
@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("yesterday", "since is no day such as 2026-03-04"),
        ("2026-02-30", "since is no day such as 2026-03-04"),
        ("0001-01-01", "since is outside the years 1970 to 2100"),
        ("9999-12-31", "since is outside the years 1970 to 2100"),
    ],
)
def test_a_wrong_day_is_refused_in_the_same_words_everywhere(read, said, why):
    with pytest.raises(RefusedError, match=why):
        read("since", said)


def test_days_that_stand_the_wrong_way_round_are_refused():
    with pytest.raises(RefusedError, match="since, 2026-03-05, is after until, 2026-03-04"):
        read_span("2026-03-05", "2026-03-04", NOON, 7)


def test_a_place_in_a_list_is_read_from_the_address_that_it_wrote():
    place = Place(NOON, "a,b~c")
    assert Place.of(str(place)) == place
    assert Place.of("") is None


@pytest.mark.parametrize("said", ["x", "2026-03-04", ",a", "9999-99-99,a"])
def test_what_is_no_place_in_a_list_is_refused(said):
    with pytest.raises(RefusedError, match="after"):
        Place.of(said)
