"""Spans of sampled posts: the same posts in every step, and nothing of what they hold."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from weir.pipelines.options.job import JobOptions
from weir.pipelines.settings.traces import trace_settings
from weir.transforms.records import CONTENT, VERDICT
from weir.transforms.traces import Recorder, TraceSettings
from weir.transforms.traces.spans import TRACED, sampled, screen_spans, stored_spans

NOON = datetime(2026, 1, 30, 12, tzinfo=UTC)
AT = int(NOON.timestamp()) * 10**9
SECOND = 10**9
PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PRIVATE = "words of a person"


def content(offsets, headers=None, **more):
    row = {
        "content_id": PRIVATE,
        "text": PRIVATE,
        "created_at": NOON,
        "topic": "posts",
        "partition": 3,
        "timestamp": NOON - timedelta(seconds=2),
        "key": PRIVATE.encode(),
        "value": PRIVATE.encode(),
        "headers": headers,
    } | more
    return pa.RecordBatch.from_pylist([row | {"offset": each} for each in offsets], schema=CONTENT)


def verdicts(offsets):
    row: dict[str, Any] = {field.name: None for field in VERDICT}
    row |= {field.name: PRIVATE for field in VERDICT if not field.nullable}
    row |= {"decision_id": "d-1", "run": "live", "topic": "posts", "partition": 3}
    row |= {"created_at": NOON, "judged_at": NOON, "latency_ms": 500.0, "cached": False}
    row |= {"inclusion_probability": 1.0}
    row |= {"policy_id": "spam", "policy_version": "v", "engine": "vllm", "model": "m"}
    return pa.RecordBatch.from_pylist([row | {"offset": each} for each in offsets], schema=VERDICT)


def of(offset, headers=None, **more):
    """Return the two spans of a post that is screened for a second from noon on."""
    return list(screen_spans(content([offset], headers, **more), 1.0, "live", AT, AT + SECOND))


def test_every_step_takes_the_same_posts_for_the_sample():
    offsets = range(5000)
    screened = sampled(content(offsets), 0.01).tolist()
    assert screened == sampled(verdicts(offsets), 0.01).tolist()
    assert 20 < len(screened) < 100
    assert len(sampled(content(offsets), 1.0)) == 5000


def test_a_post_waits_in_kafka_and_then_is_screened():
    read, screen = of(7)
    assert (read.name, read.start, read.end) == ("weir.read", AT - 2 * SECOND, AT)
    assert (screen.name, screen.start, screen.end) == ("weir.screen", AT, AT + SECOND)
    assert (read.parent, screen.parent) == (None, read.context)


def test_a_message_without_a_time_or_from_the_future_has_not_waited():
    for timestamp in (None, NOON + timedelta(hours=1)):
        read, _ = of(7, timestamp=timestamp)
        assert (read.start, read.end) == (AT, AT)


def test_the_judge_and_the_write_join_the_trace_that_the_screen_began():
    read, _ = of(7)
    judge, write = stored_spans(verdicts([7]).select(TRACED["verdicts"]), "verdicts", AT + SECOND)
    assert (judge.name, judge.start, judge.end) == ("weir.judge", AT - SECOND // 2, AT)
    assert (write.name, write.start, write.end) == ("weir.write", AT, AT + SECOND)
    assert judge.parent == write.parent == read.context
    assert {judge.context.trace_id, write.context.trace_id} == {read.context.trace_id}
    assert judge.attributes["weir.decision_id"] == "d-1"


def test_two_posts_and_two_runs_have_traces_of_their_own():
    batch = content([7, 8])
    runs = [list(screen_spans(batch, 1.0, run, AT, AT)) for run in ("live", "again")]
    assert len({each.context.trace_id for spans in runs for each in spans}) == 4


def test_a_trace_that_a_producer_began_is_linked_to():
    read, _ = of(7, [{"key": "traceparent", "value": PARENT}])
    assert f"{read.link.trace_id:032x}-{read.link.span_id:016x}".encode() == PARENT[3:-3]


@pytest.mark.parametrize(
    "value",
    [None, b"", b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01", PARENT[:-1], PARENT + b"\n", b"\xff"],
)
def test_a_traceparent_that_is_not_well_formed_is_no_link(value):
    read, _ = of(7, [{"key": "other", "value": PARENT}, {"key": "traceparent", "value": value}])
    assert read.link is None


def test_nothing_that_a_post_holds_is_in_its_spans():
    headers = [{"key": PRIVATE, "value": PRIVATE.encode()}]
    rows = verdicts([7]).select(TRACED["verdicts"])
    for each in (*of(7, headers), *stored_spans(rows, "verdicts", AT)):
        assert PRIVATE not in str(each)


def test_opentelemetry_gets_the_spans_as_they_are():
    taken = InMemorySpanExporter()
    (read, screen) = spans = of(7, [{"key": "traceparent", "value": PARENT}])
    Recorder(SimpleSpanProcessor(taken)).record(spans)
    told = taken.get_finished_spans()
    assert [each.name for each in told] == ["weir.read", "weir.screen"]
    assert told[1].parent.span_id == told[0].context.span_id == read.context.span_id
    assert (told[1].start_time, told[1].end_time) == (screen.start, screen.end)
    assert [each.context.span_id for each in told[0].links] == [read.link.span_id]


def watching(**said):
    return replace(JobOptions.of({}).watching, **said)


def test_nothing_is_traced_unless_it_is_asked_for():
    assert trace_settings(watching()) is None
    url = "http://127.0.0.1:4318/v1/traces"
    assert trace_settings(watching(traces_endpoint=url)) == TraceSettings(url, 0.001)
