"""What is shown of dead letters, and what is said about them."""

import ast
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from weir.pipelines.console.dead_letters.letters import Filter
from weir.pipelines.console.dead_letters.message import MOST_BYTES, Bytes, message_of
from weir.pipelines.console.visit import RefusedError
from weir.pipelines.dead_letter_advice import ADVICE, advice_on, with_reasons

ROOT = Path(__file__).resolve().parents[3]
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_the_document_says_what_the_console_says_of_each_reason():
    document = (ROOT / "docs/dead-letters.md").read_text("utf-8")
    assert with_reasons(document) == document, "make help-texts writes it anew"
    assert all(each.means in document and each.do in document for each in ADVICE)


def reasons_in_code():
    """Return the reasons that failures are made with: by name, or beside their sentence."""
    for file in (ROOT / "transforms").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            found: list[ast.expr] = []
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                known = node.func.id in ("Failed", "_UnreadableError")
                of_endpoint = node.func.id == "Failure" and "endpoint" in file.parts
                found = node.args[:1] if known or of_endpoint else []
            elif isinstance(node, ast.Tuple) and len(node.elts) == 2:
                found = node.elts[:1] if _is_sentence(node.elts[1]) else []
            yield from (each.value for each in found if isinstance(each, ast.Constant))


def _is_sentence(node):
    if isinstance(node, ast.JoinedStr):
        node = node.values[0]
    return isinstance(node, ast.Constant) and str(node.value).startswith("The ")


def test_there_is_advice_for_each_reason_that_the_code_gives():
    known = {reason for each in ADVICE for reason in each.reasons}
    found = set(reasons_in_code())
    assert {"unknown_policy", "rate_limited", "not_an_escalation", "invalid_avro"} <= found
    assert found <= known


def test_a_reason_without_words_gets_those_of_its_stage():
    assert "judge failed" in advice_on("a_new_one", "judge").means
    assert "row" in advice_on("a_new_one", "write").means


def test_bytes_are_text_where_they_are_that_and_digits_elsewhere():
    assert Bytes.of("é <b>".encode()) == Bytes("é <b>", False, 6)
    assert Bytes.of(b"\xff\x00").text == "000000  ff 00"
    assert Bytes.of(b"a\0b").hexadecimal
    long = Bytes.of(b"a" + "é".encode() * MOST_BYTES)
    assert (long.hexadecimal, long.left_out) == (False, MOST_BYTES + 1)
    assert len(long.text) < MOST_BYTES
    assert Bytes.of(b"\xff" + b"a" * 9_000).hexadecimal


def test_a_message_is_shown_without_weirs_own_headers_and_so_many_of_others_at_most():
    headers = [("weir-run", b"r"), ("weir-value", b"omitted"), *[("x" * 500, b"y")] * 60]
    shown = message_of(SimpleNamespace(key=None, value=b"", headers=headers))
    assert shown.omitted
    assert (len(shown.headers), shown.headers_left_out) == (50, 10)
    assert shown.headers[0][0] == "x" * 200


@pytest.mark.parametrize(
    "said", [{"since": "yesterday"}, {"until": "2026-13-01"}, {"since": "2026-03-05"}]
)
def test_days_that_are_none_are_refused(said):
    with pytest.raises(RefusedError):
        Filter.of(said, NOON)


def test_a_filter_stands_in_the_address_and_is_read_from_it():
    said = Filter.of({"run": "a&b=c", "reason": "<x>"}, NOON)
    assert (said.since, said.until) == (date(2026, 2, 26), date(2026, 3, 4))
    assert said.at("/dead-letters", reason="y") == (
        "/dead-letters?since=2026-02-26&until=2026-03-04&run=a%26b%3Dc&reason=y"
    )
