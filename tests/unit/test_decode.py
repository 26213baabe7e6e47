"""Decode: whatever a message holds, it ends as itself, once, and moves no neighbour."""

import json
from datetime import UTC, datetime

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile import EITHER, READABLE, UNREADABLE
from tests.json_messages import JSON, NESTED, RECEIVED, messages, only, post, read
from weir.transforms import coders
from weir.transforms.counts import counts_of
from weir.transforms.decode import Decode, DecodeSettings, attributes, decoder
from weir.transforms.records import CONTENT, DEAD_LETTER, MESSAGE

coders.register()


def test_a_post_has_its_own_fields_and_the_whole_message_beside_them():
    value = post(id="p1", created_at="2026-11-01T00:00:00Z", lang="en", likes=3)
    decoded = read(value)
    assert decoded.failures == ()
    assert decoded.content.schema == CONTENT
    assert decoded.content.to_pylist() == [
        {
            "content_id": "p1",
            "text": "a post",
            "created_at": datetime(2026, 11, 1, tzinfo=UTC),
            "language": "en",
            "topic": "posts",
            "partition": 3,
            "offset": 100,
            "timestamp": RECEIVED,
            "key": b"author",
            "value": value,
            "headers": [{"key": "trace", "value": b"1"}],
            "author_id": None,
            "context": None,
        }
    ]


def test_fields_are_found_by_paths():
    value = {"id": "no", "text": "no", "post": {"id": 7, "body": {"text": "yes"}, "meta": None}}
    decoded = read(json.dumps(value).encode(), settings=NESTED)
    assert only(decoded, "content_id") == "7"
    assert only(decoded, "text") == "yes"
    assert only(decoded, "created_at") == RECEIVED


def test_a_field_name_need_not_be_a_name_in_python():
    settings = DecodeSettings(text_field="a-b c.ä'{}", id_field="__class__")
    value = {"a-b c": {"ä'{}": "found"}, "__class__": "x"}
    decoded = read(json.dumps(value).encode(), settings=settings)
    assert only(decoded, "text") == "found"
    assert only(decoded, "content_id") == "x"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"format": "xml"}, "xml"),
        ({"id_field": "text"}, "place of its own"),
        ({"text_field": "post.body", "id_field": "post"}, "place of its own"),
        ({"text_field": "post..body"}, "empty name"),
        ({"text_field": ""}, "empty name"),
        ({"text_field": 'a"b'}, "quote"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        DecodeSettings(**wrong)


@pytest.mark.parametrize(
    "unusable", [None, "", True, 1.5, [1], {"a": 1}, "x" * 1025], ids=lambda v: repr(v)[:10]
)
def test_a_post_without_a_usable_id_is_named_by_its_position(unusable):
    assert only(read(post(id=unusable)), "content_id") == "posts/3/100"
    assert only(read(post()), "content_id") == "posts/3/100"


def test_ids_may_be_numbers_and_strings_in_one_batch():
    decoded = read(post(id=12345678901234567890), post(id="b"), post())
    assert decoded.content["content_id"].to_pylist() == ["12345678901234567890", "b", "posts/3/102"]


def test_a_language_that_is_no_tag_is_left_out():
    decoded = read(post(lang="en"), post(lang=7), post(lang="x" * 36), post())
    assert decoded.content["language"].to_pylist() == ["en", None, None, None]


@pytest.mark.parametrize("name", READABLE)
def test_odd_posts_are_read_like_any_other(name):
    value = READABLE[name]
    decoded = read(post(id="before"), value, post(id="after"))
    assert decoded.failures == ()
    assert decoded.content["text"][1].as_py() == json.loads(value)["text"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b'{"text": "x', "invalid_json"),
        (b"", "invalid_json"),
        (b'{"text": "x"} {"text": "y"}', "invalid_json"),
        (b'{"text": NaN}', "invalid_json"),
        (b'{"tex": "\xff"}', "invalid_utf8"),
        (b"[1]", "not_an_object"),
        (b"42", "not_an_object"),
        (b"null", "not_an_object"),
        (b'{"id": "x"}', "missing_text"),
        (b'{"text": null}', "null_text"),
        (b'{"x": {"text": 1}, "te\\u0078t" : null , "n": 1}', "null_text"),
        (b'{"text": 7}', "text_not_a_string"),
        (b'{"text": ["x"]}', "text_not_a_string"),
        (None, "tombstone"),
        (b'{"text": 7, "deep": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "too_deep"),
    ],
    ids=lambda v: repr(v)[:40],
)
def test_what_is_no_post_fails_alone_and_with_a_reason(value, reason):
    decoded = read(post(id="before"), value, post(id="after"))
    assert [(failure.row, failure.reason) for failure in decoded.failures] == [(1, reason)]
    assert decoded.content["content_id"].to_pylist() == ["before", "after"]
    assert decoded.content["offset"].to_pylist() == [100, 102]


@pytest.mark.parametrize("number", ["1e999", "1" * 5000, "-1e-999"])
def test_a_number_out_of_range_costs_only_its_own_field(number):
    value = b'{"text": "x", "id": %b, "created_at": %b, "z": %b}' % ((number.encode(),) * 3)
    assert only(read(value), "text") == "x"


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"\ud800", "\ufffd"),
        (r"a\udc00b", "a\ufffdb"),
        (r"\ud800\ud83d\ude00", "\ufffd😀"),
        (r"\\ud800\udfff", "\\ud800\ufffd"),
        (r"\uD83D\uDE00\uD83D", "😀\ufffd"),
    ],
)
def test_half_a_character_is_replaced_and_the_post_is_labelled(escaped, text):
    value = b'{"id": "x", "text": "%b"}' % escaped.encode()
    assert only(read(value), "text") == text


def test_a_post_of_too_many_bytes_fails_alone_and_keeps_its_bytes():
    settings = DecodeSettings(max_post_bytes=100)
    large = post(text="x" * 100)
    decoded = read(post(), large, b"no JSON", post(text="y"), settings=settings)
    assert [(f.row, f.reason) for f in decoded.failures] == [
        (1, "post_too_large"),
        (2, "invalid_json"),
    ]
    assert f"{len(large)} bytes" in decoded.failures[0].error
    assert decoded.content["text"].to_pylist() == ["a post", "y"]
    assert decoded.content["offset"].to_pylist() == [100, 103]


@pytest.mark.parametrize("reason", ["message_too_large", "batch_too_large"])
def test_a_message_that_was_not_read_is_no_tombstone(reason):
    batch = messages(post(), None)
    withheld = pa.array([None, reason], pa.string())
    at = batch.schema.get_field_index("withheld")
    decoded = decoder(JSON)(batch.set_column(at, MESSAGE.field("withheld"), withheld))
    assert [(f.row, f.reason) for f in decoded.failures] == [(1, reason)]


@pytest.mark.parametrize("most", [0, -1, (32 << 20) + 1])
def test_a_bound_of_posts_that_nothing_can_hold_is_refused(most):
    with pytest.raises(ValueError, match="give 1 to"):
        DecodeSettings(max_post_bytes=most)


def test_an_error_says_where_and_nothing_of_what():
    secret = "hunter2"
    values = [
        b'{"%b": "%b' % (secret.encode(), secret.encode()),
        b'{"text": {"%b": 1}}' % secret.encode(),
        b'{"none": "%b\xff"}' % secret.encode(),
        b'"%b"' % secret.encode(),
    ]
    failures = read(*values).failures
    assert len(failures) == len(values)
    assert all(secret not in failure.error for failure in failures)
    assert "byte 17" in failures[2].error


def test_attributes_are_the_message_less_the_decoded_fields():
    values = pa.array(
        [
            b'{"id": "x", "text": "a", "bad": NaN, "not": "\xff", "sound": [1.0]}',
            b'{"id": "x", "text": "a", "n": 1.10, "deep": {"id": [1, {"a": null}]}}',
            b'{"text": "\\ud800", "other": "\\udc00"}',
            b'{"text": "a"}',
        ]
    )
    assert attributes(values, JSON) == [
        '{"bad":"NaN","not":"\ufffd","sound":[1.0]}',
        '{"n":1.10,"deep":{"id": [1, {"a": null}]}}',
        '{"other":"\ufffd"}',
        None,
    ]


def test_attributes_keep_what_lies_beside_a_nested_field():
    value = {"post": {"id": 1, "body": {"text": "a"}, "meta": {"made": 0, "app": "web"}}, "v": 2}
    assert attributes(pa.array([json.dumps(value).encode()]), NESTED) == [
        '{"post":{"meta":{"app":"web"}},"v":2}'
    ]


def test_plain_text_is_the_post_itself():
    decoded = read(b"hello", b"\xff", b"", None, b'{"text": 1}', settings=DecodeSettings("text"))
    assert decoded.content["text"].to_pylist() == ["hello", "\ufffd", "", '{"text": 1}']
    assert decoded.content["content_id"].to_pylist() == [
        "posts/3/100",
        "posts/3/101",
        "posts/3/102",
        "posts/3/104",
    ]
    assert decoded.content["created_at"].to_pylist() == [RECEIVED] * 4
    assert [(f.row, f.reason) for f in decoded.failures] == [(3, "tombstone")]


def test_an_empty_batch_stays_empty():
    assert read().content.num_rows == 0
    assert read(settings=DecodeSettings("text")).content.num_rows == 0


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_OBJECTS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(["id", "text", "created_at", "lang", "other"], _VALUES)
).map(lambda fields: json.dumps(fields).encode())
_ANYTHING = (
    st.none()
    | st.binary()
    | _OBJECTS
    | st.sampled_from([*UNREADABLE.values(), *READABLE.values(), *EITHER.values()])
)


@pytest.mark.parametrize("name", EITHER)
def test_what_may_end_either_way_ends(name):
    decoded = read(EITHER[name])
    assert decoded.content.num_rows + len(decoded.failures) == 1


@given(st.lists(_ANYTHING, max_size=4), st.sampled_from([JSON, NESTED, DecodeSettings("text")]))
def test_any_bytes_in_any_row_never_change_their_neighbours(values, settings):
    together = read(*values, settings=settings)
    failed = {failure.row: (failure.reason, failure.error) for failure in together.failures}
    assert together.content.num_rows + len(failed) == len(values)
    rows = iter(together.content.to_pylist())
    for row in range(len(values)):
        batch = messages(*values).slice(row, 1)
        alone = decoder(settings)(batch)
        if row in failed:
            assert [(f.reason, f.error) for f in alone.failures] == [failed[row]]
        else:
            assert alone.content.to_pylist() == [next(rows)]
            assert len(attributes(batch["value"], settings)) == 1


@given(st.lists(_OBJECTS, min_size=1, max_size=4))
def test_what_is_read_is_what_another_parser_reads(values):
    decoded = read(*values)
    failed = {failure.row for failure in decoded.failures}
    texts = [json.loads(value).get("text") for value in values]
    for row, text in enumerate(texts):
        assert (row in failed) == (not isinstance(text, str))
    read_texts = [text for row, text in enumerate(texts) if row not in failed]
    assert decoded.content["text"].to_pylist() == read_texts


def test_the_step_keeps_what_fails_with_its_position_and_bytes_and_counts_it():
    batch = messages(post(id="a"), b"oops", post(id="b"))
    pipeline = beam.Pipeline(runner="FnApiRunner")
    decoded = (
        pipeline
        | beam.Create([batch])
        | Decode(JSON, run="r", cluster="c")
    )  # fmt: skip
    dead = decoded.dead | beam.Map(lambda letters: (letters.schema == DEAD_LETTER, letters))
    content_ids = decoded.content | beam.FlatMap(lambda rows: rows["content_id"].to_pylist())

    def letter(found):
        ((same_schema, letters),) = found
        (row,) = letters.to_pylist()
        assert same_schema
        assert (row["stage"], row["reason"]) == ("decode", "invalid_json")
        assert (row["topic"], row["partition"], row["offset"]) == ("posts", 3, 101)
        assert (row["key"], row["value"], row["attempts"]) == (b"author", b"oops", 1)
        assert row["content_id"] is None

    def both(found):
        assert found == ["a", "b"]

    assert_that(dead, letter, label="dead")
    assert_that(content_ids, both, label="content")
    result = pipeline.run()
    result.wait_until_finish()
    counts = counts_of(result)
    assert (counts.dead_letters, counts.dead_letters_decode) == (1, 1)
    assert counts.undated == 2
    assert "undated:" in str(counts)
