"""Files of reviews, and files for reviewers."""

import csv
import io
import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile_posts import POSTS
from weir.pipelines.csv_cells import cell, write_cells
from weir.pipelines.reviews.complaints import outcome_of
from weir.pipelines.reviews.reviews import COLUMNS, Review, read_reviews
from weir.pipelines.reviews.sample import write_examples, write_items, write_labels, write_sample
from weir.policies.loading import parse_policy
from weir.transforms.files import read_content
from weir.transforms.screen.training.label_files import read_labels

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
HEADER = "decision_id,policy_id,created_at,decision,note,reviewer,text"
FORMULAS = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    " =1+1",
    "\t=1+1",
    "\r=1",
    "＝1+1",
    '=HYPERLINK("http://example.net","x")',
]


def reviews(*lines, reviewer="ann"):
    return read_file_of("\n".join([HEADER, *lines]).encode(), reviewer)


def read_file_of(content, reviewer="ann"):
    return read_reviews(read_content(content, "f", COLUMNS), reviewer)


def row(decision="violates", at="2026-03-04T12:00:00+00:00", who="", note="", text="a post"):
    return f'd1,spam,{at},{decision},{note},{who},"{text}"'


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_run_begins_with_an_apostrophe(text):
    assert cell(text).startswith("'")


@pytest.mark.parametrize("between", [";", "; ", ';"', "\t", "\n", "\r\n", "\n\n "])
def test_what_would_be_a_formula_where_a_text_is_broken_into_cells_is_shown_too(between):
    assert cell(f"hello{between}=1+1") == f"hello{between}'=1+1".replace("\r\n", "\n")


@given(st.text(st.sampled_from("a= +-@;\t\n\"'\u2028＝")))
def test_no_part_of_a_cell_starts_a_formula(text):
    assert not re.search(r'(?:^|[;\t\n\u2028])[\s"]*[=+\-@＝]', cell(text))


def test_a_cell_of_a_megabyte_of_separators_takes_no_time_to_speak_of():
    assert cell("; \n" * 400_000 + "a") == "; \n" * 400_000 + "a"


@given(st.text())
def test_no_cell_starts_a_formula_or_holds_a_control_character(text):
    written = cell(text)
    assert not written.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    assert not any((ord(c) < 32 and c not in "\t\n") or 127 <= ord(c) < 160 for c in written)


@pytest.mark.parametrize("text", ["hello", "a = b", "1-1", "it's", "line\nline", ""])
def test_other_text_is_written_as_it_is(text):
    assert cell(text) == text


@pytest.mark.parametrize("name", POSTS)
def test_every_post_comes_back_in_one_cell(tmp_path, name):
    path = tmp_path / "sample.csv"
    write_cells(path, ["text", "n"], [{"text": POSTS[name], "n": 1}, {"text": "next", "n": 2}])
    csv.field_size_limit(1 << 30)
    with path.open(encoding="utf-8", newline="") as file:
        (_, first, second) = list(csv.reader(file))
    csv.field_size_limit(131_072)
    assert second == ["next", "2"]
    assert len(first) == 2


def test_a_review_is_read_with_the_line_where_it_begins():
    read = reviews(row(text="one\ntwo"), row(decision=" Safe ", who="bea", note="fine"))
    assert read.reviews == (
        Review(2, "d1", "spam", NOON, "violates", "ann", None),
        Review(4, "d1", "spam", NOON, "safe", "bea", "fine"),
    )


def test_a_file_that_a_spreadsheet_saved_with_semicolons_is_read():
    lines = [HEADER, row(note="fine")]
    assert read_file_of("\r\n".join(lines).replace(",", ";").encode()).reviews[0].note == "fine"


def test_a_row_without_a_decision_waits():
    read = reviews(row(decision=""), row(decision="  "))
    assert (read.reviews, read.undecided, read.bad) == ((), 2, ())


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (row(decision="maybe"), "neither violates nor safe"),
        (row(at="yesterday"), "created_at is no time"),
        (row(at="0001-01-01T00:00:00+10:00"), "created_at is outside the years 1970 to 2099"),
        (row(at="9999-12-31T23:59:59-10:00"), "created_at is outside the years 1970 to 2099"),
        (row(note="a" * 10_001), "the note is longer than 10,000 characters"),
        (row(who="a" * 1_025), "the reviewer is longer than 1,024 characters"),
        (row(who="\x00"), "the reviewer holds a control character"),
        ("d1,spam", "2 cells where the header has 7"),
        ('d1,spam,"a "quoted" cell",,,,', "a quote stands inside a cell"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_the_others_are_read(line, why):
    read = reviews(row(), line, row())
    assert [each.line for each in read.reviews] == [2, 4]
    (bad,) = read.bad
    assert bad.line == 3
    assert why in bad.why


def test_a_review_by_nobody_is_bad():
    (bad,) = reviews(row(), reviewer="").bad
    assert "--reviewer" in bad.why


def test_no_complaint_quotes_the_row():
    lines = [row(decision="secret"), row(at="secret"), "secret,secret"]
    assert "secret" not in str(reviews(*lines).bad)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"text\n", "no column 'decision_id'"),
        (b"decision_id,policy_id,created_at\na,b,c\n", "no column 'decision'"),
        (b"decision_id\n\xff", "line 2 is not UTF-8"),
    ],
)
def test_a_file_that_is_no_sample_is_refused_in_a_sentence(content, said):
    with pytest.raises(ValueError, match=said):
        read_file_of(content)


def sampled(text="a post", **changes):
    return {
        "decision_id": "d1",
        "run": "live",
        "policy_id": "spam",
        "policy_version": "v1",
        "created_at": NOON,
        "stratum": "violates",
        "language": "en",
        "text": text,
        "judge_says": "violates",
        "probability": 0.9,
        "rule_ids": ["SPAM1"],
        "rationale": "because",
        "content_id": "p1",
    } | changes


def test_a_sample_with_decisions_filled_in_is_read_back(tmp_path):
    path = tmp_path / "sample.csv"
    write_sample(path, [sampled(text) for text in FORMULAS], blind=False)
    content = path.read_text("utf-8").replace('"because","","",""', '"because","safe","",""')
    read = read_file_of(content.encode())
    assert (len(read.reviews), read.undecided, read.bad) == (len(FORMULAS), 0, ())
    assert {each.created_at for each in read.reviews} == {NOON}


def test_a_blind_sample_says_nothing_of_the_judge(tmp_path):
    write_sample(tmp_path / "a.csv", [sampled()], blind=True)
    write_items(tmp_path / "a.json", [sampled()], "weir-post", blind=True)
    for name in ("a.csv", "a.json"):
        content = (tmp_path / name).read_text("utf-8")
        assert "because" not in content
        assert "violates" not in content
        assert "a post" in content


@pytest.mark.parametrize("name", POSTS)
def test_an_item_is_what_coop_takes_whatever_the_post(tmp_path, name):
    path = tmp_path / "items.json"
    write_items(path, [sampled(POSTS[name])], "type-1", blind=False)
    (item,) = json.loads(path.read_text("ascii"))["items"]
    assert set(item) == {"id", "typeId", "data"}
    assert (item["id"], item["typeId"], item["data"]["text"]) == ("d1", "type-1", POSTS[name])


def contradicted(offset, policy_id, says, text="a post", rules=("SPAM1",)):
    return {
        "topic": "posts",
        "partition": 0,
        "offset": offset,
        "policy_id": policy_id,
        "text": text,
        "human_verdict": says,
        "machine_label": "safe" if says == "violates" else "violates",
        "rule_ids": list(rules),
    }


def test_what_people_decided_is_labels_to_train_a_screen_from(tmp_path):
    path = tmp_path / "labels.csv"
    rows = [
        contradicted(1, "hate", "safe", "one, with a comma"),
        contradicted(1, "spam", "violates", "one, with a comma"),
        contradicted(2, "spam", "safe", "two"),
    ]
    assert write_labels(path, rows) == 2
    labelled = read_labels(path, ["hate", "spam"]).labelled
    assert [(post.text, dict(post.labels)) for post in labelled.posts] == [
        ("one, with a comma", {"hate": False, "spam": True}),
        ("two", {"spam": False}),
    ]


def test_what_people_decided_is_examples_of_the_policy(tmp_path, policy_document):
    path = tmp_path / "examples.csv"
    rows = [
        contradicted(1, "spam", "violates", 'say "hi", then\nbuy'),
        contradicted(2, "spam", "safe", "fine"),
        contradicted(3, "spam", "violates", "old rule", rules=("GONE",)),
        contradicted(4, "spam", "safe", "fine"),
    ]
    assert write_examples(path, rows, ["SPAM1"]) == 3
    policy = parse_policy(policy_document, "policy.md", path.read_bytes(), "examples.csv")
    assert [(each.text, each.violates, each.rule_id) for each in policy.examples] == [
        ('say "hi", then\nbuy', True, "SPAM1"),
        ("fine", False, None),
        ("old rule", True, None),
    ]


@pytest.fixture
def policy_document():
    lines = [
        *("---", "id: spam", "title: Spam", "owner: us", "status: active", "effort: low"),
        *("contract: label", "labels:", '  "1": violates', '  "0": safe', "rules:"),
        *("  SPAM1: bulk", "---", "# Instruction", "Answer 1 or 0.", ""),
    ]
    return io.BytesIO("\n".join(lines).encode()).read()


@pytest.mark.parametrize(
    ("decision", "verdict", "outcome"),
    [
        ("violates", "violates", "upheld"),
        ("violates", "safe", "overturned"),
        ("safe", "safe", "upheld"),
        ("safe", "violates", "overturned"),
        ("cleared", "safe", "upheld"),
        ("undecided", "violates", "overturned"),
    ],
)
def test_a_verdict_on_a_post_says_what_a_complaint_comes_to(decision, verdict, outcome):
    assert outcome_of(decision, verdict) == outcome
