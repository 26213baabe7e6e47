"""Files of posts: read as the messages they would have been, or refused in a sentence."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weir.errors import WeirError
from weir.pipelines.posts import read_posts
from weir.transforms.decode import DecodeSettings


def read(path, **fields):
    return read_posts(path, DecodeSettings(**fields))


def test_a_row_of_csv_becomes_an_object_keyed_by_its_id(tmp_path):
    path = tmp_path / "posts.csv"
    path.write_text('id,text\nb1,"a, b"\n', "utf-8")
    assert read(path).messages == ((b"b1", b'{"id":"b1","text":"a, b"}'),)


def test_a_broken_line_of_json_is_sent_as_it_stands_and_named(tmp_path):
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b'{"id":"b1"\n\n{"id":"b2","text":"t"}\n\xff\n{"id":"b3","text":""}')
    found = read(path)
    assert found.messages == (
        (None, b'{"id":"b1"'),
        (b"b2", b'{"id":"b2","text":"t"}'),
        (None, b"\xff"),
        (b"b3", b'{"id":"b3","text":""}'),
    )
    assert [(each.first, each.last) for each in found.unread] == [(1, 1), (4, 4)]
    assert str(found).startswith("posts.jsonl: 4 rows, 2 posts; no posts are line 1: The value is")


def test_a_post_is_found_by_the_names_that_the_job_reads_it_by(tmp_path):
    path = tmp_path / "posts.csv"
    path.write_text("Post.Id;post.Body\n7;hello\n", "utf-8")
    found = read(path, id_field="post.id", text_field="post.body")
    assert (found.messages[0][0], found.texts) == (b"7", ("hello",))
    assert json.loads(found.messages[0][1]) == {"post": {"id": "7", "body": "hello"}}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"id_field": "pots_id"}, "--id-field: posts.csv: there is no column 'pots_id': did you"),
        ({"time_field": "wehn"}, "no column 'wehn': did you mean when?"),
        ({"time_field": "zzz"}, "'zzz' in the first line; there are 'post_id', 'text', 'when'"),
    ],
)
def test_a_named_field_that_a_table_lacks_is_refused(tmp_path, fields, said):
    path = tmp_path / "posts.csv"
    path.write_text("post_id,text,when\n1,hello,2025-01-02\n", "utf-8")
    with pytest.raises(WeirError, match=r"posts\.csv") as refusal:
        read(path, **fields)
    assert said in str(refusal.value)


def test_posts_that_are_too_large_are_not_said_to_lack_a_text(tmp_path):
    path = tmp_path / "posts.csv"
    path.write_text("id,text\n1,much too long\n", "utf-8")
    with pytest.raises(WeirError, match="--max-post-bytes") as refusal:
        read(path, max_post_bytes=10)
    assert "--text-field" not in str(refusal.value)


def test_a_named_field_may_lie_in_a_column_or_in_some_messages_alone(tmp_path):
    table = tmp_path / "posts.parquet"
    pq.write_table(pa.table({"meta": [{"id": "b1"}], "text": ["hello"]}), table)
    assert read(table, id_field="meta.id").messages[0][0] == b"b1"
    lines = tmp_path / "posts.jsonl"
    lines.write_bytes(b'{"id":"b1","text":"t"}')
    assert read(lines, id_field="nope").texts == ("t",)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cut.jsonl.gz", gzip.compress(b'{"id":"b1","text":"t"}' * 1000)[:-12], "check that it"),
        ("empty.csv", b"", "is empty"),
        ("header.csv", b"id,text\n", "holds no rows"),
        ("posts.xlsx", b"PK\x03\x04", "save the sheet as CSV"),
        ("posts.csv", b"id,text\n1,a,b\n2,c\n", "line 2: 3 cells where the header has 2"),
        ("posts.csv", b"id,body\n1,a\n", "no column 'text' in the first line; there are 'id'"),
        ("posts.csv", b"id,body\n1,a\n", "name the one that holds the text by --text-field"),
        ("posts.jsonl", b'{"id": 1, "body": "secret"}\n' * 3, "hold text are body; name one by"),
        ("posts.jsonl", b'{"id":"b1"}\n' * 3, "none of its 3 rows is a post"),
        ("posts.jsonl", b'{"id":"b1\n' * 3, "nor whole JSON: it breaks in line 1"),
    ],
)
def test_a_file_without_a_post_is_refused_by_name(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(WeirError, match=name) as refusal:
        read(path)
    assert said in str(refusal.value)
    assert "secret" not in str(refusal.value)
