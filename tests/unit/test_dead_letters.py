"""Dead letters: nothing of the message is lost, nothing of it is believed."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from weir.pipelines import redrive
from weir.pipelines.commands.cli import app
from weir.pipelines.redrive import RedriveReport, original
from weir.transforms.dead_letters import dead_letters
from weir.transforms.kafka.outbox import Record
from weir.transforms.records import DEAD_LETTER, MESSAGE, Stage
from weir.transforms.write.dead_letter_topic import HEADERS, letter_records, strip_letter

POSTS = {"posts": {0, 1, 2, 3}}


def message(value=b"oops", key=b"k", headers=(), offset=7):
    return {
        "topic": "posts",
        "partition": 3,
        "offset": offset,
        "timestamp": datetime(2026, 11, 1, tzinfo=UTC),
        "key": key,
        "value": value,
        "headers": [{"key": name, "value": content} for name, content in headers],
    }


def letters(*rows, stage=Stage.DECODE):
    return dead_letters(
        pa.RecordBatch.from_pylist(list(rows), schema=MESSAGE),
        stage=stage,
        reasons=["invalid_json"] * len(rows),
        errors=["The value is not JSON at byte 0."] * len(rows),
        run="r",
        cluster="c",
    )


def produced(*rows, **options) -> Record:
    (record,) = letter_records(letters(*rows, **options), "dead")
    return record


def consumed(record: Record):
    """Return the record as a consumer sees it."""
    return SimpleNamespace(key=record.key, value=record.value, headers=list(record.headers))


def redriven(record: Record, attempts: int) -> Any:
    """Return the message that goes back, in a test that one does."""
    return original(consumed(record), attempts, POSTS)


def test_a_letter_holds_the_whole_message_and_the_reason():
    (row,) = letters(message(headers=[("trace", b"1"), ("trace", None)])).to_pylist()
    sent = message(headers=[("trace", b"1"), ("trace", None)])
    assert {name: row[name] for name in sent} == sent
    assert (row["stage"], row["reason"], row["attempts"]) == ("decode", "invalid_json", 1)
    assert (row["content_id"], row["policy_id"]) == (None, None)


def test_a_letter_written_again_has_the_same_id():
    first, second = letters(message(offset=1), message(offset=2))["decision_id"].to_pylist()
    assert letters(message(offset=2))["decision_id"].to_pylist() == [second]
    assert first != second


def test_what_is_known_of_the_post_stands_on_the_letter():
    batch = pa.RecordBatch.from_pylist([message()], schema=MESSAGE)
    batch = batch.append_column("content_id", pa.array(["x"]))
    batch = batch.append_column("policy_id", pa.array(["spam"]))
    letter = dead_letters(
        batch, stage=Stage.JUDGE, reasons=["a"], errors=["b"], run="r", cluster="c", version="v"
    )
    assert letter.schema == DEAD_LETTER
    assert letter.select(["content_id", "policy_id"]).to_pylist() == [
        {"content_id": "x", "policy_id": "spam"}
    ]


@pytest.mark.parametrize(
    ("header", "attempts"),
    [
        (b"3", 3),
        (b"100", 100),
        (b"101", 1),
        (b"0", 1),
        (b"-2", 1),
        (b"9" * 400, 1),
        (b"", 1),
        (None, 1),
        (b"\xff", 1),
    ],
)
def test_attempts_are_read_from_the_header_and_distrusted(header, attempts):
    row = message(headers=[("weir-attempts", header), ("weir-redriven-from", b"posts/3/6")])
    assert letters(row)["attempts"].to_pylist() == [attempts]


@pytest.mark.parametrize(
    "place", [None, b"posts/3", b"posts/3/7", b"posts/3/8", b"posts/2/6", b"other/3/6", b"\xff/3/6"]
)
def test_a_count_of_attempts_that_redrive_did_not_leave_is_not_believed(place):
    row = message(headers=[("weir-attempts", b"5"), ("weir-redriven-from", place)])
    assert letters(row)["attempts"].to_pylist() == [1]


def test_a_post_with_a_count_of_its_own_is_redriven():
    record = produced(message(headers=[("weir-attempts", b"999999")]))
    assert dict(redriven(record, 5).headers)["weir-attempts"] == b"2"


def test_a_letter_that_names_another_topic_or_a_partition_that_is_gone_is_left():
    record = consumed(produced(message()))
    assert original(record, 5, {"other": {3}}) == "foreign"
    assert original(record, 5, {"posts": {0, 1}}) == "gone"
    assert original(record, 5, {"posts": set()}) == "gone"


def test_a_redriven_message_is_the_original_with_one_more_attempt():
    record = produced(message(headers=[("trace", b"1"), ("trace", b"2")]))
    back = original(consumed(record), 5, POSTS)
    assert back == Record(
        "posts",
        b"k",
        b"oops",
        (
            ("trace", b"1"),
            ("trace", b"2"),
            ("weir-attempts", b"2"),
            ("weir-redriven-from", b"posts/3/7"),
        ),
        partition=3,
    )


def test_attempts_add_up_over_redrives_and_end():
    headers: list = []
    for attempt in range(1, 4):
        letter = produced(message(headers=headers, offset=7 + attempt))
        back = redriven(letter, 4)
        headers = list(back.headers)
        assert dict(headers)["weir-attempts"] == b"%d" % (attempt + 1)
        assert len(headers) == 2
    letter = produced(message(headers=headers, offset=11))
    assert original(consumed(letter), 4, POSTS) == "exhausted"


def test_a_post_cannot_choose_where_it_is_sent_back_to():
    forged = [(name, b"forged") for name in sorted(HEADERS)]
    back = redriven(produced(message(headers=forged)), 5)
    assert (back.topic, back.partition) == ("posts", 3)
    assert b"forged" not in dict(back.headers).values()


def test_a_tombstone_keeps_its_null_value():
    record = produced(message(value=None))
    assert record.value is None
    assert redriven(record, 5).value is None


def test_a_message_of_nulls_is_kept_as_a_letter_and_not_sent_back():
    record = produced(message(value=None, key=None))
    assert record.value == b""
    assert ("weir-value", b"null") in record.headers
    assert original(consumed(record), 5, POSTS) == "unsendable"


def test_a_row_that_bigquery_refused_is_no_post_to_send_back():
    record = produced(message(value=b'{"a": 1}'), stage=Stage.WRITE)
    assert original(consumed(record), 5, POSTS) == "rows"


def test_a_message_too_large_to_keep_leaves_its_position_and_is_not_sent_back():
    full = produced(message(value=b"x" * 1000, headers=[("trace", b"1")]))
    record = strip_letter(full)
    assert record is not None
    assert dict(record.headers)["weir-offset"] == b"7"
    assert ("trace", b"1") not in record.headers
    assert original(consumed(record), 5, POSTS) == "unsendable"
    assert strip_letter(record) is None


@pytest.mark.parametrize(
    "headers", [[], [("weir-topic", None)], [("weir-topic", b"t"), ("weir-partition", b"x")]]
)
def test_what_is_no_letter_of_weirs_is_left(headers):
    stranger = SimpleNamespace(key=b"k", value=b"v", headers=headers)
    assert original(stranger, 5, POSTS) == "unsendable"


@pytest.mark.parametrize(
    ("report", "code", "said"),
    [
        (
            RedriveReport(read=2, foreign=2),
            1,
            "2 left: they name a topic that is not among",
        ),
        (RedriveReport(read=3, exhausted=3, dry_run=True), 1, "3 left: failed as often as"),
        (RedriveReport(read=2, redriven=1, gone=1), 0, "1 sent back to their topics; 1 left"),
        (RedriveReport(), 0, "0 dead letters read"),
    ],
)
def test_a_redrive_that_left_every_letter_fails_and_says_why(report, code, said, monkeypatch):
    monkeypatch.setattr(redrive, "redrive", lambda *_, **__: report)
    options = ["redrive", "--brokers=localhost:1", "--topics=posts"]
    result = CliRunner().invoke(app, options, env={"COLUMNS": "200"})
    assert (result.exit_code, said in result.stdout) == (code, True)


def test_letters_are_not_sent_while_nobody_knows_what_the_console_sent():
    away = ["--bigquery-rest", "http://127.0.0.1:1", "--bigquery-grpc", "127.0.0.1:1"]
    command = ["redrive", "--brokers", "127.0.0.1:1", "--topics", "posts", *away]
    found = CliRunner().invoke(app, [*command, "--bigquery-project", "p"])
    assert found.exit_code == 2
    assert "without --bigquery-project they are sent once more" in " ".join(found.output.split())
