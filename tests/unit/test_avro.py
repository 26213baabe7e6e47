"""Avro: each message ends as itself, once, whatever it and its neighbours hold."""

import io
import json
import tracemalloc
from datetime import UTC, datetime

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.avro_messages import MADE, POST, bare, post, read_bare, written
from tests.json_messages import messages, only
from weir.transforms.decode import attributes


def _record(*fields, name="R", **more):
    return {"type": "record", "name": name, "fields": list(fields), **more}


def _field(name, kind, **more):
    return {"name": name, "type": kind, **more}


TEXT = _field("text", "string")


def test_a_post_is_read_of_an_avro_message():
    decoded = read_bare(written(post()), author_field="author.id", pseudonym_key="k")
    assert only(decoded, "content_id") == "p1"
    assert only(decoded, "text") == "a post"
    assert only(decoded, "language") == "en"
    assert only(decoded, "created_at") == datetime.fromtimestamp(MADE / 1000, UTC)
    assert only(decoded, "author_id") is not None


def test_what_is_beside_the_post_is_kept_as_json():
    batch = messages(written(post()))
    rest = json.loads(
        attributes(batch["value"], bare(author_field="author.id", pseudonym_key="k"))[0]
    )
    assert rest == {
        "kind": "POST",
        "tags": ["a", "b"],
        "author": {"karma": 1.5, "names": {"en": "Ann"}},
        "digest": "MTIzNA==",
        "pinned": True,
    }


def test_a_number_is_an_id_where_a_union_has_one():
    assert only(read_bare(written(post(id=12))), "content_id") == "12"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda value: value[:-1], "invalid_avro"),
        (lambda value: value + b"\0", "invalid_avro"),
        (lambda value: b"\x08" + value[1:], "invalid_avro"),  # branch 4 of 2
        (lambda value: b"\xff" * 12, "invalid_avro"),
        (lambda value: b"", "invalid_avro"),
        (lambda value: b"\0\xff\xff\xff\xff\x0f" + value, "invalid_avro"),  # an id of 2^31 bytes
        (lambda value: written(post(text=None)), "null_text"),
    ],
)
def test_a_bad_message_fails_alone(damage, reason):
    good = written(post())
    decoded = read_bare(good, damage(good), good)
    assert [(each.row, each.reason) for each in decoded.failures] == [(1, reason)]
    assert decoded.content["offset"].to_pylist() == [100, 102]
    assert decoded.content["text"].to_pylist() == ["a post"] * 2


def test_messages_that_are_whole_only_together_fail_both():
    value = written(post())
    decoded = read_bare(value[:20], value[20:] + value)
    assert len(decoded.failures) == 2


def test_a_text_that_is_no_utf8_is_read_all_the_same():
    value = written(post(text="Xnpost")).replace(b"Xn", b"\xff\xfe")
    assert only(read_bare(value), "text") == "\ufffd\ufffdpost"


def test_a_union_without_a_string_is_no_text():
    schema = _record(_field("text", ["null", "long"]))
    decoded = read_bare(written({"text": 3}, schema), schema=schema)
    assert [each.reason for each in decoded.failures] == ["text_not_a_string"]


def test_a_field_is_found_by_its_alias_and_left_out_of_the_rest_by_its_name():
    schema = _record(_field("body", "string", aliases=["text"]), _field("n", "int"))
    value = written({"body": "renamed", "n": 1}, schema)
    assert only(read_bare(value, schema=schema), "text") == "renamed"
    assert attributes(messages(value)["value"], bare(schema)) == ['{"n":1}']


def test_a_field_is_found_in_whichever_branch_of_a_union_has_it():
    schema = [
        _record(TEXT, name="Post"),
        _record(_field("likes", "int"), TEXT, name="Reply"),
        _record(_field("n", "int"), name="Like"),
    ]
    values = [
        written(("Post", {"text": "one"}), schema),
        written(("Reply", {"likes": 1, "text": "two"}), schema),
        written(("Like", {"n": 1}), schema),
    ]
    decoded = read_bare(*values, schema=schema)
    assert decoded.content["text"].to_pylist() == ["one", "two"]
    assert [(each.row, each.reason) for each in decoded.failures] == [(2, "missing_text")]


def test_a_schema_without_the_text_field_names_itself():
    schema = _record(_field("body", "string"), name="Post", namespace="forum")
    decoded = read_bare(written({"body": "x"}, schema), schema=schema)
    assert [(each.reason, each.error) for each in decoded.failures] == [
        ("schema_without_text", "The schema file, forum.Post, has no field text.")
    ]


LIST = _record(_field("next", ["null", "List"]), TEXT, name="List")


def test_a_message_that_holds_its_own_kind_is_read_down_to_a_depth():
    def nested(depth):
        return b"\x02" * depth + b"\0" + b"\x02a" * (depth + 1)

    decoded = read_bare(nested(3), nested(100_000), nested(0), schema=LIST)
    assert decoded.content["offset"].to_pylist() == [100, 102]
    assert [each.reason for each in decoded.failures] == ["too_deep"]


def _blocks(*counts, item=b""):
    """An array of so many items in each block."""
    out = b""
    for count in [*counts, 0]:
        number = count * 2 if count >= 0 else -2 * count - 1
        while number > 127:
            out += bytes([number & 127 | 128])
            number >>= 7
        out += bytes([number]) + item * max(count, 0)
    return out


def _file_of(posts):
    out = io.BytesIO()
    fastavro.writer(out, fastavro.parse_schema(POST), posts)
    return out.getvalue()


@pytest.mark.parametrize(
    ("value", "reason", "said"),
    [
        (b' {"text": "a post"}\n', "another_format", "it looks like JSON: try --format=json."),
        (b'[{"text": "a post"}]', "another_format", "it looks like JSON: try --format=json."),
        (_file_of([post()]), "another_format", "it is an Avro file, not a message."),
        (b"\xc3\x01" + bytes(8) + written(post()), "another_format", "single-object encoding"),
        (b"\0\0\0\0\7" + written(post()), "invalid_avro", "give --schema-registry."),
    ],
)
def test_a_bare_message_that_is_of_another_format_is_named(value, reason, said):
    (failure,) = read_bare(value).failures
    assert failure.reason == reason
    assert said in failure.error


@pytest.mark.parametrize(
    "items", ["null", _record(name="Nothing"), {"type": "fixed", "name": "F", "size": 0}]
)
@pytest.mark.parametrize("counts", [(1 << 31,), ((1 << 62) - 1,) * 3])
def test_an_array_of_more_items_than_bytes_is_a_failure_and_costs_nothing(items, counts):
    schema = _record(_field("bomb", {"type": "array", "items": items}), TEXT)
    decoded = read_bare(_blocks(*counts) + b"\x02a", _blocks(3) + b"\x02b", schema=schema)
    assert [(each.row, each.reason) for each in decoded.failures] == [(0, "too_many_items")]
    assert only_text(decoded) == ["b"]


def only_text(decoded):
    return decoded.content["text"].to_pylist()


def test_an_array_of_more_items_than_the_message_has_bytes_is_cut():
    schema = _record(_field("tags", {"type": "array", "items": "string"}), TEXT)
    decoded = read_bare(_blocks(1 << 31) + b"\x02a", schema=schema)
    assert [each.reason for each in decoded.failures] == ["invalid_avro"]


def test_a_long_array_is_read_and_so_are_its_neighbours():
    schema = _record(_field("tags", {"type": "array", "items": "string"}), TEXT)
    values = [written({"tags": ["x"] * count, "text": str(count)}, schema) for count in (0, 500, 3)]
    assert only_text(read_bare(*values, schema=schema)) == ["0", "500", "3"]


def test_a_block_that_says_its_size_is_passed_over():
    schema = _record(_field("tags", {"type": "array", "items": "string"}), TEXT)
    assert only_text(read_bare(b"\x03\x08\x02x\x02y\0\x02a", schema=schema)) == ["a"]


def test_records_of_records_cost_no_more_than_they_have_bytes():
    schema = _record(name="R0")
    for level in range(1, 60):
        below = schema if level == 1 else f"R{level - 1}"
        schema = _record(_field("a", below), _field("b", f"R{level - 1}"), name=f"R{level}")
    schema = _record(_field("bomb", schema), TEXT, name="Top")
    decoded = read_bare(b"\x02a", schema=schema)
    assert decoded.content.num_rows + len(decoded.failures) == 1


@pytest.mark.parametrize(
    "schema",
    [
        "",
        "5",
        "null",
        '"string"',
        "[]",
        "{}",
        '{"type": "record", "name": "R"}',
        '{"type": "nope"}',
        '["null", ["null"]]',
        "[" * 100_000,
        '{"type": "record", "name": "R", "fields": 3}',
    ],
)
def test_a_schema_that_is_none_fails_messages_and_no_more(schema):
    from weir.transforms.decode import DecodeSettings, decoder
    from weir.transforms.decode.schema_source import SchemaSettings

    made = DecodeSettings("avro", schema=SchemaSettings(file=schema))
    decoded = decoder(made)(messages(b"\x02a"))
    assert len(decoded.failures) == 1


def test_lists_of_parts_are_found():
    part = _record(TEXT, name="Part")
    schema = _record(_field("parts", {"type": "array", "items": part}))
    decoded = read_bare(
        written({"parts": [{"text": "a"}, {"text": "b"}]}, schema),
        schema=schema,
        text_field="parts[].text",
    )
    assert decoded.content.num_rows + len(decoded.failures) == 1


_names = st.sampled_from(["a", "b", "c", "text", "id"])
_scalars = st.sampled_from(["null", "boolean", "int", "long", "float", "double", "string", "bytes"])


@st.composite
def _schemas(draw):
    count = iter(range(1000))

    def kind(depth):
        if depth == 0 or draw(st.booleans()):
            return draw(_scalars)
        match draw(st.integers(0, 3)):
            case 0:
                return record(depth - 1)
            case 1:
                return {"type": "array", "items": kind(depth - 1)}
            case 2:
                return {"type": "map", "values": kind(depth - 1)}
        return ["null", draw(_scalars.filter(lambda s: s != "null")), record(depth - 1)]

    def record(depth):
        names = draw(st.lists(_names, unique=True, max_size=4))
        return _record(*[_field(name, kind(depth)) for name in names], name=f"N{next(count)}")

    return record(3)


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_what_is_found_is_what_the_usual_library_reads(data):
    import random

    from fastavro.utils import generate_many

    schema = data.draw(_schemas())
    random.seed(data.draw(st.integers(0, 1000)))
    schema["fields"] = [each for each in schema["fields"] if each["name"] != "text"] + [TEXT]
    values = list(generate_many(fastavro.parse_schema(schema), 3))
    decoded = read_bare(*[written(value, schema) for value in values], schema=schema)
    assert only_text(decoded) == [value["text"] for value in values]


@given(st.lists(st.binary(max_size=60), max_size=5), st.integers(0, 5))
@settings(deadline=None, max_examples=100)
def test_any_bytes_end_once_and_leave_a_good_neighbour_alone(values, place):
    values.insert(place, written(post()))
    decoded = read_bare(*values)
    assert decoded.content.num_rows + len(decoded.failures) == len(values)
    row = next(row for row, value in enumerate(values) if value == written(post()))
    assert 100 + row in decoded.content["offset"].to_pylist()


def _peak_mb(read):
    tracemalloc.start()
    try:
        read()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


_WIDE = _record(*[_field(f"f{n}", "null") for n in range(2_000)], _field("n", "int"), name="Wide")
_HOLLOW = _record(*[_field(f"f{n}", "null") for n in range(2_000)], name="Hollow")


@pytest.mark.parametrize(
    ("items", "body"),
    [
        ("string", _blocks(100_000, item=b"\0")),
        (_WIDE, _blocks(20_000, item=b"\0")),
        (_HOLLOW, _blocks(60_000)),
        ({"type": "map", "values": "null"}, _blocks(50_000, item=b"\0")),
    ],
)
def test_what_a_message_takes_is_bounded_by_its_bytes(items, body):
    schema = _record(_field("bomb", {"type": "array", "items": items}), TEXT)
    value = body + b"\x02a"

    def read():
        decoded = read_bare(value, schema=schema)
        if decoded.content.num_rows:
            attributes(decoded.content["value"], bare(schema))

    assert _peak_mb(read) < 100


def test_arrays_of_arrays_are_read_down_to_a_depth():
    kind: object = "string"
    for _ in range(150):
        kind = {"type": "array", "items": kind}
    schema = _record(_field("bomb", kind), TEXT)
    values = [b"\x02" * 150 + b"\0" * 151 + b"\x02a", b"\0\x02b"]
    decoded = read_bare(*values, schema=schema)
    assert [each.reason for each in decoded.failures] == ["too_deep"]
    assert only_text(decoded) == ["b"]
