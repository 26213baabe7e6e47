"""Messages that no format is to look at: too large ones, and those without a value."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from weir.transforms.decode.outcome import Decoded, Failure
from weir.transforms.decode.oversized import find_oversized

_TOMBSTONE = ("tombstone", "The message has no value.")


def apart_from_unread(
    decode: Callable[[pa.RecordBatch], Decoded], most_bytes: int
) -> Callable[[pa.RecordBatch], Decoded]:
    """Return the function with these messages taken out, as failures: it is given values alone."""

    def decoded(messages: pa.RecordBatch) -> Decoded:
        large = find_oversized(messages, most_bytes)
        if not large and not messages["value"].null_count:
            return decode(messages)
        failures = {each.row: each for each in large}
        for row in np.flatnonzero(messages["value"].is_null()).tolist():
            failures.setdefault(row, Failure(row, *_TOMBSTONE))
        rows = np.delete(np.arange(messages.num_rows), list(failures))
        others = decode(messages.take(pa.array(rows)))
        moved = (replace(each, row=int(rows[each.row])) for each in others.failures)
        every = sorted((*failures.values(), *moved), key=lambda each: each.row)
        return replace(others, failures=tuple(every))

    return decoded
