"""Files of posts and labels as people's programs write them: read, and said how; or refused."""

import bz2
import gzip
import json
import lzma
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from weir.transforms.files import FileError, read_content, read_file
from weir.transforms.files import content as contents

WANTED = ("text", "id", "created_at", "lang")


def read(content, wanted=WANTED):
    return read_content(content if isinstance(content, bytes) else content.encode(), "f", wanted)


def rows(content, wanted=WANTED):
    return [json.loads(record.value) for record in read(content, wanted).sound().records]


def faults(content):
    return [(fault.first, fault.last) for fault in read(content).faults]


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("id;text\n1;a, b\n", "its cells are separated by semicolons"),
        ("id\ttext\n1\ta, b\n", "its cells are separated by tabs"),
        ("id|text\n1|a, b\n", "its cells are separated by bars"),
        ("sep=;\r\nid;text\r\n1;a, b\r\n", "its cells are separated by semicolons"),
        ('id,text\n1,"a, b"\n'.encode("utf-16"), "it is UTF-16"),
        ('id,text\n1,"a, b"\n'.encode("utf-16-le"), "it is UTF-16-LE"),
        ("Id, TEXT \n1,\"a, b\"\n", "the column ' TEXT ' is read as 'text'"),
        (',id,text\n0,1,"a, b"\n',
         "its first column has no name and is left out, as pandas' index"),
    ],
)  # fmt: skip
def test_the_usual_forms_of_csv_are_read_and_said(content, note):
    assert rows(content) == [{"id": "1", "text": "a, b"}]
    assert note in read(content).notes


@pytest.mark.parametrize(
    "content",
    [
        '\n\r\nid,text\n1,"a, b"\n',
        b'\xef\xbb\xbfid,text\n1,"a, b"\n',
        'id,text\r1,"a, b"\r',
        'id,text,,\n1,"a, b",,\n,,,\n',
        'id,text\n\n1,"a, b"\n\n',
    ],
)
def test_empty_lines_and_cells_around_a_table_are_no_rows(content):
    assert rows(content) == [{"id": "1", "text": "a, b"}]
    assert read(content).warnings == ()


def test_windows_1252_is_read_and_said():
    content = 'id,text\n1,"Café “terrible”"\n'.encode("cp1252")
    assert rows(content)[0]["text"] == "Café “terrible”"
    assert read(content).warnings == (
        "f: line 2 is not UTF-8: the file is read as Windows-1252, as Excel writes it",
    )


@pytest.mark.parametrize(
    "odd",
    ["привет".encode("cp1251"), "częsty żółw".encode("cp1250"), b"a\xffb",
     "é".encode("mac-roman"), "é".encode() + b"\xe9"],
)  # fmt: skip
def test_another_code_page_is_refused_with_the_line(odd):
    with pytest.raises(FileError, match="line 3 is not UTF-8; save the file as UTF-8"):
        read(b"id,text\n1,a\n2," + odd + b"\n")


def test_quotes_behind_backslashes_are_read_and_said():
    content = 'id,text\n1,"He said \\"hi, you\\" twice\\\\"\n2,fine\n'
    assert [row["text"] for row in rows(content)] == ['He said "hi, you" twice\\', "fine"]
    assert read(content).notes == ('quotes in its cells are written \\"',)


def test_a_backslash_in_plain_csv_stands_for_itself():
    assert rows('id,text\n1,"C:\\"\n2,"a""b"\n')[0]["text"] == "C:\\"


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("id,text\n1,Good morning, you won\n2,fine\n", [(2, 2)]),
        ("id,text\n1\n2,fine\n", [(2, 2)]),
        ('id,text\n1,fine\n2,"she left\n3,c\n4,d\n', [(3, 5)]),
        ('id,text\n1,"a "quoted" word"\n2,fine\n', [(2, 2)]),
        ('id,text\n1,"she left\n2,"no"\n3,fine\n', [(2, 3)]),
        ('id,text\n1,"two\nlines"\n2\n', [(4, 4)]),
        ("sep=,\nid,text\n1\n2,fine\n", [(3, 3)]),
        ('[{"text": "a"},\n 7,\n {"text": "b"}]', [(2, 2)]),
    ],
)
def test_rows_that_are_none_are_named_by_their_lines(content, lines):
    assert faults(content) == lines
    with pytest.raises(FileError, match=f"line.* {lines[0][0]}"):
        read(content).sound()


def test_a_cell_that_runs_over_rows_is_doubted():
    content = 'id,text\n1,"she left\n2,a post\n3,another"\n4,fine\n'
    assert [(doubt.first, doubt.last) for doubt in read(content).doubts] == [(2, 4)]
    assert read('id,text\n1,"Hello, you\n\nHow, then?"\n').doubts == ()


@pytest.mark.parametrize(
    "content", ["1,Good morning\n2,You won a prize\n", "hello there everyone\nhow are you\n"]
)
def test_a_table_without_a_header_is_refused_without_a_word_of_its_posts(content):
    with pytest.raises(FileError, match="no column 'text' in the first line") as refusal:
        read(content)
    assert "morning" not in str(refusal.value)
    assert "hello" not in str(refusal.value)


TWO = [{"id": "1", "text": "a"}, {"id": "2", "text": "b"}]


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (json.dumps(TWO), "it is a JSON array"),
        (json.dumps(TWO, indent=2), "it is a JSON array"),
        ("\n\n".join(json.dumps(each, indent=2) for each in TWO), "written over several lines"),
        (json.dumps({"guild": {"id": 1}, "messages": TWO}, indent=1), "are the list 'messages'"),
        (json.dumps({"id": {"0": "1", "1": "2"}, "text": {"0": "a", "1": "b"}}), "by columns"),
        (json.dumps({"0": TWO[0], "1": TWO[1]}), "by their index"),
        (json.dumps({"columns": ["id", "text"], "index": [0, 1], "data": [["1", "a"], ["2", "b"]]}),
         "as pandas splits it"),
        ("\n".join(map(json.dumps, TWO)).encode("utf-16-be"), "it is UTF-16-BE"),
    ],
)  # fmt: skip
def test_json_in_other_forms_than_lines_is_read_and_said(content, note):
    assert rows(content) == TWO
    assert note in " ".join(read(content).notes)


def test_the_lines_of_json_are_kept_as_they_stand_without_a_mark_before_them():
    content = b'\xef\xbb\xbf{"text": "a"}\r\n\r\n{"text" : NaN\r\n{"text": "\xff"}'
    found = read(content)
    assert [(record.line, record.value) for record in found.records] == [
        (1, b'{"text": "a"}'),
        (3, b'{"text" : NaN'),
        (4, b'{"text": "\xff"}'),
    ]
    assert found.warnings == ()


def test_one_object_is_one_post():
    assert rows('{"text": "a",\n "tags": [{"id": 1}]}') == [{"text": "a", "tags": [{"id": 1}]}]


def test_the_records_of_an_array_have_their_lines():
    assert [record.line for record in read(json.dumps(TWO, indent=1)).records] == [2, 6]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"text": "a"},\n{"text": "b"', "a JSON array that breaks in line 2"),
        ('{\n"text": "a",\n"x": ]\n}\n', "breaks in line 3"),
        ('{"a": [{"b": 1}], "c": [{"b": 1}]}', r"several lists in it \('a', 'c'\)"),
        ('{"body": "a"}', "no post; its fields: 'body'"),
        ("PAR1", "no sound Parquet file"),
    ],
)
def test_json_and_parquet_that_hold_no_posts_are_named_for_what_they_are(content, said):
    with pytest.raises(FileError, match=said):
        read(content)


def test_parquet_is_read_by_rows(tmp_path):
    made = datetime(2025, 1, 2, tzinfo=UTC)
    pq.write_table(
        pa.table(
            {
                "Text": ["a", None],
                "created_at": pa.array([made, made], pa.timestamp("ns", "UTC")),
                "score": [float("nan"), 1.5],
                "raw": pa.array([b"\xff", b""]),
            }
        ),
        tmp_path / "posts.parquet",
    )
    found = read_file(tmp_path / "posts.parquet", WANTED)
    first, second = found.rows()
    assert first == (
        1,
        {"text": "a", "created_at": "2025-01-02T00:00:00Z", "score": None, "raw": "/w=="},
    )
    assert second[1]["text"] is None
    assert found.notes == ("the column 'Text' is read as 'text'",)


@pytest.mark.parametrize(
    "pack", [gzip.compress, zstandard.compress, bz2.compress, lzma.compress, bytes]
)
def test_a_packed_file_is_known_by_what_it_holds(tmp_path, pack):
    path = tmp_path / "posts"
    path.write_bytes(pack(b'{"text": "a"}\n'))
    assert read_file(path, WANTED).records[0].value == b'{"text": "a"}'


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, bz2.compress, lzma.compress])
def test_a_packed_file_that_was_cut_is_refused(tmp_path, pack):
    (tmp_path / "posts").write_bytes(pack(b'{"text": "a"}\n' * 999)[:-9])
    with pytest.raises(FileError, match="check that it is whole"):
        read_file(tmp_path / "posts", WANTED)


def test_a_file_that_unpacks_to_more_than_memory_holds_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "LARGEST", 1 << 20)
    (tmp_path / "bomb.zst").write_bytes(zstandard.compress(bytes(1 << 24)))
    with pytest.raises(FileError, match="larger than 1 MiB, unpacked; take a part of it"):
        read_file(tmp_path / "bomb.zst", WANTED)
