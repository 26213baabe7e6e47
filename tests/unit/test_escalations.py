"""Escalations as messages: what a job writes another reads back, and nothing else passes."""

import json
from datetime import UTC, datetime

import apache_beam as beam
import jsonschema
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that
from hypothesis import given
from hypothesis import strategies as st

from weir.transforms import coders
from weir.transforms.counts import counts_of
from weir.transforms.escalations import SCHEMA, ReadEscalations
from weir.transforms.escalations.message import (
    Origin,
    decode_escalations,
    escalation_records,
    shorten,
)
from weir.transforms.identity import decision_id
from weir.transforms.records import ESCALATION, MESSAGE

coders.register()

MOMENT = datetime(2026, 11, 1, 12, 30, 0, 5, tzinfo=UTC)
ORIGIN = Origin("live", "kafka:9092", "enforce")


def escalation(**changes):
    row = {
        "content_id": "p1",
        "text": "a post",
        "created_at": MOMENT,
        "language": "en",
        "topic": "posts",
        "partition": 3,
        "offset": 7,
        "timestamp": MOMENT,
        "key": b"author",
        "value": b'{"text": "a post"}',
        "headers": [{"key": "trace", "value": b"\xff\x00"}, {"key": "trace", "value": None}],
        "policy_id": "spam",
        "policy_version": "v1",
        "screen_version": "s1",
        "route": "escalate",
        "score": 0.25,
        "inclusion_probability": 1.0,
        "run": "night",
        "cluster": "elsewhere:9092",
        "mode": "replay",
        "author_id": None,
        "context": None,
    } | changes
    return row | {"provisional_id": flag_id(row)} | changes


def flag_id(row):
    return decision_id(
        (row["topic"], row["partition"], row["offset"]),
        cluster=row["cluster"] or ORIGIN.cluster,
        stage="judge",
        version=row["policy_version"],
        run=row["run"] or ORIGIN.run,
    )


def written(*rows):
    batch = pa.RecordBatch.from_pylist(list(rows), schema=ESCALATION)
    return list(escalation_records(batch, "escalations", ORIGIN))


def messages(*values):
    rows = [
        {"topic": "escalations", "partition": 0, "offset": n, "value": value, "headers": []}
        for n, value in enumerate(values)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=MESSAGE)


def read(*records):
    return decode_escalations(messages(*(record.value for record in records)))


def body(record):
    return json.loads(record.value)


VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))
BYTES = st.none() | st.binary(max_size=40)
ROWS = st.fixed_dictionaries(
    {
        "content_id": st.text(st.characters(codec="utf-8"), min_size=1, max_size=40),
        "text": st.text(st.characters(codec="utf-8"), max_size=80),
        "language": st.none() | st.text(st.characters(codec="utf-8"), max_size=35),
        "created_at": TIMES,
        "timestamp": st.none() | TIMES,
        "partition": st.integers(0, 2**31 - 1),
        "offset": st.integers(0, 2**63 - 1),
        "key": BYTES,
        "value": BYTES,
        "headers": st.none()
        | st.lists(
            st.fixed_dictionaries({"key": st.text(st.characters(codec="utf-8")), "value": BYTES}),
            max_size=3,
        ),
        "route": st.sampled_from(["escalate", "audit", "forced", "deferred"]),
        "score": st.none() | st.floats(0, 1),
        "inclusion_probability": st.floats(0, 1, exclude_min=True),
        "author_id": st.none() | st.text("0123456789abcdef", min_size=32, max_size=32),
        "context": st.none() | st.text(min_size=1, max_size=50),
    }
)


@given(st.lists(ROWS, min_size=1, max_size=4), st.booleans())
def test_what_is_written_is_read_back_exactly_and_fits_the_published_schema(rows, flagged):
    rows = [escalation(**row) | ({} if flagged else {"provisional_id": None}) for row in rows]
    records = written(*rows)
    for record in records:
        VALIDATOR.validate(body(record))
    back = read(*records)
    assert back.failures == ()
    assert back.escalations.schema == ESCALATION
    assert back.escalations.to_pylist() == rows


@pytest.mark.parametrize(
    "forged",
    [
        {"provisional_id": "d-1"},
        {"provisional_id": flag_id(escalation(offset=8))},
        {"provisional_id": flag_id(escalation(policy_version="v2"))},
        {"provisional_id": flag_id(escalation(run="day"))},
    ],
)
def test_an_escalation_cannot_bear_the_id_of_another_posts_flag(forged):
    (failure,) = read(*written(escalation(**forged))).failures
    assert failure.reason == "not_an_escalation"


def test_an_escalation_that_names_no_job_is_of_the_one_that_writes_it():
    (record,) = written(escalation(run=None, cluster=None, mode=None))
    (row,) = read(record).escalations.to_pylist()
    assert (row["run"], row["cluster"], row["mode"]) == ("live", "kafka:9092", "enforce")


def test_the_message_is_a_cloudevent_with_the_posts_key():
    (record,) = written(escalation())
    assert record.key == b"author"
    assert record.headers == (
        ("ce_specversion", b"1.0"),
        ("ce_id", b"posts/3/7/spam@v1"),
        ("ce_source", b"/weir/night"),
        ("ce_type", b"org.weir.escalation.v1"),
        ("ce_subject", b"p1"),
        ("content-type", b"application/json"),
    )
    assert written(escalation(key=None))[0].key == b"p1"


def test_a_message_too_large_loses_what_its_position_still_has_and_then_the_middle_of_the_text():
    (record,) = written(escalation(text="h" * 9_000 + "t" * 9_000, value=b"x" * 20_000))
    small = shorten(record)
    assert small is not None
    shown = body(small)
    VALIDATOR.validate(shown)
    assert (shown["key"], shown["value"], shown["headers"]) == (None, None, None)
    assert shown["truncated"] is True
    assert len(shown["text"]) == 18_000
    assert small.key == b"author"
    while (smaller := shorten(small)) is not None:
        assert smaller.size < small.size
        small = smaller
    (row,) = read(small).escalations.to_pylist()
    assert row["text"].startswith("h")
    assert row["text"].endswith("t")
    assert (row["offset"], row["policy_id"], row["score"]) == (7, "spam", 0.25)


def changed(**changes):
    return json.dumps(body(written(escalation())[0]) | changes).encode()


WRONG = {
    "tombstone": (None, "tombstone"),
    "not JSON": (b"{oops", "invalid_json"),
    "not UTF-8": (b'{"run": "\xff"}', "invalid_json"),
    "nested without end": (b"[" * 100_000, "not_an_escalation"),
    "an array": (b"[]", "not_an_escalation"),
    "a post": (b'{"id": "p1", "text": "a post"}', "not_an_escalation"),
    "an unknown route": (changed(route="clear"), "not_an_escalation"),
    "an unknown mode": (changed(mode="loud"), "not_an_escalation"),
    "a probability of nothing": (changed(inclusion_probability=0), "not_an_escalation"),
    "a number for a text": (changed(text=5), "not_an_escalation"),
    "a value that is not base64": (changed(value="?"), "not_an_escalation"),
    "a time without a zone": (changed(created_at="2026-01-01T00:00:00"), "not_an_escalation"),
    "a time that no table takes": (changed(created_at="1890-01-01T00:00:00Z"), "implausible_time"),
    "half a character": (changed(text="secret") .replace(b"secret", b"\\ud83d"), "invalid_json"),
    "an offset too large": (changed(position={"topic": "p", "partition": 0, "offset": 2**63}),
                            "not_an_escalation"),
}  # fmt: skip


@pytest.mark.parametrize(("value", "reason"), WRONG.values(), ids=WRONG)
def test_a_message_that_is_no_escalation_fails_alone(value, reason):
    good = written(escalation())[0].value
    back = decode_escalations(messages(good, value, good))
    assert back.escalations.num_rows == 2
    (failure,) = back.failures
    assert (failure.row, failure.reason) == (1, reason)
    assert "secret" not in failure.error


def test_what_the_reader_does_not_know_is_left_out():
    back = decode_escalations(messages(changed(novelty=[1, 2])))
    assert back.failures == ()


def test_asked_together_the_step_keeps_a_posts_policies_in_one_batch():
    values = [
        written(escalation(offset=n, policy_id=policy))[0].value
        for policy in ("spam", "hate", "fraud")
        for n in range(20)
    ]
    pipeline = beam.Pipeline("FnApiRunner")
    read = pipeline | beam.Create([messages(*values)]) | ReadEscalations("r", "c", together=True)

    def whole(batches):
        found = [(row["offset"], row["policy_id"]) for each in batches for row in each.to_pylist()]
        assert found == [(n, p) for n in range(20) for p in ("fraud", "hate", "spam")]
        assert [each.num_rows for each in batches] == [33, 27]

    assert_that(read.escalations, whole)
    pipeline.run().wait_until_finish()


def test_the_step_sorts_by_policy_cuts_and_counts():
    values = [
        written(escalation(offset=n, policy_id=policy, route=route))[0].value
        for n in range(50)
        for policy, route in (("spam", "escalate"), ("hate", "audit"))
    ]
    batch = messages(*values, b"oops", None)
    pipeline = beam.Pipeline("FnApiRunner")
    outputs = pipeline | beam.Create([batch]) | ReadEscalations("r", "c")

    def whole(batches):
        ids = [row["policy_id"] for each in batches for row in each.to_pylist()]
        assert ids == ["hate"] * 50 + ["spam"] * 50
        assert max(each.num_rows for each in batches) == 32

    def kept(batches):
        rows = [row for each in batches for row in each.to_pylist()]
        assert [(row["stage"], row["reason"]) for row in rows] == [
            ("escalation", "invalid_json"),
            ("escalation", "tombstone"),
        ]
        assert [row["value"] for row in rows] == [b"oops", None]
        assert {(row["topic"], row["run"]) for row in rows} == {("escalations", "r")}

    assert_that(outputs.escalations, whole, label="escalations")
    assert_that(outputs.dead, kept, label="dead")
    result = pipeline.run()
    result.wait_until_finish()
    counts = counts_of(result)
    assert (counts.escalations, counts.escalations_read, counts.audits) == (100, 100, 50)
    assert (counts.dead_letters, counts.dead_letters_escalation) == (2, 2)
    assert counts.policies == {"spam": {"escalations": 50}, "hate": {"escalations": 50}}
