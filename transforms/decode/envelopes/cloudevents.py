"""CloudEvents: structured (the event is the value) and binary (attributes in headers ``ce_``).

The forms are those of the CloudEvents specification 1.0.2, its JSON event format and its Kafka
protocol binding (https://github.com/cloudevents/spec/tree/v1.0.2/cloudevents).
"""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weir.transforms.arrays import Mask
from weir.transforms.decode.envelopes.envelope import Envelope, Seen, first_of, there
from weir.transforms.decode.fates import Failed, Fates
from weir.transforms.decode.leaves import Kind, Wanted

_PREFIX = "ce_"
_VERSION = "specversion"
_CONTENT_TYPE = ("datacontenttype",)
_BASE64_NAME = '"data_base64"'
_BATCHED = "application/cloudevents-batch"


def opened(values: pa.Array) -> pa.Array:
    """Return structured events with the JSON that is their data in base64 as their data."""
    hidden = pc.match_substring(values, _BASE64_NAME)
    if not pc.any(hidden).as_py():
        return values
    plain = [_plain(value.as_py()) for value in values.filter(hidden)]
    return pc.replace_with_mask(values, hidden, pa.array(plain, values.type))


def _plain(value: bytes) -> bytes:
    """Return an event with its data as such; what is none, or has no JSON or two, as it is."""
    try:
        event = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
        data = b64decode(msgspec.json.decode(event.pop("data_base64"), type=str), validate=True)
        msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        str(data, "utf-8")
    except (KeyError, ValueError, RecursionError):
        return value
    if _VERSION not in event or "data" in event or value.count(_BASE64_NAME.encode()) > 1:
        return value
    return msgspec.json.encode(event | {"data": msgspec.Raw(data)})


def rule(seen: Seen, fates: Fates) -> None:
    """Say which messages are events, and take from headers what no member of a value says."""
    headers = _headers(seen)
    types = headers.get("content-type", {})
    binary = _rows(seen, headers.get(_PREFIX + _VERSION, {}))
    structured = there(seen.column((_VERSION,))) & ~binary
    fates.fail(_BATCH, _rows(seen, [r for r, kind in types.items() if kind.startswith(_BATCHED)]))
    if seen.format == "json":
        inner = seen.column(_CONTENT_TYPE)
        types |= {
            r: kind for r, kind in enumerate(inner) if structured[r] and isinstance(kind, str)
        }
        fates.fail(_NO_JSON, _rows(seen, [r for r, kind in types.items() if not _is_json(kind)]))
    fates.fail(_BASE64, there(seen.column(("data_base64",))) & structured)
    neither = ~binary & ~structured
    fates.fail(_BATCH, _rows(seen, _lists(seen, neither)))
    fates.fail(_NO_EVENT, neither)
    seen.ids = first_of([seen.ids, _of_headers(seen, headers, "id")])
    if seen.times is not None:
        seen.times = first_of([seen.times, _of_headers(seen, headers, "time")])


_BATCH = Failed(
    "cloudevents_batch", "The message holds a batch of events; send one a message.", sure=True
)
_NO_JSON = Failed("content_type", "The message's content type is not JSON.")
_BASE64 = Failed("data_base64", "The event's data is in base64, and no JSON object.")
_NO_EVENT = Failed("not_a_cloudevent", "The message has a specversion in neither header nor value.")


def _is_json(kind: str) -> bool:
    media = kind.partition(";")[0].strip().lower()
    return media.endswith(("/json", "+json")) or media == "text/json"


def _headers(seen: Seen) -> Mapping[str, dict[int, str]]:
    """Return the values of CloudEvents' headers by name and row, found a column at a time."""
    lists: Any = seen.batch["headers"]
    pairs = lists.flatten()
    if not len(pairs):
        return {}
    names = pc.utf8_lower(pairs.field("key"))
    ours = pc.or_(pc.starts_with(names, _PREFIX), pc.equal(names, "content-type")).fill_null(False)
    rows = pc.list_parent_indices(lists).filter(ours).to_pylist()
    found: dict[str, dict[int, str]] = {}
    values = pairs.field("value").filter(ours).to_pylist()
    for row, name, value in zip(rows, names.filter(ours).to_pylist(), values, strict=True):
        found.setdefault(name, {}).setdefault(row, (value or b"").decode("utf-8", "replace"))
    return found


def _lists(seen: Seen, among: Mask) -> list[int]:
    """Return which rows are JSON lists: a batch whose content type nobody gave is one."""
    values = seen.batch["value"]
    rows: list[int] = np.flatnonzero(among).tolist() if seen.format == "json" else []
    return [row for row in rows if values[row].as_py().lstrip()[:1] == b"["]


def _rows(seen: Seen, found: Iterable[int]) -> Mask:
    mask: Mask = np.zeros(seen.batch.num_rows, np.bool_)
    mask[list(found)] = True
    return mask


def _of_headers(seen: Seen, headers: Mapping[str, dict[int, str]], name: str) -> list[str | None]:
    found = headers.get(_PREFIX + name, {})
    return [found.get(row) for row in range(seen.batch.num_rows)]


ENVELOPE = Envelope(
    inside=(("data",), ()),
    beside=(),
    times=(("time",),),
    reads=tuple(
        Wanted(path, Kind.SCALAR) for path in ((_VERSION,), _CONTENT_TYPE, ("data_base64",))
    ),
    rule=rule,
    opened=opened,
)
