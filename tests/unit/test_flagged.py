"""The flagged topic: a CloudEvent that no post can forge or outgrow."""

import json
from datetime import UTC, datetime

import jsonschema
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.transforms.records import VIOLATION
from weir.transforms.write.flagged import SCHEMA, flagged_records, trim


def violation(**changes):
    moment = datetime(2026, 11, 1, 12, 30, 0, 5, tzinfo=UTC)
    row = {
        "decision_id": "d-1",
        "run": "live",
        "mode": "enforce",
        "content_id": "p1",
        "topic": "posts",
        "partition": 3,
        "offset": 7,
        "created_at": moment,
        "judged_at": moment,
        "text": "a post",
        "policy_id": "spam",
        "policy_version": "v1",
        "screen_version": "s1",
        "route": "escalate",
        "inclusion_probability": 1.0,
        "verdict": "violates",
        "engine": "exemplar",
        "model": "m",
        "effort": "low",
        "cached": False,
        "key": b"author",
        "headers": [{"key": "trace", "value": b"1"}],
    } | changes
    return pa.RecordBatch.from_pylist([row], schema=VIOLATION)


def flagged(**changes):
    (record,) = flagged_records(violation(**changes), "flagged", "/weir/live")
    return record


def body(record):
    return json.loads(record.value)


def test_the_message_is_a_cloudevent_with_the_posts_key_and_headers():
    record = flagged()
    assert record.topic == "flagged"
    assert record.key == b"author"
    assert record.headers == (
        ("ce_specversion", b"1.0"),
        ("ce_id", b"d-1"),
        ("ce_source", b"/weir/live"),
        ("ce_type", b"org.weir.violation.v1"),
        ("ce_time", b"2026-11-01T12:30:00.000005+00:00"),
        ("ce_subject", b"p1"),
        ("content-type", b"application/json"),
        ("trace", b"1"),
    )


def test_a_post_without_a_key_is_keyed_by_its_id():
    assert flagged(key=None).key == b"p1"
    assert flagged(key=b"").key == b""


def test_a_post_cannot_override_the_event():
    names = ["ce_id", "CE_Type", "Content-Type", "ce_anything"]
    record = flagged(headers=[{"key": name, "value": b"forged"} for name in names])
    assert record.headers[7:] == tuple((f"post-{name}", b"forged") for name in names)


def test_a_null_header_is_carried_as_an_empty_one():
    assert flagged(headers=[{"key": "h", "value": None}]).headers[-1] == ("h", b"")
    assert len(flagged(headers=None).headers) == 7


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"probability": 0.9, "score": 0.5, "language": "en", "rationale": "because"},
        {"attributes": '{"likes": 3, "user": {"id": 12345678901234567890}}'},
        {"categories": ["a", "b"], "rule_ids": ["SP1"]},
        {"text": "<script>'; DROP TABLE x; -- \x00 \U0001f600 \ufffd"},
    ],
    ids=["least", "more", "attributes", "lists", "hostile text"],
)
def test_the_body_obeys_the_published_schema(changes):
    record = flagged(**changes)
    jsonschema.Draft202012Validator(SCHEMA).validate(body(record))
    assert body(record)["text"] == changes.get("text", "a post")
    assert body(record)["attributes"] == json.loads(changes.get("attributes", "{}"))


def test_the_schema_names_every_field_and_no_other():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert list(body(flagged())) == list(SCHEMA["properties"])


def test_a_post_that_does_not_fit_loses_its_largest_part_first():
    long = flagged(text="x" * 1000, attributes='{"a": "%s"}' % ("y" * 2000))
    once = trim(long)
    assert body(once)["attributes"] == {}
    assert body(once)["text"] == "x" * 1000
    assert body(once)["truncated"]
    assert body(trim(once))["text"] == "x" * 500


@given(
    text=st.text(max_size=50).map(lambda text: text * 40),
    key=st.none() | st.binary(max_size=5000) | st.just(b"k" * 20_000),
    headers=st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=300)), max_size=4),
    rationale=st.none() | st.text(max_size=50).map(lambda text: text * 20),
)
def test_any_violation_can_be_trimmed_to_a_small_event_with_its_identity(
    text, key, headers, rationale
):
    record = flagged(
        text=text,
        key=key,
        rationale=rationale,
        headers=[{"key": name, "value": value} for name, value in headers],
    )
    own = record.headers[:7]
    steps = 0
    while (smaller := trim(record)) is not None:
        assert smaller.size < record.size
        record, steps = smaller, steps + 1
        assert steps < 50
    assert record.headers == own
    assert record.size < 6000
    jsonschema.Draft202012Validator(SCHEMA).validate(body(record))
    assert body(record)["decision_id"] == "d-1"
