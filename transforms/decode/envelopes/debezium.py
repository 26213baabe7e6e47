"""Debezium's change events: the row after the change, with or without the schema around it.

The form is that of https://debezium.io/documentation/reference/stable/connectors/postgresql.html,
"Data change events": ``op`` is c (create), r (read by a snapshot), u, d, t (truncate) or m (a
message of the log), ``before`` and ``after`` are rows.
"""

import numpy as np

from weir.transforms.decode.envelopes.envelope import Envelope, Seen, among, there
from weir.transforms.decode.fates import Failed, Fates
from weir.transforms.decode.leaves import Kind, Wanted

# The value of a long column that an update left as it was: it is not in the log.
UNAVAILABLE = "__debezium_unavailable_value"
_OP = (("payload", "op"), ("op",))
_TIME = (("payload", "source", "ts_ms"), ("source", "ts_ms"), ("payload", "ts_ms"), ("ts_ms",))
_KNOWN = ("c", "r", "u", "d", "t", "m")


def rule(seen: Seen, fates: Fates) -> None:
    """Say what each change did to the post in its row."""
    seen.happened = seen.column(*_TIME)
    fates.delete(seen.says("d", *_OP))
    fates.leave_out("truncate", seen.says("t", *_OP))
    fates.leave_out("message", seen.says("m", *_OP))
    no_change = Failed("not_a_change_event", "The value has no op that Debezium writes.")
    fates.fail(no_change, ~seen.says(_KNOWN, *_OP))
    updated = seen.says("u", *_OP)
    # Whoever writes a post can write the placeholder, too: what is inserted is never left out.
    unknown = among(seen.texts, [UNAVAILABLE])
    fates.leave_out("text_unchanged", updated & unknown)
    partly = np.fromiter(
        (isinstance(text, str) and UNAVAILABLE in text.split("\n") for text in seen.texts),
        np.bool_,
        len(seen.texts),
    )
    fates.edit(updated & there(seen.texts) & ~partly)


ENVELOPE = Envelope(
    inside=(("payload", "after"), ("after",)),
    beside=(("payload", "before"), ("before",)),
    times=_TIME,
    reads=tuple(Wanted(path, Kind.SCALAR) for path in _OP),
    rule=rule,
    tells_changes=True,
    tombstones="skip",  # one follows each delete, for the log's compaction
)
