"""The wire format of a schema registry: what a message begins with, and what becomes of it."""

import json
import struct

import pyarrow as pa
import pytest

from tests import avro_messages, proto_messages
from tests.json_messages import messages, only
from tests.registry_server import registry_server
from weir.transforms.decode import DecodeSettings, attributes, decoder
from weir.transforms.decode.envelopes import ENVELOPES
from weir.transforms.decode.schema_source import SchemaSettings
from weir.transforms.registry import RegistrySettings


@pytest.fixture(scope="module")
def registry():
    with registry_server() as running:
        yield running


def framed(number, body):
    return b"\0" + struct.pack(">I", number) + body


def of(registry, kind, **settings):
    schema = SchemaSettings(RegistrySettings(registry.url), settings.pop("reader", None))
    return DecodeSettings(kind, schema=schema, **settings)


def _message(kind, text):
    match kind:
        case "avro":
            return avro_messages.written(avro_messages.post(text=text))
        case "protobuf":
            return b"\2\2" + proto_messages.written(text=text)  # the second message
    return json.dumps({"text": text, "more": 1}).encode()


SCHEMAS = {
    "avro": (avro_messages.POST, "AVRO"),
    "protobuf": (proto_messages.POST, "PROTOBUF"),
    "json-schema": ({"type": "object"}, "JSON"),
}
EVERY = pytest.mark.parametrize("kind", sorted(SCHEMAS))


@EVERY
def test_a_message_is_read_by_the_schema_that_it_names(registry, kind):
    number = registry.add(*SCHEMAS[kind])
    value = framed(number, _message(kind, "a post"))
    assert only(decoder(of(registry, kind))(messages(value)), "text") == "a post"
    assert attributes(messages(value)["value"], of(registry, kind)) != [value]


@EVERY
def test_what_is_wrong_is_named_and_each_fails_alone(registry, kind):
    number = registry.add(*SCHEMAS[kind])
    other = registry.add(*SCHEMAS["avro" if kind != "avro" else "protobuf"])
    good = framed(number, _message(kind, "a post"))
    wrong = {
        b"": "wrong_magic_byte",
        b'{"text": "a post"}': "wrong_magic_byte",
        b"\1" + good[1:]: "wrong_magic_byte",
        good[:4]: "cut_short",
        framed(99_999, good[5:]): "unknown_schema",
        framed(1 << 31, good[5:]): "unknown_schema",
        framed(0, good[5:]): "unknown_schema",
        framed(other, good[5:]): "another_format",
    }
    values = [good]
    for value in wrong:
        values += [value, good]
    decoded = decoder(of(registry, kind))(messages(*values))
    assert [each.reason for each in decoded.failures] == list(wrong.values())
    assert decoded.content["offset"].to_pylist() == list(range(100, 100 + len(values), 2))
    assert set(decoded.content["text"].to_pylist()) == {"a post"}


@EVERY
def test_a_schema_that_a_header_names_is_named_and_what_is_framed_is_read_all_the_same(
    registry, kind
):
    good = framed(registry.add(*SCHEMAS[kind]), _message(kind, "a post"))
    batch = messages(good, good[5:], b"\0" + good[5:], good[:4])
    named = [{"key": "__value_schema_id", "value": b"\1" + bytes(16)}]
    headers = pa.array([named, named, named, None], batch.schema.field("headers").type)
    place = batch.schema.get_field_index("headers")
    decoded = decoder(of(registry, kind))(batch.set_column(place, "headers", headers))
    assert decoded.content["offset"].to_pylist() == [100]
    assert [each.reason for each in decoded.failures] == [
        "schema_in_header",
        "schema_in_header",
        "cut_short",
    ]


def test_versions_of_a_schema_are_read_in_one_batch(registry):
    before = registry.add(
        {"type": "record", "name": "P", "fields": [{"name": "text", "type": "string"}]}
    )
    after = {
        "type": "record",
        "name": "P",
        "fields": [
            {"name": "likes", "type": "long", "default": 0},
            {"name": "body", "type": ["null", "string"], "aliases": ["text"]},
        ],
    }
    number = registry.add(after)
    values = [
        framed(before, b"\x06one"),
        framed(number, b"\x02\x02\x06two"),
        framed(before, b"\x0athree"),
        framed(number, b"\x02\0"),
    ]
    decoded = decoder(of(registry, "avro"))(messages(*values))
    assert decoded.content["text"].to_pylist() == ["one", "two", "three"]
    assert [each.reason for each in decoded.failures] == ["null_text"]


def test_a_null_text_behind_a_frame_is_told_apart_from_none(registry):
    number = registry.add(*SCHEMAS["json-schema"])
    values = [framed(number, body) for body in (b'{"text": null}', b"{}", b'{"text": "a"}')]
    decoded = decoder(of(registry, "json-schema"))(messages(b"", *values))
    assert [(each.row, each.reason) for each in decoded.failures] == [
        (0, "wrong_magic_byte"),
        (1, "null_text"),
        (2, "missing_text"),
    ]


def test_a_readers_schema_says_what_a_field_was_called_and_what_it_is_where_it_was_not(registry):
    reader = {
        "type": "record",
        "name": "P",
        "fields": [
            {"name": "body", "type": "string", "aliases": ["text", "message"]},
            {"name": "lang", "type": "string", "default": "de"},
        ],
    }
    numbers = [
        registry.add({"type": "record", "name": "P", "fields": [{"name": n, "type": "string"}]})
        for n in ("text", "message", "body")
    ]
    made = of(registry, "avro", reader=json.dumps(reader), text_field="body")
    decoded = decoder(made)(messages(*[framed(number, b"\x02a") for number in numbers]))
    assert decoded.content["text"].to_pylist() == ["a"] * 3
    assert decoded.content["language"].to_pylist() == ["de"] * 3


def test_schemas_may_refer_to_others(registry):
    author = {"type": "record", "name": "forum.Who", "fields": [{"name": "id", "type": "string"}]}
    registry.add(author, subject="who")
    post = {
        "type": "record",
        "name": "forum.P",
        "fields": [{"name": "by", "type": "forum.Who"}, {"name": "text", "type": "string"}],
    }
    number = registry.add(post, subject="post", references=[("forum.Who", "who", 1)])
    made = of(registry, "avro", id_field="by.id")
    assert only(decoder(made)(messages(framed(number, b"\x02x\x02a"))), "content_id") == "x"


def test_a_protobuf_message_may_be_any_of_its_schema(registry):
    schema = (
        'syntax = "proto3"; package f; message A { string n = 9; } '
        "message B { message C { string text = 1; } }"
    )
    number = registry.add(schema, "PROTOBUF")
    post = b"\x0a\x01a"
    values = [
        framed(number, b"\4\2\0" + post),
        framed(number, b"\4\2\2" + post),
        framed(number, b"\0" + post),
        framed(number, b"\2\x0e" + post),
        framed(number, b"\4\2\0" + post),
        framed(number, b""),
    ]
    decoded = decoder(of(registry, "protobuf"))(messages(*values))
    assert decoded.content["offset"].to_pylist() == [100, 104]
    assert [each.reason for each in decoded.failures] == [
        "unknown_message_index",
        "schema_without_text",
        "unknown_message_index",
        "unknown_message_index",
    ]


@pytest.mark.parametrize("schema", ["[", '{"type": "record"}', '"nope"'])
def test_a_schema_that_is_none_fails_its_own_messages_alone(registry, schema):
    bad, number = registry.add(schema), registry.add(avro_messages.POST)
    good = framed(number, _message("avro", "a post"))
    decoded = decoder(of(registry, "avro"))(messages(good, framed(bad, b"x"), good))
    assert [(each.row, each.reason) for each in decoded.failures] == [(1, "schema_unusable")]


@pytest.mark.parametrize(
    ("kind", "schema", "said"),
    [
        ("json", SchemaSettings(file="{}"), "have no schema"),
        ("text", SchemaSettings(RegistrySettings("https://r")), "have no schema"),
        ("avro", SchemaSettings(), "needs a schema registry, or a schema file"),
        ("json-schema", SchemaSettings(file="{}"), "needs a schema registry"),
        ("protobuf", SchemaSettings(file="x"), "needs the name of the message"),
        ("avro", SchemaSettings(file="x", message="P"), "belongs to --format=protobuf"),
        ("protobuf", SchemaSettings(RegistrySettings("https://r"), "x"), "says nothing"),
    ],
)
def test_settings_that_would_be_of_no_use_are_refused(kind, schema, said):
    with pytest.raises(ValueError, match=said):
        DecodeSettings(kind, schema=schema)


@pytest.mark.parametrize("number", [7, ord('"'), ord("["), ord("{")])
def test_json_behind_a_frame_is_a_dead_letter_that_names_its_format_among_neighbours(number):
    good = b'{"text": "a post"}'
    decoded = decoder(DecodeSettings())(messages(good, framed(number, good), b"no JSON", good))
    assert decoded.content["offset"].to_pylist() == [100, 103]
    assert [(each.row, each.reason) for each in decoded.failures] == [
        (1, "schema_framed"),
        (2, "invalid_json"),
    ]
    assert f"the id {number}" in decoded.failures[0].error
    assert decoded.failures[0].error.endswith("--format=json-schema.")


@pytest.mark.parametrize("envelope", sorted(ENVELOPES))
def test_a_frame_is_named_in_any_envelope(envelope):
    settings = DecodeSettings(envelope=envelope, skip=("kind=null",), deleted_field=("gone",))
    decoded = decoder(settings)(messages(framed(7, b'{"kind": null, "gone": true}')))
    assert [each.reason for each in decoded.failures] == ["schema_framed"]
    assert not decoded.left_out


def test_what_is_no_json_behind_a_frame_is_named_where_json_was_expected():
    decoded = decoder(DecodeSettings())(messages(framed(34, b"\x0c" + b"a post")))
    (failure,) = decoded.failures
    assert failure.reason == "schema_framed"
    assert "id 34" in failure.error
    assert "--format=avro" in failure.error
