"""Spans of sampled posts, made of the rows that a step has anyway.

The jobs of a post share no memory, so its trace is known by where the post stands in Kafka: every
step takes the same posts for the sample, and gives the same trace its ids. A trace that a producer
began (the header ``traceparent``, https://www.w3.org/TR/trace-context) is linked to.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_PARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_PER_MILLISECOND = 1_000_000  # nanoseconds
# The constants of splitmix64's finaliser (Steele, Lea and Flood, 2014).
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_STEP = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Context:
    """A place in a trace, by the ids of W3C's trace context."""

    trace_id: int  # 128 bits, not 0
    span_id: int  # 64 bits, not 0


@dataclass(frozen=True)
class Span:
    """A stretch of a post's way; times are nanoseconds since 1970."""

    name: str
    context: Context
    start: int
    end: int
    attributes: Mapping[str, str | int | float | bool]
    parent: Context | None = None
    link: Context | None = None  # what a producer began


def sampled(batch: pa.RecordBatch, share: float) -> npt.NDArray[np.int64]:
    """Return which rows of a batch with positions are in the sample: the same in every step."""
    mixed = pc.cast(batch["offset"], pa.uint64()).to_numpy(zero_copy_only=False) * np.uint64(_STEP)
    mixed ^= pc.cast(batch["partition"], pa.uint64()).to_numpy(zero_copy_only=False)
    for shift, factor in _MIX:
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return np.flatnonzero((mixed >> np.uint64(11)) < np.uint64(round(share * (1 << 53))))


def screen_spans(
    content: pa.RecordBatch, share: float, run: str, began: int, ended: int
) -> Iterator[Span]:
    """Give two spans for each sampled post of CONTENT: from Kafka to the screen, and in it."""
    rows = content.select(["topic", "partition", "offset", "timestamp", "headers"])
    for row in rows.take(pa.array(sampled(content, share))).to_pylist():
        read = _of_post(run, row)
        start = began if row["timestamp"] is None else min(_nanoseconds(row["timestamp"]), began)
        attributes = {
            "messaging.system": "kafka",
            "messaging.destination.name": row["topic"],
            "messaging.destination.partition.id": str(row["partition"]),
            "messaging.kafka.offset": row["offset"],
            "weir.run": run,
        }
        yield Span("weir.read", read, start, began, attributes, link=_upstream(row["headers"]))
        yield Span(
            "weir.screen",
            Context(read.trace_id, _bits("screen", run, *_position(row), bits=64)),
            began,
            ended,
            {"weir.run": run, "weir.batch_posts": content.num_rows},
            parent=read,
        )


_SAID = ("policy_id", "policy_version", "engine", "model", "cached", "tokens_in", "tokens_out")
_PLACE = ("decision_id", "run", "topic", "partition", "offset")
# Of each table whose rows have spans, what these need: when it was decided comes first.
TRACED = {
    "screenings": ("screened_at", *_PLACE),
    "verdicts": ("judged_at", *_PLACE, "latency_ms", *_SAID),
}


def stored_spans(rows: pa.RecordBatch, table: str, now: int) -> Iterator[Span]:
    """Give for each row of a table of TRACED how long it took to be stored, until ``now``.

    A verdict has another span, of the judge.
    """
    decided_at, *_ = TRACED[table]
    for row in rows.select(TRACED[table]).to_pylist():
        post, at = _of_post(row["run"], row), _nanoseconds(row[decided_at])
        decision = row["decision_id"]
        known = {"weir.run": row["run"], "weir.decision_id": decision}
        if table == "verdicts":
            judge = Context(post.trace_id, _bits("judge", decision, bits=64))
            took = round((row["latency_ms"] or 0) * _PER_MILLISECOND)
            said = {f"weir.{name}": row[name] for name in _SAID if row[name] is not None}
            yield Span("weir.judge", judge, at - took, at, known | said, parent=post)
        write = Context(post.trace_id, _bits("write", table, decision, bits=64))
        yield Span("weir.write", write, at, max(at, now), known | {"weir.table": table}, post)


def _of_post(run: str, row: Mapping[str, Any]) -> Context:
    place = (run, *_position(row))
    return Context(_bits("trace", *place, bits=128), _bits("read", *place, bits=64))


def _position(row: Mapping[str, Any]) -> tuple[str, int, int]:
    return row["topic"], row["partition"], row["offset"]


def _bits(*parts: object, bits: int) -> int:
    said = "\x00".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(said, digest_size=bits // 8).digest()) or 1


def _nanoseconds(time: Any) -> int:
    return int(round(time.timestamp() * 1e6) * 1000)  # Arrow's are whole microseconds


def _upstream(headers: Sequence[Mapping[str, Any]] | None) -> Context | None:
    """Return what the header ``traceparent`` names; None without one that is well formed."""
    for header in headers or ():
        found = header["key"] == "traceparent" and _PARENT.fullmatch(header["value"] or b"")
        if found:
            trace_id, span_id = (int(each, 16) for each in found.groups())
            return Context(trace_id, span_id) if trace_id and span_id else None
    return None
