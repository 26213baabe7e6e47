"""The flagged topic: CloudEvents keyed like the post, in one of ``flagged_forms``.

One for each violation. Where provisional flags are on, one for each flag before that, and then
one under the same id when the judge has decided: the violation, which confirms the flag, or a
withdrawal.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from weir.transforms.decode.outcome import LONGEST_ID
from weir.transforms.kafka.outbox import MAX_RECORD_BYTES, Record
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.kafka.sink import ProduceToKafka
from weir.transforms.records import Mode, Outcome
from weir.transforms.write.flagged_forms import AS_JSON, FlaggedForm

EVENT_TYPE = "org.weir.violation.v1"
PROVISIONAL_TYPE = "org.weir.provisional.v1"
WITHDRAWAL_TYPE = "org.weir.withdrawal.v1"
NOT_ENFORCED = "not_enforced"  # why a violation withdraws: its policy has been put in shadow since
# JSON Schema of the body, for whoever reads the topic.
SCHEMA: dict[str, Any] = json.loads(Path(__file__).with_name("flagged.schema.json").read_text())

_OWN_HEADERS = (
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "ce_subject",
    "content-type",
)
# A CloudEvent's id is its source's own, and a flag has the id of the verdict that follows it.
_SCREEN = "/screen"
_NO_ATTRIBUTES = b"{}"
# The post's own headers that would pass for Weir's are carried under this prefix.
POST_PREFIX = "post-"


class _Position(msgspec.Struct, frozen=True):
    topic: str
    partition: int
    offset: int


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    decision_id: str
    run: str
    content_id: str
    text: str
    truncated: bool
    language: str | None
    created_at: datetime
    attributes: msgspec.Raw
    position: _Position
    policy_id: str
    policy_version: str
    verdict: str | None = None
    probability: float | None = None
    categories: list[str]
    rule_ids: list[str]
    rationale: str | None = None
    judged_at: datetime | None = None
    route: str
    score: float | None
    screen_version: str
    engine: str | None = None
    model: str | None = None
    effort: str | None = None
    provisional: bool
    reason: str | None = None


@dataclass(frozen=True)
class _Prompt:
    """A producer that waits for nothing: the one of a flag that has to be there at once."""

    settings: KafkaSettings

    def producer(self, **overrides: Any) -> Any:
        return self.settings.producer(**{"linger_ms": 0} | overrides)


class WriteProvisional(ProduceToKafka):
    """Produces every row of PROVISIONAL batches at once.

    Fused with the step that screens it does not wait for the end of the source's bundle.
    ``source`` is that of ``WriteFlagged``.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        source: str,
        form: FlaggedForm = AS_JSON,
        *,
        max_record_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        super().__init__(
            _Prompt(settings),
            partial(_formed, form, partial(provisional_records, topic=topic, source=source)),
            shrink=partial(_trim_formed, form),
            tally=_flags,
            max_record_bytes=max_record_bytes,
        )


class WriteFlagged(ProduceToKafka):
    """Produces every row of VIOLATION batches.

    ``source`` is the URI reference that stands in ``ce_source``.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        source: str,
        form: FlaggedForm = AS_JSON,
        *,
        max_record_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        super().__init__(
            settings,
            partial(_formed, form, partial(flagged_records, topic=topic, source=source)),
            shrink=partial(_trim_formed, form),
            tally=kinds_of,
            max_record_bytes=max_record_bytes,
        )


def _formed(
    form: FlaggedForm, records: Callable[[pa.RecordBatch], Iterator[Record]], rows: pa.RecordBatch
) -> Iterator[Record]:
    return map(form.encoded, records(rows))


def _trim_formed(form: FlaggedForm, record: Record) -> Record | None:
    smaller = trim(form.plain(record))
    return None if smaller is None else form.encoded(smaller)


def _flags(flags: pa.RecordBatch) -> dict[str, int]:
    return {"provisional_flags": flags.num_rows}


def kinds_of(violations: pa.RecordBatch) -> dict[str, int]:
    """Return how many messages of each kind the rows become, by the field of Counts."""
    rows = violations.select(["verdict", "mode", "provisional_id"]).to_pylist()
    counted = [_counts_as_violation(row) for row in rows]
    return {
        "flagged_messages": sum(counted),
        "confirmations": sum(row["provisional_id"] is not None for row in compress(rows, counted)),
        "withdrawals": len(rows) - sum(counted),
    }


def _counts_as_violation(row: dict[str, Any]) -> bool:
    return bool(row["verdict"] == Outcome.VIOLATES and row["mode"] == Mode.ENFORCE)


def flagged_records(violations: pa.RecordBatch, topic: str, source: str) -> Iterator[Record]:
    """Return the message of each row: a CloudEvent 1.0 in Kafka's binary content mode.

    A row that is no violation, or no longer one that counts, withdraws its provisional flag.
    """
    for row in violations.to_pylist():
        kind = EVENT_TYPE
        if not _counts_as_violation(row):
            kind = WITHDRAWAL_TYPE
            if row["verdict"] == Outcome.VIOLATES:
                row["reason"] = NOT_ENFORCED
        yield _record(row, topic, source, kind, row["judged_at"])


def provisional_records(flags: pa.RecordBatch, topic: str, source: str) -> Iterator[Record]:
    """Return the message of each PROVISIONAL row: a flag without a verdict."""
    for row in flags.to_pylist():
        yield _record(row, topic, source + _SCREEN, PROVISIONAL_TYPE, row["flagged_at"])


def _record(row: dict[str, Any], topic: str, source: str, kind: str, time: datetime) -> Record:
    return Record(
        topic=topic,
        key=row["content_id"].encode() if row["key"] is None else row["key"],
        value=msgspec.json.encode(_body(row, provisional=kind == PROVISIONAL_TYPE)),
        headers=(
            *zip(_OWN_HEADERS, _own_values(row, source, kind, time), strict=True),
            *(_carried(h["key"] or "", h["value"]) for h in row["headers"] or ()),
        ),
    )


def _own_values(row: dict[str, Any], source: str, kind: str, time: datetime) -> tuple[bytes, ...]:
    values = (
        "1.0",
        row["decision_id"],
        source,
        kind,
        time.isoformat(),
        row["content_id"],
        "application/json",
    )
    return tuple(value.encode() for value in values)


def trim(record: Record) -> Record | None:
    """Return the record with its largest part cut, marked as truncated; None when all are gone.

    Cut are the text and the rationale (by half), the attributes and the post's own headers, and
    at last a key that fills the message by itself gives way to the content id.
    """
    body = msgspec.json.decode(record.value or b"", type=_Body)
    rationale = body.rationale or ""
    own = tuple(header for header in record.headers if header[0] in _OWN_HEADERS)
    carried = record.headers[len(own) :]
    sizes = {
        "text": len(body.text),
        "rationale": len(rationale),
        "attributes": len(bytes(body.attributes)) - len(_NO_ATTRIBUTES),
        "headers": sum(len(name) + len(value) + 1 for name, value in carried),
        "key": len(record.key or b"") - LONGEST_ID * 4,
    }
    largest = max(sizes, key=lambda part: sizes[part])
    if sizes[largest] <= 0:
        return None
    cuts: dict[str, Any] = {
        "text": {"text": body.text[: sizes["text"] // 2]},
        "rationale": {"rationale": rationale[: sizes["rationale"] // 2]},
        "attributes": {"attributes": msgspec.Raw(_NO_ATTRIBUTES)},
    }
    body = msgspec.structs.replace(body, truncated=True, **cuts.get(largest, {}))
    return replace(
        record,
        key=body.content_id.encode() if largest == "key" else record.key,
        value=msgspec.json.encode(body),
        headers=own if largest == "headers" else record.headers,
    )


def _body(row: dict[str, Any], *, provisional: bool) -> _Body:
    known = {name: row[name] for name in _Body.__struct_fields__ if name in row}
    return _Body(
        **known
        | {
            "truncated": False,
            "attributes": msgspec.Raw(
                row["attributes"].encode() if row["attributes"] else _NO_ATTRIBUTES
            ),
            "position": _Position(row["topic"], row["partition"], row["offset"]),
            "categories": row.get("categories") or [],
            "rule_ids": row.get("rule_ids") or [],
            "provisional": provisional,
        }
    )


def _carried(name: str, value: bytes | None) -> tuple[str, bytes]:
    """Return a header of the post as it can be produced: no null, and none of Weir's names."""
    ours = name.lower().startswith("ce_") or name.lower() == "content-type"
    return POST_PREFIX + name if ours else name, value or b""
