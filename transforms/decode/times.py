"""When a post was made: what its author's system says if plausible, else Kafka's timestamp."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from weir.transforms.records import TIMESTAMP

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EARLIEST = 0
_LATEST = (datetime(2100, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND  # exclusive


def creation_times(values: Sequence[str | float | None], kafka: pa.Array) -> pa.Array:
    """Return one time a row, within 1970-2099: the value's, else Kafka's, else 1970-01-01.

    A value is ISO 8601 (UTC where it names no zone) or a number since 1970 in seconds, milli-,
    micro- or nanoseconds, told apart by magnitude. 1970-01-01 stands for "unknown": it is the
    same when a bundle is retried, which the time of processing would not be.
    """
    own = _plausible(_parsed(values))
    if own.null_count == 0:
        return own
    unknown = pa.scalar(_EPOCH, TIMESTAMP)
    return pc.coalesce(own, _plausible(kafka.cast(TIMESTAMP)), unknown)


def _plausible(times: pa.Array) -> pa.Array:
    micros = times.cast(pa.int64())
    within = pc.and_(pc.greater_equal(micros, _EARLIEST), pc.less(micros, _LATEST))
    if pc.all(within, skip_nulls=False).as_py():
        return times
    return pc.if_else(within, times, pa.scalar(None, TIMESTAMP))


def _parsed(values: Sequence[str | float | None]) -> pa.Array:
    # A stream writes its times in one way: a column is cast as a whole, and read value by value
    # only where that fails.
    try:
        strings = pa.array(values, pa.string())
    except pa.ArrowTypeError:
        strings = None
    if strings is not None:
        for kind in (TIMESTAMP, pa.timestamp("us")):
            try:
                return strings.cast(kind).cast(TIMESTAMP)
            except pa.ArrowInvalid:
                continue
    return pa.array([_microseconds(value) for value in values], pa.int64()).cast(TIMESTAMP)


def _microseconds(value: str | float | None) -> int | None:
    if isinstance(value, str):
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            return None
        micros = ((time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
    elif value is None or not 0 <= value < 1e19:
        return None
    elif value < 1e11:  # seconds until the year 5138
        micros = int(value * 1_000_000)
    elif value < 1e14:
        micros = int(value * 1_000)
    elif value < 1e17:
        micros = int(value)
    else:
        micros = int(value // 1_000)
    return micros if _EARLIEST <= micros < _LATEST else None
