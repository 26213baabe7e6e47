"""Messages that are no posts: left out, or what became of a post."""

from datetime import UTC, datetime

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that

from tests.json_messages import RECEIVED, messages, post, read
from tests.unit.decoding.cases import event, left_out
from weir.transforms import coders
from weir.transforms.counts import Counts, counts_of
from weir.transforms.decode import Decode, DecodeSettings, decoder
from weir.transforms.decode.unread import id_of_key
from weir.transforms.records import CHANGE

coders.register()

LIKES = DecodeSettings(skip=("kind=like", "kind=follow"))
CHANGING = DecodeSettings(deleted_field=("deleted",), edited_field=("edited_at",))


def changed(decoded):
    rows = [] if decoded.changes is None else decoded.changes.to_pylist()
    return [(row["offset"], row["content_id"], row["change"]) for row in rows]


def test_messages_that_are_to_be_skipped_are_left_out_by_their_kind_and_are_no_dead_letters():
    decoded = read(
        event(kind="like"),
        post(id="a", kind="post"),
        event(kind="follow"),
        event(kind="like", text="liked"),
        event(kind="other"),
        settings=LIKES,
    )
    assert left_out(decoded) == {"kind=like": [0, 3], "kind=follow": [2]}
    assert decoded.content["content_id"].to_pylist() == ["a"]
    assert [(each.row, each.reason) for each in decoded.failures] == [(4, "missing_text")]


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("n=3", 3),
        ("n=true", True),
        ("n=1.5", 1.5),
        ("n=a=b", "a=b"),
        ("n=", ""),
        ("n={}", "{}"),
        ("deep.n=x", None),
    ],
)
def test_a_skipped_value_is_compared_as_json_writes_it(rule, value):
    message = event(n=value) if value is not None else event(deep={"n": "x"})
    decoded = read(message, post(n="another"), settings=DecodeSettings(skip=(rule,)))
    assert left_out(decoded) == {rule: [0]}
    assert decoded.content.num_rows == 1


def test_a_field_may_be_both_the_language_and_a_reason_to_skip():
    decoded = read(post(lang="xx"), post(lang="en"), settings=DecodeSettings(skip=("lang=xx",)))
    assert left_out(decoded) == {"lang=xx": [0]}
    assert decoded.content["language"].to_pylist() == ["en"]


@pytest.mark.parametrize("said", ["=like", "", "a..b=c", 'a"=b', "id.x=1"])
def test_a_rule_that_names_no_field_is_refused(said):
    with pytest.raises(ValueError, match=r"field|names no"):
        DecodeSettings(skip=(said,))


@pytest.mark.parametrize("fields", [{"skip": ("a=b",)}, {"deleted_field": ("a",)}])
def test_plain_text_has_no_field_to_tell_messages_apart_by(fields):
    with pytest.raises(ValueError, match="format text"):
        DecodeSettings("text", **fields)


def test_a_message_that_takes_a_post_back_is_no_post_and_says_which_one():
    decoded = read(
        post(id="a"),
        event(id="a", deleted=True, created_at="2026-11-01T00:00:00Z"),
        post(id="b", deleted=False),
        post(id="c", deleted=True),
        settings=CHANGING,
    )
    assert decoded.content["content_id"].to_pylist() == ["a", "b"]
    assert changed(decoded) == [(101, "a", "deleted"), (103, "c", "deleted")]
    assert decoded.changes["changed_at"].to_pylist() == [
        datetime(2026, 11, 1, tzinfo=UTC),
        RECEIVED,
    ]
    assert decoded.failures == ()


@pytest.mark.parametrize("no", [None, False, 0, "", "false", "0"])
def test_what_a_system_writes_for_no_deletes_nothing(no):
    decoded = read(post(id="a", deleted=no), settings=CHANGING)
    assert decoded.content.num_rows == 1
    assert decoded.changes is None


@pytest.mark.parametrize("yes", [True, 1, "2026-11-01", {"by": "author"}, "1"])
def test_anything_else_in_the_field_deletes(yes):
    assert changed(read(event(id="a", deleted=yes), settings=CHANGING)) == [(100, "a", "deleted")]


def test_a_deletion_that_names_no_post_is_kept_and_its_neighbours_are_read():
    decoded = read(post(id="a"), event(deleted=True), post(id="b"), settings=CHANGING)
    assert [(each.row, each.reason) for each in decoded.failures] == [(1, "missing_id")]
    assert decoded.content.num_rows == 2


def test_a_newer_version_of_a_post_is_a_post_and_says_so():
    decoded = read(post(id="a", edited_at="2026-11-01T00:00:00Z"), post(), settings=CHANGING)
    assert decoded.content.num_rows == 2
    assert changed(decoded) == [(100, "a", "edited")]


def test_an_edit_that_cannot_be_read_changes_nothing():
    decoded = read(event(id="a", text=7, edited_at=1), settings=CHANGING)
    assert decoded.changes is None
    assert [each.reason for each in decoded.failures] == ["text_not_a_string"]


@pytest.mark.parametrize(
    ("tombstones", "dead", "out", "found"),
    [
        (None, ["tombstone"], {}, []),
        ("dead-letter", ["tombstone"], {}, []),
        ("skip", [], {"tombstone": [1]}, []),
        ("delete", [], {}, [(101, "author", "deleted")]),
    ],
)
def test_a_tombstone_is_what_is_asked_for(tombstones, dead, out, found):
    decoded = read(post(), None, post(), settings=DecodeSettings(tombstones=tombstones))
    assert decoded.content["offset"].to_pylist() == [100, 102]
    assert [each.reason for each in decoded.failures] == dead
    assert left_out(decoded) == out
    assert changed(decoded) == found


def test_a_tombstone_without_a_key_is_kept():
    batch = messages(None, post())
    at = batch.schema.get_field_index("key")
    batch = batch.set_column(at, batch.schema.field(at), pa.array([None, b"k"], pa.binary()))
    decoded = decoder(DecodeSettings(tombstones="delete"))(batch)
    assert [(each.row, each.reason) for each in decoded.failures] == [(0, "missing_id")]


@pytest.mark.parametrize(
    ("key", "found"),
    [
        (b"p1", "p1"),
        (b'"p1"', "p1"),
        (b'{"id": 7}', 7),
        (b'{"id": "p1", "shard": 2}', "p1"),
        (b'{"post_id": "p1"}', "p1"),
        (b'{"schema": {"type": "struct"}, "payload": {"id": 7}}', 7),
        (b'{"a": 1, "b": 2}', None),
        (b'{"id": true}', None),
        (b'{"id": [1]}', None),
        (b"\xff", None),
        (b"", None),
        (None, None),
        (b"{no json", "{no json"),
    ],
)
def test_a_key_names_a_post_as_itself_or_as_connectors_write_it(key, found):
    assert id_of_key(key, "id") == found


def test_what_is_left_out_is_part_of_the_sum():
    counts = Counts(messages=5, left_out=3, screenings=2, left_out_kinds={"deleted": 1, "n=1": 2})
    assert counts.imbalances() == []
    assert "left out, deleted:" in str(counts)


def test_the_step_counts_each_kind_and_gives_the_changes_as_rows_that_a_retry_repeats():
    batch = messages(event(kind="like"), event(id="a", deleted=1), post(), None)
    settings = DecodeSettings(skip=("kind=like",), deleted_field=("deleted",), tombstones="skip")
    pipeline = beam.Pipeline(runner="FnApiRunner")
    decoded = pipeline | beam.Create([batch, batch]) | Decode(settings, run="r", cluster="c")
    rows = decoded.changes | beam.Map(lambda each: (each.schema == CHANGE, each.to_pylist()[0]))

    def twice_the_same(found):
        (same, first), (_, second) = found
        assert same
        assert first["decision_id"] == second["decision_id"]
        assert (first["run"], first["content_id"], first["offset"]) == ("r", "a", 101)

    assert_that(rows, twice_the_same)
    result = pipeline.run()
    result.wait_until_finish()
    counts = counts_of(result)
    assert counts.left_out == 6
    assert counts.left_out_kinds == {"kind=like": 2, "deleted": 2, "tombstone": 2}
    assert counts.dead_letters == 0
