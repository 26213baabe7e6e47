"""A team's own labels, as they are read, and how they are refused."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weir.errors import WeirError
from weir.transforms.files import FileError
from weir.transforms.screen.training.label_files import LabelFile, read_labels
from weir.transforms.screen.training.labelled import LabelledPost, LabelsError

POLICIES = ("hate", "spam")


def read(folder: Path, content: str | bytes, name: str = "labels.csv") -> LabelFile:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_labels(path, POLICIES, "CC0")


def parquet(folder: Path, **columns: object) -> LabelFile:
    path = folder / "labels.parquet"
    pq.write_table(pa.table(columns), path)
    return read_labels(path, POLICIES)


def test_one_zero_and_nothing_are_the_labels_of_a_csv(tmp_path: Path) -> None:
    found = read(tmp_path, 'text,hate,spam\n"one, two",1,\nthree,0,1\n"li\nne", 1 ,0\n')
    assert found.labelled.posts == (
        LabelledPost("one, two", {"hate": True}),
        LabelledPost("three", {"hate": False, "spam": True}),
        LabelledPost("li\nne", {"hate": True, "spam": False}),
    )
    assert (found.labelled.name, found.labelled.licence) == ("labels", "CC0")
    assert found.labelled.calibrates
    assert found.warnings == ()


@pytest.mark.parametrize(
    "column",
    [
        pa.array([True, False, None]),
        pa.array([1, 0, None], pa.int8()),
        pa.array([1.0, 0.0, None]),
        pa.array([1.0, 0.0, float("nan")]),
        pa.array(["1", "0", ""]),
    ],
)
def test_parquet_labels_may_be_of_any_kind_that_says_one_or_zero(
    tmp_path: Path, column: pa.Array
) -> None:
    found = parquet(tmp_path, text=["a", "b", "c"], hate=column, spam=[0, 0, 0])
    labels = [post.labels.get("hate") for post in found.labelled.posts]
    assert labels == [True, False, None]


def test_a_policy_without_a_column_and_a_column_without_a_policy_are_warned_of(
    tmp_path: Path,
) -> None:
    found = read(tmp_path, "text,hate,id\na,1,17\n")
    assert found.warnings == (
        "labels.csv has no column for 1 policy ('spam').",
        "labels.csv has 1 column ('id') that no policy is named after; they are left out.",
    )


def test_rows_without_a_text_are_left_out_and_counted(tmp_path: Path) -> None:
    found = parquet(tmp_path, text=["a", None, " "], hate=[1, 0, 0], spam=[0, 0, 0])
    assert len(found.labelled.posts) == 1
    assert found.warnings == ("labels.parquet has 2 rows without a text; they are left out.",)


def test_a_byte_order_mark_and_a_megabyte_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, b"\xef\xbb\xbftext,hate,spam\n" + b"x" * 1_000_000 + b",1,0\n")
    assert len(found.labelled.posts[0].text) == 1_000_000


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("text,hate,spam\na,1,0\nsecret,2,0\n", r"line 3, column 'hate'"),
        ("text,hate,spam\nsecret,yes,0\n", r"line 2, column 'hate'"),
        (b"text,hate,spam\na,1,0\nsecret \xff,1,0\n", "line 3 is not UTF-8"),
        ("text,hate,spam\nsecret,with a comma,1,0\n", "line 2: 4 cells where the header has 3"),
        ('text,hate,spam\n"secret,1,0\n', "line 2: a quote that is opened here is never closed"),
        ("post,hate,spam\nsecret,1,0\n", "no column 'text'"),
        ("text,hate,hate\nsecret,1,0\n", "'hate' stands twice"),
        ("text,other\nsecret,1\n", "no column for any policy"),
        ("", "is empty"),
        (b"PAR1 secret", "no sound Parquet"),
    ],
)
def test_labels_that_cannot_be_used_are_refused_without_a_word_of_a_post(
    tmp_path: Path, content: str | bytes, complaint: str
) -> None:
    with pytest.raises(WeirError, match=complaint) as refusal:
        read(tmp_path, content)
    assert "secret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_parquet_labels_other_than_one_and_zero_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="line 2, column 'hate'"):
        parquet(tmp_path, text=["a", "b"], hate=[1, 2], spam=[0, 0])


def test_a_column_that_python_has_no_value_for_spoils_nothing_where_no_policy_is_named_after_it(
    tmp_path: Path,
) -> None:
    nanoseconds = pa.array([1], pa.timestamp("ns"))  # as a data frame writes its times
    labels = parquet(tmp_path, text=["a"], hate=[1], spam=[0], created_at=nanoseconds)
    assert labels.labelled.posts == (LabelledPost("a", {"hate": True, "spam": False}),)
    assert labels.warnings == (
        "labels.parquet has 1 column ('created_at') that no policy is named after; they are left "
        "out.",
    )


def test_such_a_column_in_a_policys_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="other than 1, 0 or nothing in line 1"):
        parquet(tmp_path, text=["a"], hate=pa.array([1], pa.timestamp("ns")), spam=[0])


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    parquet(tmp_path, text=["a"], hate=[1], spam=[0])
    content = (tmp_path / "labels.parquet").read_bytes()
    with pytest.raises(FileError, match="no sound Parquet"):
        read(tmp_path, content[:-9], "cut.parquet")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="there is no such file"):
        read_labels(tmp_path / "nothing.csv", POLICIES)
