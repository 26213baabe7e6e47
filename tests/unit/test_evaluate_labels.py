"""Labels that a policy is tested on: two forms of file, and what cannot be used."""

from dataclasses import replace

import pytest

from weir.errors import WeirError
from weir.pipelines.evaluate.labels import golden_labels, labels_of_file
from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import Contract
from weir.transforms.files import FileError
from weir.transforms.screen.training.labelled import LabelsError

SPAM = load_policies(LIBRARY)["spam"]
CODED = replace(
    SPAM, contract=Contract.LABEL, labels={"INVALID": "violates", "VALID": "safe"}, rules={}
)


@pytest.fixture
def file(tmp_path):
    def written(content):
        path = tmp_path / "labels.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def test_the_golden_examples_are_labels():
    labels = golden_labels(SPAM)
    assert labels.golden
    assert [case.text for case in labels.cases] == [e.text for e in SPAM.examples]


def test_a_file_may_be_written_as_golden_examples_are(file):
    path = file('label,text,rule_id\nviolates,buy followers,SPAM2\nsafe,"hi, you",\n')
    first, second = labels_of_file(path, SPAM).cases
    assert (first.row, first.text, first.violates, first.rule_id) == (
        1,
        "buy followers",
        True,
        "SPAM2",
    )
    assert (second.row, second.text, second.violates, second.rule_id) == (2, "hi, you", False, None)


def test_a_file_may_name_the_policys_own_labels(file):
    labels = labels_of_file(file("text,label\nbuy,INVALID\nhi,VALID\nhey,safe\n"), CODED)
    assert [case.violates for case in labels.cases] == [True, False, False]


def test_a_file_may_have_a_column_for_each_policy_and_leave_out_what_is_not_known(file):
    labels = labels_of_file(file("text,spam,hate\nbuy,1,\nhi,0,1\nhey,,0\n"), SPAM)
    assert [(case.text, case.violates) for case in labels.cases] == [("buy", True), ("hi", False)]
    assert "no policy is named after" in labels.warnings[0]


def test_a_post_of_any_length_is_read(file):
    long = "buy " * 100_000
    assert (
        labels_of_file(file(f"text,label\n{long},violates\nhi,safe\n"), SPAM).cases[0].text == long
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("text,label\nbuy,violates\nsell,violates\n", "have no safe post"),
        ("text,label\nhi,safe\n", "have no violating post"),
        ("text,label\n", "holds no rows"),
        ("text,spam\nbuy,1\n", "have no safe post"),
        ("text,label,rule_id\nbuy,violates,SPAM99\nhi,safe,\n", "a rule in line 2 that spam does"),
        ("text,label\nbuy,yes\nhi,safe\n", "unknown label in line 2; write one of violates, safe"),
        ("post,label\nbuy,violates\nhi,safe\n", "there is no column 'text'"),
        ("text,scam\nbuy,1\nhi,0\n", "no column for any policy"),
        ("text,label\nbuy,violates\nhi\n", "line 3: 1 cells where the header has 2"),
        ("text,label\n ,violates\nhi,safe\n", "have no text in line 2"),
        ("text,label\nbuy,violates\nbuy,safe\n", "one text twice, in rows 1 and 2"),
        (b"text,label\nbuy\xff,violates\n", "line 2 is not UTF-8"),
        (b"PAR1 and nothing more", "no sound Parquet file"),
        ("", "is empty"),
        ('text,label\n"buy,violates\n', "line 2: a quote that is opened here is never closed"),
    ],
)
def test_a_file_that_cannot_measure_is_refused_with_the_way_out(file, content, said):
    with pytest.raises(WeirError) as caught:
        labels_of_file(file(content), SPAM)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileError, match="there is no such file"):
        labels_of_file(tmp_path / "labels.csv", SPAM)


def test_a_policy_without_examples_needs_a_file():
    with pytest.raises(LabelsError, match="has no golden examples"):
        golden_labels(replace(SPAM, examples=()))
