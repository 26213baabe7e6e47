"""Appends that lose nothing: sent again until they are answered, bad rows found and set aside."""

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from grpc import StatusCode

from weir.transforms.write.bigquery.connection import Answer, ConnectionLostError

_UNANSWERED = 4  # appends on their way at once
_ANSWER_SECONDS = 60.0
_GIVE_UP_SECONDS = 300.0  # after the first failure without an append taken since
_LONGEST_PAUSE = 10.0
_TOO_LARGE = 9 << 20  # bytes of one row; the service takes requests of 10 MB

# The rows are wrong: sending them again would not help.
_BAD_ROWS = frozenset({StatusCode.INVALID_ARGUMENT, StatusCode.OUT_OF_RANGE})
# Neither will time.
_HOPELESS = frozenset(
    {StatusCode.PERMISSION_DENIED, StatusCode.UNAUTHENTICATED, StatusCode.UNIMPLEMENTED}
)
# What the service says with these is about itself, not about a row that it may quote.
_QUOTABLE = _HOPELESS | {StatusCode.NOT_FOUND, StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED}
# A server may end the call so when it trips over a row, and also when it is only unwell.
_SUSPICIOUS = frozenset({StatusCode.UNKNOWN})
_SUSPICIONS = 4  # breaks, with nothing else on its way, after which the rows are held responsible


class WriteError(RuntimeError):
    """BigQuery does not take rows; the bundle fails and the runner gives it again."""


class Connection(Protocol):
    """What an appender needs of the service; ``AppendConnection`` is the real one."""

    def send(self, rows: pa.RecordBatch) -> None:
        """Send rows, without waiting."""

    def receive(self, seconds: float) -> Answer:
        """Return the answer to the oldest unanswered append, or raise ConnectionLostError."""

    def close(self) -> None:
        """End the call."""


@dataclass(frozen=True)
class Refused:
    """A row that BigQuery does not take."""

    row: pa.RecordBatch  # of one row
    reason: str
    error: str  # a sentence that does not quote the row


@dataclass
class _Append:
    rows: pa.RecordBatch
    breaks: int = 0  # of the call, while nothing else was on its way


class Appender:
    """Keeps at most four appends unanswered on one connection, made again when it breaks.

    An append that was not answered is sent again, so delivery is at least once.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        table: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connect, self._table, self._clock, self._sleep = connect, table, clock, sleep
        self._connection: Connection | None = None
        self._pending: deque[_Append] = deque()
        self._sent = 0  # of the pending, from the left
        self._window = _UNANSWERED
        self._failures = 0  # since an append was answered
        self._failing_since = 0.0
        self._refused: list[Refused] = []

    def append(self, rows: pa.RecordBatch) -> None:
        """Send the rows once fewer than four appends are unanswered.

        Raises WriteError where the service takes nothing for five minutes, or never will.
        """
        if rows.num_rows == 1 and rows.nbytes > _TOO_LARGE:
            error = f"A row of {rows.nbytes} bytes is more than one request to BigQuery can hold."
            self._refused.append(Refused(rows, "too_large", error))
            return
        while len(self._pending) >= _UNANSWERED:
            self._settle_oldest()
        self._pending.append(_Append(rows))
        self._send()

    def drain(self) -> list[Refused]:
        """Wait until every append is answered; return the rows refused since the last call."""
        while self._pending:
            self._settle_oldest()
        refused, self._refused = self._refused, []
        return refused

    def forget(self) -> None:
        """Drop what is not answered, and the answers that would still come."""
        if self._pending:
            self.close()
        self._refused.clear()
        self._failures = 0

    def close(self) -> None:
        """Drop what is not answered, and the connection."""
        self._pending.clear()
        self._disconnect()

    def _disconnect(self) -> None:
        self._sent = 0
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(self) -> None:
        if self._connection is None:
            self._connection = self._connect()
        while self._sent < min(len(self._pending), self._window):
            self._connection.send(self._pending[self._sent].rows)
            self._sent += 1

    def _settle_oldest(self) -> None:
        self._send()
        assert self._connection is not None
        try:
            answer = self._connection.receive(_ANSWER_SECONDS)
        except ConnectionLostError as lost:
            self._recover(lost)
            return
        append = self._pending.popleft()
        self._sent -= 1
        if answer.code is StatusCode.OK:
            self._window, self._failures = _UNANSWERED, 0
        elif bad := sorted({row for row in answer.bad_rows if row < append.rows.num_rows}):
            self._set_aside(append.rows, bad, answer.code)
        elif answer.code in _BAD_ROWS:
            self._narrow(append.rows, answer.code)
        else:
            self._pending.append(_Append(append.rows))
            self._pause(answer.code, answer.message)

    def _recover(self, lost: ConnectionLostError) -> None:
        alone = self._sent == 1
        self._disconnect()
        oldest = self._pending[0]
        if lost.code in _BAD_ROWS | _SUSPICIOUS:
            # Which of several appends broke the call is not known: send them one by one.
            self._window = 1
            oldest.breaks += alone
            if alone and (lost.code in _BAD_ROWS or oldest.breaks >= _SUSPICIONS):
                self._pending.popleft()
                self._narrow(oldest.rows, lost.code, oldest.breaks)
                return
        self._pause(lost.code, lost.message)

    def _set_aside(self, rows: pa.RecordBatch, bad: list[int], code: StatusCode) -> None:
        """Refuse the bad rows and append the others, of which the service took none."""
        for row in bad:
            self._refuse(rows.slice(row, 1), code)
        good = np.ones(rows.num_rows, bool)
        good[bad] = False
        if good.any():
            self._pending.append(_Append(rows.filter(pa.array(good))))

    def _narrow(self, rows: pa.RecordBatch, code: StatusCode, breaks: int = 0) -> None:
        """Halve rows of which one or more are bad; refuse a single one.

        Halves of what broke the call are narrowed at their first break, but a single row gets
        every chance again before it is refused.
        """
        if rows.num_rows == 1:
            self._refuse(rows, code)
            return
        half = rows.num_rows // 2
        for part in (rows.slice(0, half), rows.slice(half)):
            self._pending.append(_Append(part, breaks if part.num_rows > 1 else 0))

    def _refuse(self, row: pa.RecordBatch, code: StatusCode) -> None:
        error = f"BigQuery refused the row for the table {self._table} ({code.name})."
        self._refused.append(Refused(row, "refused_by_bigquery", error))

    def _pause(self, code: StatusCode, message: str) -> None:
        now = self._clock()
        if self._failures == 0:
            self._failing_since = now
        self._failures += 1
        if code in _HOPELESS or now - self._failing_since > _GIVE_UP_SECONDS:
            why = f"{code.name}: {message}" if code in _QUOTABLE else code.name
            raise WriteError(f"BigQuery does not take rows for the table {self._table}: {why}")
        longest = min(_LONGEST_PAUSE, 0.1 * 2.0 ** min(self._failures, 10))
        self._sleep(random.uniform(longest / 2, longest))  # noqa: S311 - jitter, not a secret
