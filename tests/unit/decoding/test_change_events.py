"""Debezium's change events: the row after the change is the post.

Written from what the documentation says that ``transforms/decode/envelopes/debezium.py`` names.
"""

import io
import json

import fastavro
import pyarrow as pa
import pytest

from tests.json_messages import read
from tests.unit.decoding.cases import (
    CREATED,
    MILLIS,
    changes,
    event,
    ids,
    left_out,
    posts,
    reasons,
)
from weir.transforms.decode import DecodeSettings, attributes
from weir.transforms.decode.envelopes.debezium import UNAVAILABLE
from weir.transforms.decode.protobuf.compile import file_set, message_class
from weir.transforms.decode.schema_source import SchemaSettings

DEBEZIUM = DecodeSettings(envelope="debezium", text_field="body")


def change(op, before=None, after=None, *wrapped, at=MILLIS):
    source = {"connector": "postgresql", "table": "posts", "ts_ms": at}
    return event(*wrapped, op=op, before=before, after=after, source=source, ts_ms=at + 5)


@pytest.mark.parametrize("wrapped", [(), ("payload",)], ids=["bare", "with its schema"])
def test_the_row_after_a_change_is_the_post(wrapped):
    row = {"id": 1, "body": "a post", "lang": "en", "created_at": "2026-11-01T10:00:00Z"}
    decoded = read(
        change("c", None, row, *wrapped),
        change("r", None, row | {"id": 2}, *wrapped),
        change("u", {"id": 3, "body": "before"}, row | {"id": 3, "body": "after"}, *wrapped),
        change("d", {"id": 4}, None, *wrapped),
        settings=DEBEZIUM,
    )
    assert posts(decoded) == [
        ("1", "a post", CREATED, "en"),
        ("2", "a post", CREATED, "en"),
        ("3", "after", CREATED, "en"),
    ]
    assert changes(decoded) == [("3", "edited", CREATED), ("4", "deleted", CREATED)]
    assert decoded.failures == ()


def test_a_long_text_that_a_change_left_as_it_was_is_unknown_and_never_a_post():
    decoded = read(
        change("u", None, {"id": 1, "body": UNAVAILABLE}),
        change("u", None, {"id": 2, "body": "new"}),
        settings=DEBEZIUM,
    )
    assert left_out(decoded) == {"text_unchanged": [0]}
    assert ids(decoded) == ["2"]
    assert changes(decoded) == [("2", "edited", CREATED)]


def test_nobody_hides_a_post_behind_the_placeholder():
    settings = DecodeSettings(envelope="debezium", text_field=("title", "body"))
    decoded = read(
        change("c", None, {"id": 1, "title": "t", "body": UNAVAILABLE}),
        change("u", None, {"id": 2, "title": "t", "body": UNAVAILABLE}),
        change("c", None, {"id": 3, "body": UNAVAILABLE}),
        settings=settings,
    )
    assert ids(decoded) == ["1", "2", "3"]
    assert decoded.changes is None  # of the second a part is unknown: the version before it stands
    assert left_out(decoded) == {}


@pytest.mark.parametrize("field", ["before", "after"])
def test_a_change_event_without_its_row_fails_alone(field):
    row = {"id": 1, "body": "a post"}
    lacking = change("c" if field == "after" else "d", None, None)
    decoded = read(change("c", None, row), lacking, change("c", None, row), settings=DEBEZIUM)
    reason = "missing_text" if field == "after" else "missing_id"
    assert reasons(decoded) == [(1, reason)]
    assert decoded.content.num_rows == 2


def test_what_is_no_change_event_fails_and_what_changes_no_row_is_left_out():
    decoded = read(
        event(id=1, body="a row alone"),
        change("x", None, {"id": 1, "body": "a"}),
        change("t"),
        change("m"),
        b"no JSON",
        None,
        settings=DEBEZIUM,
    )
    assert reasons(decoded) == [
        (0, "not_a_change_event"),
        (1, "not_a_change_event"),
        (4, "invalid_json"),
    ]
    assert left_out(decoded) == {"truncate": [2], "message": [3], "tombstone": [5]}


def test_a_row_that_is_marked_as_deleted_takes_its_post_back():
    settings = DecodeSettings(envelope="debezium", text_field="body", deleted_field=("deleted_at",))
    decoded = read(
        change("u", None, {"id": 1, "body": "a", "deleted_at": MILLIS}),
        change("u", None, {"id": 2, "body": "a", "deleted_at": None}),
        settings=settings,
    )
    assert sorted(changes(decoded)) == [("1", "deleted", CREATED), ("2", "edited", CREATED)]
    assert ids(decoded) == ["2"]


def test_what_else_a_change_says_is_kept_beside_the_post():
    value = change("c", None, {"id": 1, "body": "a", "likes": 3})
    (rest,) = attributes(pa.array([value], pa.binary()), DEBEZIUM)
    assert json.loads(rest)["after"] == {"likes": 3}
    assert "body" not in rest


_PICTURE = {
    "type": "record",
    "name": "Picture",
    "fields": [{"name": "alt", "type": ["null", "string"]}],
}
_ROW = {
    "type": "record",
    "name": "Value",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "body", "type": ["null", "string"]},
        {"name": "media", "type": ["null", {"type": "array", "items": _PICTURE}]},
    ],
}
AVRO = {
    "type": "record",
    "name": "Envelope",
    "fields": [
        {"name": "before", "type": ["null", _ROW]},
        {"name": "after", "type": ["null", "Value"]},
        {"name": "op", "type": "string"},
        {"name": "ts_ms", "type": ["null", "long"]},
    ],
}


def in_avro(op, before, after):
    held = io.BytesIO()
    event = {"op": op, "before": before, "after": after, "ts_ms": MILLIS}
    fastavro.schemaless_writer(held, fastavro.parse_schema(AVRO), event)
    return held.getvalue()


def test_change_events_in_avro_are_read_as_those_in_json_are():
    settings = DecodeSettings(
        "avro",
        envelope="debezium",
        text_field=("body", "media[].alt"),
        schema=SchemaSettings(file=json.dumps(AVRO)),
    )
    row = {"id": 1, "body": "a post", "media": [{"alt": "a cat"}, {"alt": None}, {"alt": "a dog"}]}
    decoded = read(
        in_avro("c", None, row),
        in_avro("d", row | {"id": 2}, None),
        in_avro("u", None, row | {"body": UNAVAILABLE, "media": None}),
        in_avro("u", None, row | {"id": 3, "media": None}),
        b"\xff",
        settings=settings,
    )
    assert posts(decoded) == [
        ("1", "a post\n\na cat\na dog", CREATED, None),
        ("3", "a post", CREATED, None),
    ]
    assert changes(decoded) == [("2", "deleted", CREATED), ("3", "edited", CREATED)]
    assert left_out(decoded) == {"text_unchanged": [2]}
    assert reasons(decoded) == [(4, "invalid_avro")]


def test_an_event_in_protobuf_is_read_as_one_in_json_is():
    schema = """syntax = "proto3"; package d;
    message Part { string text = 1; }
    message Row { string id = 1; repeated Part parts = 2; }
    message Event { optional Row before = 1; optional Row after = 2; string op = 3; }"""
    made = message_class(file_set(schema), "d.Event")
    row = {"id": "p1", "parts": [{"text": "one"}, {"text": "two"}]}
    values = [
        made(op="c", after=row),
        made(op="u", before=row, after=row | {"parts": [{"text": "three"}]}),
        made(op="d", before=row),
        made(op="c"),
        made(),
        made(op="t"),
    ]
    settings = DecodeSettings(
        "protobuf",
        schema=SchemaSettings(file=schema, message="d.Event"),
        envelope="debezium",
        text_field="parts[].text",
    )
    decoded = read(*(each.SerializeToString() for each in values), settings=settings)
    assert decoded.content["text"].to_pylist() == ["one\ntwo", "three"]
    assert decoded.changes["change"].to_pylist() == ["edited", "deleted"]
    assert reasons(decoded) == [(3, "missing_text"), (4, "not_a_change_event")]
    assert left_out(decoded) == {"truncate": [5]}
