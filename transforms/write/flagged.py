"""The flagged topic: one CloudEvent for each violation, keyed like the post."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import apache_beam as beam
import msgspec
import pyarrow as pa

from transforms.counts import counter
from transforms.decode.decoded import LONGEST_ID
from transforms.kafka import KafkaSettings
from transforms.progress import PROGRESS, positions
from transforms.write.outbox import MAX_RECORD_BYTES, Outbox, Record

EVENT_TYPE = "org.weir.violation.v1"
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
_NO_ATTRIBUTES = b"{}"
# The post's own headers that would pass for Weir's are carried under this prefix.
POST_PREFIX = "post-"


class _Position(msgspec.Struct, frozen=True):
    topic: str
    partition: int
    offset: int


class _Body(msgspec.Struct, frozen=True):
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
    verdict: str
    probability: float | None
    categories: list[str]
    rule_ids: list[str]
    rationale: str | None
    judged_at: datetime
    route: str
    score: float | None
    screen_version: str
    engine: str
    model: str
    effort: str


class WriteFlagged(beam.PTransform):
    """Produces every row of VIOLATION batches, and fails the bundle unless all are acknowledged.

    ``source`` is the URI reference that stands in ``ce_source``.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        source: str,
        *,
        max_record_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        super().__init__()
        self._dofn = _WriteDoFn(settings, topic, source, max_record_bytes)

    def expand(self, violations: beam.PCollection) -> beam.pvalue.PDone:
        """Write every batch of violations."""
        _ = violations | beam.ParDo(self._dofn)
        return beam.pvalue.PDone(violations.pipeline)


class _WriteDoFn(beam.DoFn):
    def __init__(
        self, settings: KafkaSettings, topic: str, source: str, max_record_bytes: int
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._source = source
        self._max_record_bytes = max_record_bytes
        self._flagged = counter("flagged_messages")

    def setup(self) -> None:
        self._outbox = Outbox(self._settings, trimmed, max_record_bytes=self._max_record_bytes)

    def start_bundle(self) -> None:
        self._sent = 0
        self._positions: list[pa.RecordBatch] = []

    def process(self, violations: pa.RecordBatch) -> None:
        self._positions.append(positions(violations))
        for record in flagged_records(violations, self._topic, self._source):
            self._outbox.send(record)
            self._sent += 1

    def finish_bundle(self) -> None:
        self._outbox.settle()
        for each in self._positions:
            PROGRESS.release(each)
        self._flagged.inc(self._sent)

    def teardown(self) -> None:
        self._outbox.close()


def flagged_records(violations: pa.RecordBatch, topic: str, source: str) -> Iterator[Record]:
    """Return the message of each row: a CloudEvent 1.0 in Kafka's binary content mode."""
    for row in violations.to_pylist():
        yield Record(
            topic=topic,
            key=row["content_id"].encode() if row["key"] is None else row["key"],
            value=msgspec.json.encode(_body(row)),
            headers=(
                *zip(_OWN_HEADERS, _own_values(row, source), strict=True),
                *(_carried(h["key"] or "", h["value"]) for h in row["headers"] or ()),
            ),
        )


def _own_values(row: dict[str, Any], source: str) -> tuple[bytes, ...]:
    values = (
        "1.0",
        row["decision_id"],
        source,
        EVENT_TYPE,
        row["judged_at"].isoformat(),
        row["content_id"],
        "application/json",
    )
    return tuple(value.encode() for value in values)


def trimmed(record: Record) -> Record | None:
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


def _body(row: dict[str, Any]) -> _Body:
    known = {name: row[name] for name in _Body.__struct_fields__ if name in row}
    return _Body(
        **known
        | {
            "truncated": False,
            "attributes": msgspec.Raw(
                row["attributes"].encode() if row["attributes"] else _NO_ATTRIBUTES
            ),
            "position": _Position(row["topic"], row["partition"], row["offset"]),
            "categories": row["categories"] or [],
            "rule_ids": row["rule_ids"] or [],
        }
    )


def _carried(name: str, value: bytes | None) -> tuple[str, bytes]:
    """Return a header of the post as it can be produced: no null, and none of Weir's names."""
    ours = name.lower().startswith("ce_") or name.lower() == "content-type"
    return POST_PREFIX + name if ours else name, value or b""
