"""Files of posts: read as the messages they would have been, or refused in a sentence."""

import gzip

import pytest

from weir.pipelines.errors import OptionError
from weir.pipelines.posts import read_posts


def read(path):
    return list(read_posts(path, "id"))


def test_a_row_of_csv_becomes_an_object_keyed_by_its_id(tmp_path):
    path = tmp_path / "posts.csv"
    path.write_text('id,text\nb1,"a, b"\n', "utf-8")
    assert read(path) == [(b"b1", b'{"id":"b1","text":"a, b"}')]


def test_a_broken_line_of_json_is_sent_as_it_stands(tmp_path):
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b'{"id":"b1"\n\xff\n')
    assert read(path) == [(None, b'{"id":"b1"'), (None, b"\xff")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("not-gzip.csv.gz", b"id,text"),
        ("cut.jsonl.gz", gzip.compress(b'{"id":"b1","text":"t"}' * 1000)[:-12]),
        ("long.csv", b"id,text\n1," + b"x" * (1 << 25)),
        ("posts.xlsx", b""),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(OptionError, match=name):
        read(path)
