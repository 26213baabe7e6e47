"""The message of an escalation: one post to be judged under one policy, keyed like the post.

One message for each, not an Arrow batch of many: posts of one key stay in order, anybody can read
the topic, and a bad message spoils no other. For a post of 200 bytes it takes 20 us to write, 10 us
to read and 980 bytes, where batches of 32 in Arrow take 0.8, 0.7 and 700, and the producer's own
30 us a message; but only what is judged pays it, and that takes a thousand times as long.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pyarrow as pa

from weir.transforms.decode.outcome import LONGEST_ID, LONGEST_LANGUAGE, Failure
from weir.transforms.decode.oversized import MAX_POST_BYTES, find_oversized
from weir.transforms.decode.posts import CONTEXT_CHARACTERS
from weir.transforms.identity import decision_id
from weir.transforms.kafka.outbox import Record
from weir.transforms.records import ESCALATION, LEFT_OUT, Stage

EVENT_TYPE = "org.weir.escalation.v1"
# JSON Schema of the body, for whoever reads or writes the topic.
SCHEMA: dict[str, Any] = json.loads(Path(__file__).with_name("escalation.schema.json").read_text())

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)]
_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class _Position(msgspec.Struct, frozen=True):
    topic: _Name
    partition: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    offset: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Header(msgspec.Struct, frozen=True):
    key: str | None
    value: bytes | None  # bytes are base64 in JSON


class _Body(msgspec.Struct, frozen=True):
    run: _Name
    cluster: str
    mode: Literal["enforce", "shadow", "replay"]
    content_id: _Name
    text: str
    truncated: bool
    language: Annotated[str, msgspec.Meta(max_length=LONGEST_LANGUAGE)] | None
    created_at: _Time
    position: _Position
    timestamp: _Time | None
    key: bytes | None
    value: bytes | None
    headers: list[_Header] | None
    policy_id: _Name
    policy_version: _Name
    screen_version: str
    route: Literal["escalate", "audit", "forced", "lesson", "beside", "deferred"]
    score: float | None
    inclusion_probability: Annotated[float, msgspec.Meta(gt=0, le=1)]
    provisional_id: _Name | None = None
    author_id: Annotated[str, msgspec.Meta(max_length=LONGEST_ID)] | None = None
    context: Annotated[str, msgspec.Meta(max_length=CONTEXT_CHARACTERS)] | None = None


_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(_Body).decode


@dataclass(frozen=True)
class Origin:
    """The job that screened: what stands on escalations that name none of their own."""

    run: str
    cluster: str
    mode: str


def escalation_records(escalations: pa.RecordBatch, topic: str, origin: Origin) -> Iterator[Record]:
    """Return the message of each row: a CloudEvent 1.0 in Kafka's binary content mode.

    The post's own headers are in the body, where they keep their nulls and cannot pass for Weir's.
    """
    for row in escalations.select(ESCALATION.names).to_pylist():
        body = _body(row, origin)
        position = f"{row['topic']}/{row['partition']}/{row['offset']}"
        event = {
            "ce_specversion": "1.0",
            "ce_id": f"{position}/{body.policy_id}@{body.policy_version}",
            "ce_source": f"/weir/{body.run}",
            "ce_type": EVENT_TYPE,
            "ce_subject": body.content_id,
            "content-type": "application/json",
        }
        yield Record(
            topic=topic,
            key=body.content_id.encode() if body.key is None else body.key,
            value=_ENCODE(body),
            headers=tuple((name, value.encode()) for name, value in event.items()),
        )


def _body(row: dict[str, Any], origin: Origin) -> _Body:
    known = {name: row[name] for name in _Body.__struct_fields__ if name in row}
    headers = row["headers"]
    return _Body(
        **known
        | {
            "run": row["run"] or origin.run,
            "cluster": row["cluster"] or origin.cluster,
            "mode": row["mode"] or origin.mode,
            "truncated": False,
            "position": _Position(row["topic"], row["partition"], row["offset"]),
            "headers": None if headers is None else [_Header(**header) for header in headers],
        }
    )


def shorten(record: Record) -> Record | None:
    """Return the record with less in it, marked as truncated; None where nothing can go.

    First the message that the post came in goes (it stays at its position), then half of the text,
    from its middle: so long a post has no safe verdict in any case.
    """
    body = _DECODE(record.value or b"")
    if (body.value, body.headers, body.key) != (None, None, None):
        body = msgspec.structs.replace(body, value=None, headers=None, key=None, truncated=True)
        longest = LONGEST_ID * 4
        key = record.key if len(record.key or b"") <= longest else body.content_id.encode()
        return replace(record, key=key, value=_ENCODE(body))
    quarter = len(body.text) // 4
    if quarter < len(LEFT_OUT):
        return None
    text = body.text[:quarter] + LEFT_OUT + body.text[-quarter:]
    return replace(record, value=_ENCODE(msgspec.structs.replace(body, text=text, truncated=True)))


@dataclass(frozen=True)
class Decoded:
    """Every row of a MESSAGE batch, once: as an ESCALATION row in the order it came, or failed."""

    escalations: pa.RecordBatch
    failures: tuple[Failure, ...]


def decode_escalations(messages: pa.RecordBatch) -> Decoded:
    """Read each message as an escalation."""
    failures = find_oversized(messages, MAX_POST_BYTES)  # Weir's own have 1 MB at most
    rows, large = [], {failure.row for failure in failures}
    for number, value in enumerate(messages["value"].to_pylist()):
        if number in large:
            continue
        try:
            rows.append(_row(value))
        except _UnreadableError as error:
            failures.append(Failure(number, error.reason, str(error)))
    return Decoded(pa.RecordBatch.from_pylist(rows, schema=ESCALATION), tuple(failures))


class _UnreadableError(Exception):
    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def _row(value: bytes | None) -> dict[str, Any]:
    if value is None:
        raise _UnreadableError("tombstone", "The message has no value.")
    try:
        body = _DECODE(value)
    except msgspec.ValidationError:
        # Not what msgspec says: it may quote the post.
        message = f"The value is JSON, but not an escalation ({EVENT_TYPE})."
        raise _UnreadableError("not_an_escalation", message) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _UnreadableError("invalid_json", "The value is not JSON.") from None
    if not _EARLIEST <= body.created_at < _LATEST:
        message = "The post's time is outside the years 1970 to 2099."
        raise _UnreadableError("implausible_time", message)
    if body.provisional_id not in (None, _flag_id(body)):
        # A verdict bears it in place of its own: another post's flag would be withdrawn.
        message = "The provisional_id is not the one of this post and policy."
        raise _UnreadableError("not_an_escalation", message)
    row = {name: getattr(body, name) for name in body.__struct_fields__ if name in _COLUMNS}
    return row | {
        "topic": body.position.topic,
        "partition": body.position.partition,
        "offset": body.position.offset,
        "headers": None if body.headers is None else [_header(header) for header in body.headers],
    }


def _flag_id(body: _Body) -> str:
    """Return the id of the flag that went out for a post, if one did."""
    at = body.position
    return decision_id(
        (at.topic, at.partition, at.offset),
        cluster=body.cluster,
        stage=Stage.JUDGE,
        version=body.policy_version,
        run=body.run,
    )


def _header(header: _Header) -> dict[str, Any]:
    return {"key": header.key, "value": header.value}


_COLUMNS = frozenset(ESCALATION.names)
