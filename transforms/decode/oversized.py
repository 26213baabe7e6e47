"""Messages that are too large to be read as posts: each fails by itself, before any work."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weir.transforms.decode.outcome import Failure
from weir.transforms.records import Withheld

# What Kafka's brokers take unless told otherwise. What a post costs grows with its size, up to
# seconds for this much of the worst that is known: see tests/benchmarks/hostile.py.
MAX_POST_BYTES = 1 << 20
_ERRORS = {
    Withheld.MESSAGE_TOO_LARGE: "The message is too large to be held: it was not read.",
    Withheld.BATCH_TOO_LARGE: "The record batch of the message decompresses to too much: "
    "the message was not read.",
}
_TOO_LARGE = "post_too_large"


def find_oversized(messages: pa.RecordBatch, most_bytes: int) -> list[Failure]:
    """Return a failure for each message that was not read, or whose value has too many bytes."""
    values: Any = messages["value"]
    withheld: Any = messages["withheld"]
    large = pc.fill_null(pc.greater(pc.binary_length(values), most_bytes), False)
    if withheld.null_count == len(withheld) and not pc.any(large).as_py():
        return []
    failures = []
    for row in np.flatnonzero(pc.or_(large, pc.is_valid(withheld)).to_numpy(False)).tolist():
        reason = withheld[row].as_py()
        if reason is None:
            size = len(values[row].as_buffer())
            error = f"The value has {size:,} bytes, and a post at most {most_bytes:,}."
            failures.append(Failure(row, _TOO_LARGE, error))
        else:
            failures.append(Failure(row, reason, _ERRORS[Withheld(reason)]))
    return failures
