"""When a post was made: read where it means one moment, else Kafka's time, and counted."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.json_messages import JSON, RECEIVED, messages, only, post, read
from weir.transforms.decode import DecodeSettings, decoder
from weir.transforms.decode.times import own_times
from weir.transforms.decode.written_times import microseconds


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-01T10:30:00Z",
        "2026-11-01T10:30:00.000000Z",
        "2026-11-01T10:30:00.000000999Z",
        "2026-11-01T12:30:00+02:00",
        "2026-11-01T10:30:00",
        "2026-11-01 10:30",
        "20261101T103000Z",
        1793529000,
        1793529000.0,
        1793529000_000,
        1793529000_000_000,
        1793529000_000_000_000,
    ],
)
def test_a_time_may_be_iso_8601_or_a_number(written):
    expected = datetime(2026, 11, 1, 10, 30, tzinfo=UTC)
    assert only(read(post(created_at=written)), "created_at") == expected


@pytest.mark.parametrize(
    "written",
    ["3000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "soon", "",
     "2026-02-30T00:00:00Z", -1, 10**400, 1e300, True, [], {}, None],
    ids=lambda v: repr(v)[:12],
)  # fmt: skip
def test_a_time_that_is_no_time_or_implausible_gives_way_to_kafkas(written):
    assert only(read(post(created_at=written)), "created_at") == RECEIVED


# As in the field notes of those who reported them: what stands there, and what it means.
@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ([2025, 1, 2, 3, 4, 5, 600000000], "2025-01-02T03:04:05.6Z"),
        ([2025, 1, 2, 3, 4], "2025-01-02T03:04:00Z"),
        ("2025-01-02T03:04:05.678+01:00[Europe/Paris]", "2025-01-02T02:04:05.678Z"),
        ("Thu Jan 02 03:04:05 +0000 2025", "2025-01-02T03:04:05Z"),
        ("Thu Jan  2 03:04:05 UTC 2025", "2025-01-02T03:04:05Z"),
        ("Thu, 02 Jan 2025 03:04:05 GMT", "2025-01-02T03:04:05Z"),
        ("2 Jan 2025 03:04:05 -0230", "2025-01-02T05:34:05Z"),
        ("02/Jan/2025:03:04:05 +0100", "2025-01-02T02:04:05Z"),
        (
            "Thu Jan 02 2025 03:04:05 GMT+0100 (Central European Standard Time)",
            "2025-01-02T02:04:05Z",
        ),
        ("January 2, 2025 at 3:04:05 PM UTC", "2025-01-02T15:04:05Z"),
        ("Jan 2, 2025, 12:04 AM", "2025-01-02T00:04:00Z"),
        ("2025-01-02 03:04:05.123456 UTC", "2025-01-02T03:04:05.123456Z"),
        ("2025-01-02 03:04:05+00", "2025-01-02T03:04:05Z"),
        ("2025-01-02 03:04:05 +0100", "2025-01-02T02:04:05Z"),
        ("2025-01-02 03:04:05.123 +0000 UTC", "2025-01-02T03:04:05.123Z"),
        ("2025/01/02 03:04:05", "2025-01-02T03:04:05Z"),
        ("2025-01-02 03:04:05,678", "2025-01-02T03:04:05.678Z"),
        ("1735787045", "2025-01-02T03:04:05Z"),
        ("1735787045000", "2025-01-02T03:04:05Z"),
        ("1735787045.0", "2025-01-02T03:04:05Z"),
        ("1735787045.5", "2025-01-02T03:04:05.5Z"),
        ("1.735787045e+09", "2025-01-02T03:04:05Z"),
        ("1735787045123456", "2025-01-02T03:04:05.123456Z"),
        ("20250102030405", "2025-01-02T03:04:05Z"),
        (20250102030405678, "2025-01-02T03:04:05.678Z"),
        ({"$date": "2025-01-02T03:04:05Z"}, "2025-01-02T03:04:05Z"),
        ({"$date": 1735787045000}, "2025-01-02T03:04:05Z"),
        ({"$date": {"$numberLong": "1735787045000"}}, "2025-01-02T03:04:05Z"),
        ("/Date(1735787045000)/", "2025-01-02T03:04:05Z"),
        ("/Date(1735787045000+0100)/", "2025-01-02T03:04:05Z"),
        ("2025-01-02t03:04:05z", "2025-01-02T03:04:05Z"),
        ("2025-01-01T24:00:00Z", "2025-01-02T00:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        (" 2025-01-02T03:04:05Z ", "2025-01-02T03:04:05Z"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_a_time_is_read_in_every_form_that_means_one_moment(written, moment):
    decoded = read(post(created_at=written))
    assert only(decoded, "created_at") == datetime.fromisoformat(moment)
    assert decoded.undated == 0


@pytest.mark.parametrize(
    "written",
    [
        20090,  # days, as Debezium writes a date
        "20090",
        45659.13,  # days, as Excel does
        "1.73579E+12",  # a moment that a spreadsheet has rounded to a day
        "01/02/2025 03:04",
        "Thu Jan 02 03:04:05",
        "Thu Jan 02 03:04:05 IST 2025",
        "2025-01-02T25:00:00Z",
        "2025-01-02T24:00:01Z",
        "2025-01-02 13:04 PM",
        "2025-01-02T03:04:05+99:00",
        [2025, 13, 1],
        [2025, 1],
        [2025, 1, 2, 3, 4, 5, 6, 7],
        {"$date": []},
        {"$date": None},
        {"seconds": 1735787045},
        "/Date(99999999999999999)/",
        "9" * 200,
    ],
    ids=lambda v: str(v)[:40],
)
def test_a_time_that_may_mean_another_moment_gives_way_to_kafkas_and_is_counted(written):
    decoded = read(post(created_at=written), post(created_at="2025-01-02T03:04:05Z"))
    assert decoded.content["created_at"][0].as_py() == RECEIVED
    assert decoded.undated == 1


def test_a_post_without_a_time_counts_as_undated_where_the_format_has_times():
    assert read(post(), post(created_at=None)).undated == 2
    assert read(b"a post", settings=DecodeSettings("text")).undated == 0


def test_a_post_that_nobody_can_date_lies_in_1970():
    decoded = decoder(JSON)(messages(post(created_at="3000-01-01"), timestamp=None))
    assert only(decoded, "created_at") == datetime(1970, 1, 1, tzinfo=UTC)


def test_one_odd_time_does_not_change_how_the_others_are_read():
    times = ["2026-11-01T00:00:00Z", "soon", 1793491200, "2026-11-01T01:00:00+01:00", "2026-11-01"]
    decoded = read(*[post(created_at=time) for time in times])
    expected = datetime(2026, 11, 1, tzinfo=UTC)
    created = decoded.content["created_at"].to_pylist()
    assert created == [expected, RECEIVED, expected, expected, expected]


@given(
    st.lists(
        st.none()
        | st.integers(-(1 << 63), (1 << 63) - 1)
        | st.integers(10**7, 10**12)
        | st.integers(18 * 10**12, 22 * 10**12)
        | st.integers(18 * 10**15, 22 * 10**15)
    )
)
def test_a_column_of_numbers_is_read_as_each_of_them_is(values):
    each = [None if value is None else microseconds(value) for value in values]
    assert own_times(values).cast(pa.int64()).to_pylist() == each
