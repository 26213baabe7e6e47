"""When a post was made: what its author's system says if plausible, else Kafka's timestamp."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weir.transforms.decode.written_times import (
    EARLIEST,
    EPOCH,
    FEWEST_SECONDS,
    LATEST,
    Time,
    microseconds,
)
from weir.transforms.records import TIMESTAMP


def own_times(values: Sequence[Time]) -> pa.Array:
    """Return what each value says, within 1970-2099; null where it says nothing that is sure."""
    return _plausible(_parsed(values))


def creation_times(own: pa.Array, kafka: pa.Array) -> pa.Array:
    """Return one time a row: its own, else Kafka's, else 1970-01-01.

    1970-01-01 stands for "unknown": it is the same when a bundle is retried, which the time of
    processing would not be.
    """
    if own.null_count == 0:
        return own
    return pc.coalesce(own, _plausible(kafka.cast(TIMESTAMP)), pa.scalar(EPOCH, TIMESTAMP))


def _plausible(times: pa.Array) -> pa.Array:
    micros = times.cast(pa.int64())
    within = pc.and_(pc.greater_equal(micros, EARLIEST), pc.less(micros, LATEST))
    if pc.all(within, skip_nulls=False).as_py():
        return times
    return pc.if_else(within, times, pa.scalar(None, TIMESTAMP))


def _parsed(values: Sequence[Time]) -> pa.Array:
    # A stream writes its times in one way: a column is cast as a whole, and read value by value
    # only where that fails, at 1 to 5 us each.
    try:
        strings = pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        strings = None
    if strings is not None:
        for kind in (TIMESTAMP, pa.timestamp("us")):
            try:
                return strings.cast(kind).cast(TIMESTAMP)
            except pa.ArrowInvalid:
                continue
    else:
        try:
            return _of_numbers(pa.array(values, pa.int64()))
        except (pa.ArrowTypeError, pa.ArrowInvalid, OverflowError):
            pass
    return pa.array([microseconds(value) for value in values], pa.int64()).cast(TIMESTAMP)


def _of_numbers(numbers: pa.Array) -> pa.Array:
    """Return what whole numbers mean, as ``microseconds`` has it of each."""
    since = numbers.fill_null(0).to_numpy()
    scaled = np.select(
        [since < 10**11, since < 10**14, since < 10**17],
        [since * 1_000_000, since * 1_000, since],
        since // 1_000,
    )
    times = pa.array(scaled, mask=since < FEWEST_SECONDS)
    # Digits of a date, which are as large as milli- and microseconds.
    digits = np.isin(since // 10**12, (19, 20)) | np.isin(since // 10**15, (19, 20))
    if digits.any():
        read = [microseconds(value) for value in since[digits].tolist()]
        times = pc.replace_with_mask(times, pa.array(digits), pa.array(read, pa.int64()))
    return times.cast(TIMESTAMP)
