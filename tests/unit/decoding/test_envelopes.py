"""Envelopes, by samples written from what their specifications say (named in each module)."""

import base64
import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from tests.json_messages import RECEIVED, messages, read
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
from weir.transforms.decode import DecodeSettings, attributes, decoder
from weir.transforms.records import MESSAGE

# CloudEvents


EVENTS = DecodeSettings(envelope="cloudevents")
STRUCTURED = {"specversion": "1.0", "id": "e1", "source": "/app", "type": "post.created"}


def sent(value, settings=EVENTS, **headers):
    """Decode one message, and a sound neighbour on either side of it."""
    beside = event(**STRUCTURED, data={"id": "beside", "text": "beside"})
    batch = messages(beside, value, beside)
    named = [{"key": key.replace("__", "-"), "value": v.encode()} for key, v in headers.items()]
    own = {"key": "content-type", "value": b"application/cloudevents+json; charset=utf-8"}
    at = batch.schema.get_field_index("headers")
    lists = pa.array([[own], named, []], MESSAGE.field("headers").type)
    decoded = decoder(settings)(batch.set_column(at, MESSAGE.field("headers"), lists))
    assert decoded.content.num_rows + len(decoded.failures) == 3
    assert ids(decoded)[0] == ids(decoded)[-1] == "beside"
    return decoded


def test_the_data_of_a_structured_event_is_the_post():
    data = {"id": "p1", "text": "a post", "lang": "en"}
    value = event(**STRUCTURED, time="2026-11-01T10:00:00Z", data=data)
    assert posts(sent(value))[1] == ("p1", "a post", CREATED, "en")


def test_the_value_of_a_binary_event_is_the_post_and_its_headers_date_and_name_it():
    headers = {
        "ce_specversion": "1.0",
        "ce_id": "e1",
        "ce_type": "post.created",
        "ce_source": "/app",
        "ce_time": "2026-11-01T10:00:00Z",
        "content__type": "application/json",
    }
    assert posts(sent(event(text="a post"), **headers))[1] == ("e1", "a post", CREATED, None)
    own = event(text="a post", id="p1", created_at="2026-11-02T12:00:00Z")
    assert posts(sent(own, **headers))[1] == ("p1", "a post", RECEIVED, None)


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (event(text="a"), {}, "not_a_cloudevent"),
        (event(text="a"), {"ce_specversion": "1.0", "content__type": "image/png"}, "content_type"),
        (
            event(**STRUCTURED, data={"text": "a"}),
            {"content__type": "application/cloudevents+avro"},
            "content_type",
        ),
        (
            b"[]",
            {"content__type": "application/cloudevents-batch+json"},
            "cloudevents_batch",
        ),
        (b' [{"specversion": "1.0"}]', {}, "cloudevents_batch"),
        (b"[7]", {"ce_specversion": "1.0"}, "not_an_object"),
        (
            event(text="a", specversion="1.0"),
            {"content__type": "application/cloudevents-batch+json"},
            "cloudevents_batch",
        ),
        (
            event(**STRUCTURED, datacontenttype="application/xml", data="<a/>"),
            {"content__type": "application/cloudevents+json"},
            "content_type",
        ),
        (event(**STRUCTURED, data_base64="aGk="), {}, "data_base64"),
        (event(**STRUCTURED, data=None), {}, "missing_text"),
        (event(**STRUCTURED, data="a string"), {}, "missing_text"),
    ],
)
def test_an_event_of_another_kind_fails_alone_and_says_why(value, headers, reason):
    assert reasons(sent(value, **headers)) == [(1, reason)]


def in_base64(data):
    return base64.b64encode(data).decode()


def test_data_in_base64_that_is_json_is_read_among_neighbours():
    hidden = event(**STRUCTURED, data_base64=in_base64(b'{"text": "hidden", "more": 1}'))
    plain = event(**STRUCTURED, data={"text": "a post"})
    decoded = read(plain, hidden, plain, settings=EVENTS)
    assert decoded.content["text"].to_pylist() == ["a post", "hidden", "a post"]
    assert decoded.content["value"].to_pylist() == [plain, hidden, plain]
    (rest,) = attributes(decoded.content["value"][1:2], EVENTS)
    assert json.loads(rest)["data"] == {"more": 1}
    assert "data_base64" not in rest


@pytest.mark.parametrize(
    "data",
    [
        {"data_base64": in_base64(b"\x89PNG")},
        {"data_base64": in_base64(b'{"text": "\xff"}')},
        {"data_base64": in_base64(b"[" * 10_000)},
        {"data_base64": "no base64"},
        {"data_base64": in_base64(b'{"text": "a"}'), "data": {"data_base64": 1}},
    ],
)
def test_data_in_base64_that_is_no_json_or_not_all_of_the_data_is_named(data):
    decoded = read(event(**STRUCTURED, **data), settings=EVENTS)
    assert reasons(decoded) == [(0, "data_base64")]


def test_a_field_of_that_name_in_a_binary_events_data_is_left_alone():
    value = event(text="a post", data_base64=in_base64(b'{"text": "another"}'))
    decoded = sent(value, ce_specversion="1.0", content__type="application/json")
    assert decoded.content["text"][1].as_py() == "a post"


def test_events_of_a_type_can_be_skipped():
    settings = DecodeSettings(envelope="cloudevents", skip=("type=user.created",))
    value = event(**STRUCTURED | {"type": "user.created"}, data={})
    batch = messages(value, event(**STRUCTURED, data={"text": "a"}))
    decoded = decoder(settings)(batch)
    assert left_out(decoded) == {"type=user.created": [0]}
    assert ids(decoded) == ["e1"]


# Jetstream


JETSTREAM = DecodeSettings(envelope="jetstream")
DID = "did:plc:a"


def commit(operation, record=None, *, collection="app.bsky.feed.post", key="k1"):
    body = {"operation": operation, "collection": collection, "rkey": key, "rev": "r"}
    if record is not None:
        body |= {"record": {"$type": collection, "createdAt": "2026-11-01T10:00:00.000Z"} | record}
    return event(did=DID, time_us=MILLIS * 1000, kind="commit", commit=body)


def test_posts_of_bluesky_are_named_by_their_uri_and_everything_else_is_counted():
    like = {"subject": {"uri": "at://x"}}
    decoded = read(
        commit("create", {"text": "hello", "langs": ["en", "de"]}),
        commit("create", like, collection="app.bsky.feed.like"),
        commit("update", {"text": "hello again"}),
        commit("delete", key="k2"),
        commit("delete", collection="app.bsky.graph.follow"),
        commit("create", {"text": "no post"}, collection="com.example.anything"),
        event(did=DID, time_us=1, kind="identity", identity={"did": DID}),
        event(did=DID, time_us=1, kind="account", account={"active": True}),
        event(did=DID, kind="new kind"),
        event(text="a post"),
        b'{"did": "d", "kind": "commit", "commit": {"operation": "create"',
        settings=JETSTREAM,
    )
    uri = f"at://{DID}/app.bsky.feed.post"
    assert posts(decoded) == [
        (f"{uri}/k1", "hello", CREATED, "en"),
        (f"{uri}/k1", "hello again", CREATED, None),
    ]
    assert changes(decoded) == [
        (f"{uri}/k1", "edited", CREATED),
        (f"{uri}/k2", "deleted", CREATED),
    ]
    assert left_out(decoded) == {
        "app.bsky.feed.like": [1],
        "app.bsky.graph.follow": [4],
        "another collection": [5],
        "identity": [6],
        "account": [7],
    }
    assert reasons(decoded) == [
        (8, "not_a_jetstream_event"),
        (9, "not_a_jetstream_event"),
        (10, "invalid_json"),
    ]


def test_what_stands_in_pictures_and_cards_is_a_part_of_the_post():
    embed = {"images": [{"alt": "a cat"}, {"alt": ""}], "external": {"title": "a page"}}
    decoded = read(commit("create", {"text": "hello", "embed": embed}), settings=JETSTREAM)
    assert decoded.content["text"].to_pylist() == ["hello\n\na cat\n\na page"]


def test_a_post_without_a_key_is_named_by_its_position_and_its_deletion_by_nothing():
    of = {"collection": "app.bsky.feed.post"}
    decoded = read(
        event(did=DID, kind="commit", commit=of | {"record": {"text": "a"}}),
        event(kind="commit", commit=of | {"operation": "delete"}),
        settings=JETSTREAM,
    )
    assert ids(decoded) == ["posts/3/100"]
    assert reasons(decoded) == [(1, "missing_id")]


# ActivityPub


FEDIVERSE = DecodeSettings(envelope="activitypub")


def activity(kind, of, **more):
    context = {"@context": "https://www.w3.org/ns/activitystreams"}
    return event(**context, type=kind, id=f"https://a.example/{kind}", object=of, **more)


def note(text, kind="Note", **more):
    return {
        "id": "https://a.example/notes/1",
        "type": kind,
        "content": text,
        "published": "2026-11-01T10:00:00Z",
    } | more


def test_notes_are_read_as_a_reader_sees_them():
    html = "<p>You won a <b>prize</b></p><p>call&nbsp;0900 <br/>now</p>"
    picture = [{"type": "Document", "name": "a cat"}]
    decoded = read(
        activity("Create", note(html, contentMap={"en": html})),
        event(**note("5 < 6", summary="warning", attachment=picture)),
        settings=FEDIVERSE,
    )
    assert posts(decoded) == [
        ("https://a.example/notes/1", "You won a prize\ncall\xa00900\nnow", CREATED, "en"),
        ("https://a.example/notes/1", "warning\n\n5 < 6\n\na cat", CREATED, None),
    ]


def test_a_note_that_is_updated_or_deleted_says_so_in_every_form():
    later, uri = datetime(2026, 11, 1, 11, tzinfo=UTC), "https://a.example/notes/1"
    decoded = read(
        activity("Update", note("b", updated="2026-11-01T11:00:00Z")),
        activity("Delete", {"type": "Tombstone", "id": uri}),
        activity("Delete", uri),
        activity("Delete", "https://a.example/ann", actor="https://a.example/ann"),
        activity("Delete", {"type": "Tombstone"}),
        settings=FEDIVERSE,
    )
    assert ids(decoded) == [uri]
    assert changes(decoded) == [
        (uri, "edited", later),
        (uri, "deleted", RECEIVED),
        (uri, "deleted", RECEIVED),
    ]
    assert left_out(decoded) == {"an account": [3]}
    assert reasons(decoded) == [(4, "missing_id")]


def test_activities_that_are_no_posts_are_counted_and_what_is_no_activity_fails():
    decoded = read(
        activity("Like", "https://a.example/notes/1"),
        activity("Announce", "https://a.example/notes/1"),
        activity("Hug", "https://a.example/notes/1"),
        activity("Update", {"type": "Person", "id": "https://a.example/ann", "name": "Ann"}),
        event(content="a"),
        activity("Create", note(None)),
        activity("Create", [1]),
        settings=FEDIVERSE,
    )
    assert left_out(decoded) == {
        "Like": [0],
        "Announce": [1],
        "another activity": [2],
        "another object": [3],
    }
    assert reasons(decoded) == [
        (4, "not_an_activity"),
        (5, "null_text"),
        (6, "missing_text"),
    ]


# Osprey


OSPREY = DecodeSettings(envelope="osprey", time_field="made_at", skip=("data.action_name=login",))


def action(name, data, **more):
    inner = {"action_id": 77, "action_name": name, "data": data}
    return event(send_time="2026-11-01T10:00:00Z", data=inner, **more)


def test_the_data_of_an_action_is_the_post():
    decoded = read(
        action("post", {"id": "p1", "text": "a", "lang": "en"}),
        action("post", {"text": "b"}),
        action("login", {"ip": "127.0.0.1"}),
        action("post", None),
        event(send_time="2026-11-01T10:00:00Z", data={"text": "a"}),
        settings=OSPREY,
    )
    assert posts(decoded) == [("p1", "a", CREATED, "en"), ("77", "b", CREATED, None)]
    assert left_out(decoded) == {"data.action_name=login": [2]}
    assert reasons(decoded) == [(3, "missing_text"), (4, "not_an_action")]


# All of them


@pytest.mark.parametrize(
    "envelope", ["debezium", "cloudevents", "jetstream", "activitypub", "osprey"]
)
@pytest.mark.parametrize(
    "value", [b"", b"{}", b"[]", b"null", b"\xff", b'{"op": {}}', b'{"data": 7, "type": []}', b"{"]
)
def test_whatever_a_message_holds_it_ends_alone_and_once(envelope, value):
    decoded = read(value, b"{}", settings=DecodeSettings(envelope=envelope))
    deleted = 0 if decoded.changes is None else decoded.changes.num_rows
    ends = decoded.content.num_rows + len(decoded.failures) + deleted
    assert ends + sum(len(each.rows) for each in decoded.left_out) == 2


def test_an_envelope_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="envelope is 'soap'; it must be one of none, debezium"):
        DecodeSettings(envelope="soap")
