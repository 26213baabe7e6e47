"""Protobuf: each message ends as itself, once, whatever it and its neighbours hold."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.json_messages import messages, only
from tests.proto_messages import POST, bare, made, read_bare, written
from weir.transforms.decode import DecodeSettings, attributes, decoder
from weir.transforms.decode.protobuf.compile import NoCompilerError, ProtoError, file_set
from weir.transforms.decode.protobuf_format import message_indexes
from weir.transforms.decode.schema_source import SchemaSettings


def test_a_post_is_read_of_a_protobuf_message():
    value = written(
        id="p1", text="a post", created_at={"seconds": 1_764_000_000}, lang="en", author={"id": 7}
    )
    decoded = read_bare(value, author_field="author.id", pseudonym_key="k")
    assert only(decoded, "content_id") == "p1"
    assert only(decoded, "text") == "a post"
    assert only(decoded, "language") == "en"
    assert only(decoded, "created_at") == datetime.fromtimestamp(1_764_000_000, UTC)
    assert only(decoded, "author_id") is not None


def test_what_is_beside_the_post_is_kept_as_json():
    value = written(id="p1", text="a post", author={"id": 7, "name": "Ann"}, labels={"a": "b"})
    rest = attributes(messages(value)["value"], bare(author_field="author.id", pseudonym_key="k"))
    assert json.loads(rest[0]) == {"author": {"name": "Ann"}, "labels": {"a": "b"}}


def test_what_is_not_set_is_not_there():
    decoded = read_bare(written(text="a post"))
    assert only(decoded, "content_id") == "posts/3/100"
    assert only(decoded, "language") is None
    assert decoded.undated == 1


@pytest.mark.parametrize("value", [b'{"text": "a post"}', b'  [{"text": "a post"}]\n'])
def test_a_bare_message_that_is_json_is_named(value):
    (failure,) = read_bare(value).failures
    assert failure.reason == "another_format"
    assert "it looks like JSON: try --format=json." in failure.error


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("author.name", {"author": {"name": "here"}}),
        ("title", {"title": {"value": "here"}}),
        ("plain", {"plain": "here"}),
        ("parent.parent.text", {"parent": {"parent": {"text": "here"}}}),
    ],
)
def test_a_text_is_found_wherever_a_path_leads(path, fields):
    assert only(read_bare(written(**fields), text_field=path), "text") == "here"


@pytest.mark.parametrize("path", ["author.name", "title", "plain"])
def test_a_text_that_was_never_set_is_a_failure(path):
    decoded = read_bare(written(id="p1"), text_field=path)
    assert [each.reason for each in decoded.failures] == ["missing_text"]


def test_an_empty_text_is_a_post_with_nothing_to_read():
    assert only(read_bare(written(id="p1")), "text") == ""


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\x12\x7f", "invalid_protobuf"),  # a text of 127 bytes that is not there
        (b"\xff" * 12, "invalid_protobuf"),
        (b"\x5a\x02" * 200, "invalid_protobuf"),
        (b"\xa2\x01\x02p1", "invalid_protobuf"),  # a Like: no field of it is a post's
    ],
)
def test_a_bad_message_fails_alone(value, reason):
    good = written(id="p1", text="a post")
    decoded = read_bare(good, value, good)
    assert [(each.row, each.reason) for each in decoded.failures] == [(1, reason)]
    assert decoded.content["text"].to_pylist() == ["a post"] * 2


def test_a_message_is_read_down_to_a_depth():
    value = written(text="a post")
    for _ in range(2_000):
        value = made()(parent=made()()).SerializeToString()[:1] + _varint(len(value)) + value
    decoded = read_bare(value)
    assert [each.reason for each in decoded.failures] == ["invalid_protobuf"]


def _varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def test_a_text_that_is_no_utf8_is_read_all_the_same():
    good = written(id="p1", text="a post")
    decoded = read_bare(good, good.replace(b"a post", b"\xff post"), good)
    assert decoded.content["text"].to_pylist() == ["a post", "\ufffd post", "a post"]


def test_a_schema_without_the_text_field_names_itself():
    decoded = read_bare(b"", name="forum.Like")
    assert [(each.reason, each.error) for each in decoded.failures] == [
        ("schema_without_text", "The schema file, forum.Like, has no field text.")
    ]


@pytest.mark.parametrize("schema", ["", "nonsense", 'syntax = "proto3"; import "gone.proto";'])
def test_a_schema_that_does_not_compile_fails_messages_and_no_more(schema):
    made = DecodeSettings("protobuf", schema=SchemaSettings(file=schema, message="forum.Post"))
    decoded = decoder(made)(messages(b"\x12\x01a"))
    assert [each.reason for each in decoded.failures] == ["schema_unusable"]


def test_a_schema_may_refer_to_others():
    common = 'syntax = "proto3"; package common; message Body { string text = 1; }'
    schema = 'syntax = "proto3"; import "common/body.proto"; message P { common.Body body = 1; }'
    files = file_set(schema, [("common/body.proto", common)])
    assert [each.name for each in files.file] == ["common/body.proto", "weir_schema.proto"]


@pytest.mark.parametrize("name", ["../outside.proto", "/tmp/outside.proto", "", "a\0b.proto"])
def test_a_reference_stays_in_the_folder_of_its_schema(name):
    with pytest.raises(ProtoError, match="it refers to a file"):
        file_set(POST, [(name, POST)])


def test_without_a_compiler_the_error_names_the_extra(monkeypatch):
    monkeypatch.setattr("weir.transforms.decode.protobuf.compile.find_spec", lambda name: None)
    with pytest.raises(NoCompilerError, match=r"weir-moderation\[protobuf\]"):
        file_set(POST)


@pytest.mark.parametrize(
    ("value", "indexes", "begin"),
    [
        (b"\0rest", (0,), 1),
        (b"\2\0rest", (0,), 2),
        (b"\2\2rest", (1,), 2),
        (b"\4\0\2rest", (0, 1), 3),
        (b"\1rest", None, 1),  # a count of -1
        (b"\x7frest", None, 1),
        (b"\xff\xff\xff\xff\x0frest", None, 5),
        (b"", None, 0),
        (b"\4\0", None, 2),
    ],
)
def test_a_frame_says_which_message_a_body_is(value, indexes, begin):
    assert message_indexes(value) == (indexes, begin)


@given(st.lists(st.binary(max_size=60), max_size=5), st.integers(0, 5))
@settings(deadline=None, max_examples=100)
def test_any_bytes_end_once_and_leave_a_good_neighbour_alone(values, place):
    good = written(id="p1", text="a post")
    values.insert(place, good)
    decoded = read_bare(*values)
    assert decoded.content.num_rows + len(decoded.failures) == len(values)
    assert 100 + values.index(good) in decoded.content["offset"].to_pylist()
