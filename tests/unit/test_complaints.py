"""Until when a complaint is taken."""

from datetime import datetime

import pytest

from weir.pipelines.reviews.complaints import open_until


@pytest.mark.parametrize(
    ("made", "until"),
    [
        ("2026-03-04", "2026-09-04"),
        ("2026-08-31", "2027-02-28"),
        ("2027-08-30", "2028-02-29"),
        ("2026-12-01", "2027-06-01"),
    ],
)
def test_six_months_end_on_the_same_day_or_the_last_of_the_month(made, until):
    made_at, end = (datetime.fromisoformat(f"{day}T12:00:00+00:00") for day in (made, until))
    assert open_until(made_at) == end
