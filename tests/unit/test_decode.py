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
from weir.transforms import coders
from weir.transforms.counts import counts_of
from weir.transforms.decode import Decode, DecodeSettings, attributes, decoder
from weir.transforms.records import CONTENT, DEAD_LETTER, MESSAGE

coders.register()

RECEIVED = datetime(2026, 11, 2, 12, tzinfo=UTC)
JSON = DecodeSettings()
NESTED = DecodeSettings(
    id_field="post.id",
    text_field="post.body.text",
    time_field="post.meta.made",
    language_field="post.meta.lang",
)


def messages(*values: bytes | None, timestamp: datetime | None = RECEIVED) -> pa.RecordBatch:
    rows = [
        {
            "topic": "posts",
            "partition": 3,
            "offset": 100 + row,
            "timestamp": timestamp,
            "key": b"author",
            "value": value,
            "headers": [{"key": "trace", "value": b"1"}],
        }
        for row, value in enumerate(values)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=MESSAGE)


def read(*values: bytes | None, settings: DecodeSettings = JSON):
    return decoder(settings)(messages(*values))


def post(**fields: object) -> bytes:
    return json.dumps({"text": "a post"} | fields).encode()


def only(decoded, column: str):
    assert decoded.failures == ()
    assert decoded.content.num_rows == 1
    return decoded.content[column][0].as_py()


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


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-01T10:30:00Z",
        "2026-11-01T10:30:00.000000Z",
        "2026-11-01T10:30:00.000000999Z",
        "2026-11-01T12:30:00+02:00",
        "2026-11-01T10:30:00",
        "2026-11-01 10:30",
        "20261101T103000Z",
        1793529000,
        1793529000.0,
        1793529000_000,
        1793529000_000_000,
        1793529000_000_000_000,
    ],
)
def test_a_time_may_be_iso_8601_or_a_number(written):
    expected = datetime(2026, 11, 1, 10, 30, tzinfo=UTC)
    assert only(read(post(created_at=written)), "created_at") == expected


@pytest.mark.parametrize(
    "written",
    ["3000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "soon", "",
     "2026-02-30T00:00:00Z", -1, 10**400, 1e300, True, [], {}, None],
    ids=lambda v: repr(v)[:12],
)  # fmt: skip
def test_a_time_that_is_no_time_or_implausible_gives_way_to_kafkas(written):
    assert only(read(post(created_at=written)), "created_at") == RECEIVED


# As in the field notes of those who reported them: what stands there, and what it means.
@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ([2025, 1, 2, 3, 4, 5, 600000000], "2025-01-02T03:04:05.6Z"),
        ([2025, 1, 2, 3, 4], "2025-01-02T03:04:00Z"),
        ("2025-01-02T03:04:05.678+01:00[Europe/Paris]", "2025-01-02T02:04:05.678Z"),
        ("Thu Jan 02 03:04:05 +0000 2025", "2025-01-02T03:04:05Z"),
        ("Thu Jan  2 03:04:05 UTC 2025", "2025-01-02T03:04:05Z"),
        ("Thu, 02 Jan 2025 03:04:05 GMT", "2025-01-02T03:04:05Z"),
        ("2 Jan 2025 03:04:05 -0230", "2025-01-02T05:34:05Z"),
        ("02/Jan/2025:03:04:05 +0100", "2025-01-02T02:04:05Z"),
        (
            "Thu Jan 02 2025 03:04:05 GMT+0100 (Central European Standard Time)",
            "2025-01-02T02:04:05Z",
        ),
        ("January 2, 2025 at 3:04:05 PM UTC", "2025-01-02T15:04:05Z"),
        ("Jan 2, 2025, 12:04 AM", "2025-01-02T00:04:00Z"),
        ("2025-01-02 03:04:05.123456 UTC", "2025-01-02T03:04:05.123456Z"),
        ("2025-01-02 03:04:05+00", "2025-01-02T03:04:05Z"),
        ("2025-01-02 03:04:05 +0100", "2025-01-02T02:04:05Z"),
        ("2025-01-02 03:04:05.123 +0000 UTC", "2025-01-02T03:04:05.123Z"),
        ("2025/01/02 03:04:05", "2025-01-02T03:04:05Z"),
        ("2025-01-02 03:04:05,678", "2025-01-02T03:04:05.678Z"),
        ("1735787045", "2025-01-02T03:04:05Z"),
        ("1735787045000", "2025-01-02T03:04:05Z"),
        ("1735787045.0", "2025-01-02T03:04:05Z"),
        ("1735787045.5", "2025-01-02T03:04:05.5Z"),
        ("1.735787045e+09", "2025-01-02T03:04:05Z"),
        ("1735787045123456", "2025-01-02T03:04:05.123456Z"),
        ("20250102030405", "2025-01-02T03:04:05Z"),
        (20250102030405678, "2025-01-02T03:04:05.678Z"),
        ({"$date": "2025-01-02T03:04:05Z"}, "2025-01-02T03:04:05Z"),
        ({"$date": 1735787045000}, "2025-01-02T03:04:05Z"),
        ({"$date": {"$numberLong": "1735787045000"}}, "2025-01-02T03:04:05Z"),
        ("/Date(1735787045000)/", "2025-01-02T03:04:05Z"),
        ("/Date(1735787045000+0100)/", "2025-01-02T03:04:05Z"),
        ("2025-01-02t03:04:05z", "2025-01-02T03:04:05Z"),
        ("2025-01-01T24:00:00Z", "2025-01-02T00:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        (" 2025-01-02T03:04:05Z ", "2025-01-02T03:04:05Z"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_a_time_is_read_in_every_form_that_means_one_moment(written, moment):
    decoded = read(post(created_at=written))
    assert only(decoded, "created_at") == datetime.fromisoformat(moment)
    assert decoded.undated == 0


@pytest.mark.parametrize(
    "written",
    [
        20090,  # days, as Debezium writes a date
        "20090",
        45659.13,  # days, as Excel does
        "1.73579E+12",  # a moment that a spreadsheet has rounded to a day
        "01/02/2025 03:04",
        "Thu Jan 02 03:04:05",
        "Thu Jan 02 03:04:05 IST 2025",
        "2025-01-02T25:00:00Z",
        "2025-01-02T24:00:01Z",
        "2025-01-02 13:04 PM",
        "2025-01-02T03:04:05+99:00",
        [2025, 13, 1],
        [2025, 1],
        [2025, 1, 2, 3, 4, 5, 6, 7],
        {"$date": []},
        {"$date": None},
        {"seconds": 1735787045},
        "/Date(99999999999999999)/",
        "9" * 200,
    ],
    ids=lambda v: str(v)[:40],
)
def test_a_time_that_may_mean_another_moment_gives_way_to_kafkas_and_is_counted(written):
    decoded = read(post(created_at=written), post(created_at="2025-01-02T03:04:05Z"))
    assert decoded.content["created_at"][0].as_py() == RECEIVED
    assert decoded.undated == 1


def test_a_post_without_a_time_counts_as_undated_where_the_format_has_times():
    assert read(post(), post(created_at=None)).undated == 2
    assert read(b"a post", settings=DecodeSettings("text")).undated == 0


def test_a_post_that_nobody_can_date_lies_in_1970():
    decoded = decoder(JSON)(messages(post(created_at="3000-01-01"), timestamp=None))
    assert only(decoded, "created_at") == datetime(1970, 1, 1, tzinfo=UTC)


def test_one_odd_time_does_not_change_how_the_others_are_read():
    times = ["2026-11-01T00:00:00Z", "soon", 1793491200, "2026-11-01T01:00:00+01:00", "2026-11-01"]
    decoded = read(*[post(created_at=time) for time in times])
    expected = datetime(2026, 11, 1, tzinfo=UTC)
    created = decoded.content["created_at"].to_pylist()
    assert created == [expected, RECEIVED, expected, expected, expected]


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
        (b'{"text": null}', "missing_text"),
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


@pytest.mark.parametrize(
    "message",
    [
        b'{%b, "x": NaN}',
        b'{"x": -Infinity, %b}',
        b'{"x": ' + b"[" * 1_500 + b"]" * 1_500 + b", %b}",
        b'{%b, "x": ' + b'{"text":' * 1_500 + b"0" + b"}" * 1_500 + b"}",
        b"\xef\xbb\xbf{%b}",
        b'{%b, "x":\xef\xbb\xbf"y"}',
        b'{"x": "\xff", %b}',
        b'{"x": "\x00\n", %b}',
        b'{"x": "\\q", %b}',
        b'{"x": 007, %b,}',
        b'{"x": undefined "y": [1, "{"], %b',
        b'{"x": [}, %b}',
        b"{%b} ]",
        b"\x00\x00\x00\x00\x07{%b}",
    ],
)
def test_what_stands_around_a_text_decides_nothing(message):
    decoded = read(message.replace(b"%b", b'"text": "a \\"b\\" {", "id": "i"'))
    assert only(decoded, "text") == 'a "b" {'
    assert only(decoded, "content_id") == "i"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_an_object_may_be_written_in_any_unicode(encoding):
    assert only(read('{"text": "ä"}'.encode(encoding)), "text") == "ä"


def test_a_nested_text_is_found_among_broken_fields():
    value = b'{"n": NaN, "post": {"n": NaN, "id": 7, "body": {"n": NaN, "text": "found"}}}'
    decoded = read(value, settings=NESTED)
    assert (only(decoded, "text"), only(decoded, "content_id")) == ("found", "7")


@pytest.mark.parametrize(
    "value",
    [
        b'{"text": "bad", "text": "good"}',
        b'{"text": "bad", "n": NaN, "text": "good"}',
        b'{"te\\u0078t": "bad", "text": "good"}',
        b'{"text": "bad", "t\\u0065xt" : "good"}',
        b'{"text": "bad", "x": {"text": 1}, "text": "good"}',
        b'{"text": "bad", "text": "good", "text": null, "text": ""}',
        b'{"text": "bad", "text": "good", "text": "bad"}',
    ],
)
def test_of_a_text_that_stands_twice_neither_hides_the_other(value):
    decoded = read(post(id="before"), value, post(id="after"))
    assert decoded.content["text"].to_pylist() == ["a post", "bad\ngood", "a post"]


def test_a_nested_text_that_stands_twice_is_read_whole():
    value = b'{"post": {"body": {"text": "bad"}}, "post": {"id": 7, "body": {"text": "good"}}}'
    assert only(read(value, settings=NESTED), "text") == "bad\ngood"


def test_a_name_other_than_ascii_that_stands_twice_is_found_in_any_spelling():
    value = b'{"t\\u00e4xt": "bad", "t\xc3\xa4xt": "good"}'
    assert only(read(value, settings=DecodeSettings(text_field="täxt")), "text") == "bad\ngood"


def test_the_texts_of_fields_that_nobody_reads_are_not_the_posts():
    value = b'{"quoted": {"text": "no"}, "text": "yes", "all": [{"text": "no"}]}'
    assert only(read(value), "text") == "yes"


@pytest.mark.parametrize("written", [b"a\xffb", b"a\xed\xa0\x80b", b"a\\ud800b"])
def test_a_text_with_a_damaged_character_is_read_with_a_mark_in_its_place(written):
    assert only(read(b'{"text": "%b"}' % written), "text").strip("ab").strip("\ufffd") == ""


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
