"""Messages that no format is to look at: too large ones, and those without a value."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from weir.transforms.arrays import Ints
from weir.transforms.decode.changes import found_changes
from weir.transforms.decode.fates import LeftOut
from weir.transforms.decode.outcome import Decoded, Failure
from weir.transforms.decode.oversized import find_oversized
from weir.transforms.decode.settings import DecodeSettings
from weir.transforms.records import DELETED

_TOMBSTONE = ("tombstone", "The message has no value.")
_NAMELESS = ("missing_id", "The message has no value, and no key that names a post.")


def apart_from_unread(
    decode: Callable[[pa.RecordBatch], Decoded], settings: DecodeSettings
) -> Callable[[pa.RecordBatch], Decoded]:
    """Return the function with these messages taken out: it is given values alone."""

    def decoded(messages: pa.RecordBatch) -> Decoded:
        large = find_oversized(messages, settings.max_post_bytes)
        if not large and not messages["value"].null_count:
            return decode(messages)
        void: Any = messages["value"].is_null().to_numpy(zero_copy_only=False)
        tombstones = np.setdiff1d(np.flatnonzero(void), [each.row for each in large])
        rows = np.delete(np.arange(messages.num_rows), [*(each.row for each in large), *tombstones])
        others = _moved(decode(messages.take(pa.array(rows))), rows)
        said = _tombstones(messages, tombstones, settings)
        failures = sorted((*large, *said.failures, *others.failures), key=lambda each: each.row)
        changes = [each for each in (said.changes, others.changes) if each is not None]
        return replace(
            others,
            failures=tuple(failures),
            left_out=(*said.left_out, *others.left_out),
            changes=pa.concat_batches(changes) if changes else None,
        )

    return decoded


def _moved(decoded: Decoded, rows: Ints) -> Decoded:
    """Return what became of a part of a batch, of which these are the rows."""
    return replace(
        decoded,
        failures=tuple(replace(each, row=int(rows[each.row])) for each in decoded.failures),
        left_out=tuple(replace(each, rows=rows[each.rows]) for each in decoded.left_out),
    )


def _tombstones(messages: pa.RecordBatch, rows: Ints, settings: DecodeSettings) -> Decoded:
    nothing = messages.slice(0, 0)
    if settings.of_tombstones == "skip" and len(rows):
        return Decoded(nothing, (), left_out=(LeftOut("tombstone", rows),))
    if settings.of_tombstones != "delete":
        return Decoded(nothing, tuple(Failure(int(row), *_TOMBSTONE) for row in rows))
    keys: Any = messages["key"]
    name = settings.places.id[-1][-1]
    ids = {int(row): id_of_key(keys[int(row)].as_py(), name) for row in rows}
    failures = tuple(Failure(row, *_NAMELESS) for row, found in ids.items() if found is None)
    named = [row for row, found in ids.items() if found is not None]
    if not named:
        return Decoded(nothing, failures)
    deleted = messages.take(pa.array(named))
    change = pa.repeat(pa.scalar(DELETED), len(named))
    found = found_changes(deleted, ids=[ids[row] for row in named], change=change)
    return Decoded(nothing, failures, changes=found)


def id_of_key(key: bytes | None, name: str) -> str | int | None:
    """Return the post's id that a message's key is, or holds; None where it names none.

    A key is the id itself; or JSON: a string, an object with the id by its name or with one
    member, as Kafka Connect writes them, with the schema around it or without.
    """
    try:
        written = (key or b"").decode()
    except UnicodeDecodeError:
        return None
    if not written.startswith(("{", '"')):
        return written or None
    try:
        found = msgspec.json.decode(written)
    except (msgspec.MsgspecError, RecursionError):
        return written
    if isinstance(found, dict) and isinstance(found.get("payload"), dict):
        found = found["payload"]
    if isinstance(found, dict):
        found = found.get(name, next(iter(found.values())) if len(found) == 1 else None)
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None
