from collections import deque
from itertools import count

import pyarrow as pa
import pytest
from grpc import StatusCode
from hypothesis import given
from hypothesis import strategies as st

from weir.transforms.write.bigquery.appender import Appender, WriteError
from weir.transforms.write.bigquery.connection import Answer, ConnectionLostError


class Service:
    """A table that takes rows, and has the faults a test gives it."""

    def __init__(self, faults=(), bad=(), *, names_rows=True, breaks=False):
        self.faults = deque(faults)  # one for each append, None for none; then all is well
        self.bad, self.names_rows, self.breaks = set(bad), names_rows, breaks
        self.rows: list[int] = []
        self.most_unanswered = 0
        self.connections = 0
        self.now = 0.0

    def appender(self):
        return Appender(self.connect, "verdicts", clock=lambda: self.now, sleep=self.sleep)

    def connect(self):
        self.connections += 1
        return Connection(self)

    def sleep(self, seconds):
        self.now += seconds

    def answer(self, rows):
        if self.faults and (fault := self.faults.popleft()):
            if isinstance(fault, Exception):
                raise fault
            return fault
        if wrong := [i for i, row in enumerate(rows) if row in self.bad]:
            if self.breaks:
                raise ConnectionLostError(StatusCode.UNKNOWN, "Exception iterating responses")
            named = wrong if self.names_rows else ()
            return Answer(StatusCode.INVALID_ARGUMENT, "malformed: secret", named)
        self.rows += rows
        return Answer()


class Connection:
    def __init__(self, service):
        self.service, self.lost = service, False
        self.sent: deque = deque()

    def send(self, rows):
        self.sent.append(rows["offset"].to_pylist())
        self.service.most_unanswered = max(self.service.most_unanswered, len(self.sent))

    def receive(self, seconds):
        assert not self.lost, "a lost connection was used again"
        try:
            return self.service.answer(self.sent.popleft())
        except ConnectionLostError:
            self.lost = True
            raise

    def close(self):
        self.lost = True


def batch(*offsets):
    return pa.record_batch({"offset": pa.array(offsets, pa.int64())})


def lost(code=StatusCode.UNAVAILABLE):
    return ConnectionLostError(code, "Socket closed")


def offsets(refused):
    return sorted(each.row["offset"][0].as_py() for each in refused)


def test_rows_are_appended_once_where_nothing_fails():
    service = Service()
    appender = service.appender()
    for start in range(0, 100, 10):
        appender.append(batch(*range(start, start + 10)))
    assert appender.drain() == []
    assert service.rows == list(range(100))
    assert service.connections == 1


def test_at_most_four_appends_are_unanswered():
    service = Service()
    appender = service.appender()
    for offset in range(20):
        appender.append(batch(offset))
    appender.drain()
    assert service.most_unanswered == 4


def test_what_was_not_answered_when_the_call_ended_is_sent_again():
    service = Service(faults=[None, lost(), lost(), None])
    appender = service.appender()
    for offset in range(5):
        appender.append(batch(offset))
    appender.drain()
    assert sorted(service.rows) == list(range(5))
    assert service.connections == 3


@pytest.mark.parametrize("code", [StatusCode.ABORTED, StatusCode.INTERNAL, StatusCode.NOT_FOUND])
def test_a_transient_answer_is_tried_again(code):
    service = Service(faults=[Answer(code, "try again")])
    appender = service.appender()
    appender.append(batch(1, 2))
    assert appender.drain() == []
    assert service.rows == [1, 2]


def test_pauses_grow_and_differ():
    service = Service(faults=[lost() for _ in range(6)])
    pauses: list[float] = []
    appender = Appender(service.connect, "verdicts", clock=lambda: 0.0, sleep=pauses.append)
    appender.append(batch(1))
    appender.drain()
    assert pauses[-1] > pauses[0] * 4
    assert len(set(pauses)) == 6


def test_an_outage_longer_than_the_deadline_is_an_error_that_names_the_table():
    service = Service(faults=[lost() for _ in range(1000)])
    appender = service.appender()
    appender.append(batch(1))
    with pytest.raises(WriteError, match="table verdicts: UNAVAILABLE: Socket closed"):
        appender.drain()
    assert 300 < service.now < 330


def test_a_missing_permission_is_an_error_at_once():
    service = Service(faults=[lost(StatusCode.PERMISSION_DENIED)])
    appender = service.appender()
    appender.append(batch(1))
    with pytest.raises(WriteError, match="PERMISSION_DENIED"):
        appender.drain()


def test_an_error_does_not_quote_what_the_service_says_of_rows():
    service = Service(faults=[Answer(StatusCode.INTERNAL, "secret") for _ in range(1000)])
    appender = service.appender()
    appender.append(batch(1))
    with pytest.raises(WriteError) as caught:
        appender.drain()
    assert "secret" not in str(caught.value)


def test_named_bad_rows_are_refused_and_the_others_appended():
    service = Service(bad=[2, 5])
    appender = service.appender()
    appender.append(batch(*range(8)))
    refused = appender.drain()
    assert offsets(refused) == [2, 5]
    assert service.rows == [0, 1, 3, 4, 6, 7]
    assert refused[0].reason == "refused_by_bigquery"
    assert refused[0].error == (
        "BigQuery refused the row for the table verdicts (INVALID_ARGUMENT)."
    )


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    bad=st.sets(st.integers(0, 200), max_size=6),
    names_rows=st.booleans(),
    breaks=st.booleans(),
    faults=st.lists(
        st.sampled_from([None, "lost", Answer(StatusCode.ABORTED), lost(StatusCode.UNKNOWN)]),
        max_size=8,
    ),
)
def test_every_row_is_appended_or_refused_and_no_good_one_refused(
    sizes, bad, names_rows, breaks, faults
):
    faults = [lost() if fault == "lost" else fault for fault in faults]
    # A break that only looks like a bad row is believed after the fourth time.
    if faults.count(None) + sum(isinstance(f, Answer) for f in faults) < len(faults) - 3:
        faults = faults[:3]
    service = Service(faults, bad, names_rows=names_rows, breaks=breaks)
    appender, numbers = service.appender(), count()
    sent = []
    for size in sizes:
        rows = [next(numbers) for _ in range(size)]
        sent += rows
        appender.append(batch(*rows))
    refused = offsets(appender.drain())
    assert refused == sorted(bad & set(sent))
    assert sorted(service.rows) == sorted(set(sent) - bad)


def test_a_row_too_large_for_a_request_is_refused_unsent():
    service = Service()
    appender = service.appender()
    large = pa.record_batch(
        {"offset": pa.array([7], pa.int64()), "text": pa.array(["x" * (10 << 20)])}
    )
    appender.append(large)
    (refused,) = appender.drain()
    assert refused.reason == "too_large"
    assert service.connections == 0


def test_a_forgotten_bundle_leaves_no_answers_behind():
    service = Service()
    appender = service.appender()
    appender.append(batch(1))
    appender.forget()
    appender.append(batch(2))
    appender.drain()
    assert service.rows == [2]
    assert service.connections == 2
