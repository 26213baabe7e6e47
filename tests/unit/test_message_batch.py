from collections import namedtuple
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.transforms.kafka.message_batch import message_batch, timestamps
from weir.transforms.records import MESSAGE

Record = namedtuple("Record", "offset timestamp key value headers", defaults=(None, None, ()))

bytes_or_none = st.none() | st.binary(max_size=8)
records = st.lists(
    st.builds(
        Record,
        st.integers(0, 2**63 - 1),
        st.integers(-(2**63), 2**63 - 1),
        bytes_or_none,
        bytes_or_none,
        st.lists(st.tuples(st.text(max_size=3), bytes_or_none), max_size=3),
    ),
    max_size=6,
)


@given(records)
def test_a_batch_holds_every_record_as_it_came(polled):
    batch = message_batch("posts", 3, polled)
    assert batch.schema == MESSAGE
    batch.validate(full=True)
    rows = batch.drop_columns(["timestamp", "withheld"]).to_pylist()
    assert rows == [
        {
            "topic": "posts",
            "partition": 3,
            "offset": r.offset,
            "key": r.key,
            "value": r.value,
            "headers": [{"key": k, "value": v} for k, v in r.headers],
        }
        for r in polled
    ]


@pytest.mark.parametrize(
    ("milliseconds", "time"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (1500, datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)),
        (-62_135_596_800_000, datetime(1, 1, 1, tzinfo=UTC)),
        (253_402_300_799_999, datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
        (-1, None),
        (-62_135_596_800_001, None),
        (253_402_300_800_000, None),
        (2**63 - 1, None),
        (-(2**63), None),
    ],
)
def test_a_timestamp_that_no_year_holds_is_null(milliseconds, time):
    assert timestamps(np.array([milliseconds]))[0].as_py() == time
