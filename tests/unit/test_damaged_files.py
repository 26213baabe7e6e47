"""A thousand files, written and damaged by a generator: no row of one is lost without a word."""

import json
from contextlib import suppress

import pytest

from tests.damaged_files import Generated, generated
from weir.errors import WeirError
from weir.pipelines.posts import read_posts
from weir.transforms.decode import DecodeSettings
from weir.transforms.files import FileError, Records, read_content

FILES = 1_000
WANTED = ("text", "id", "created_at", "lang")


def _accounted_for(file: Generated, read: Records) -> None:
    """Every sound row is a record as it was or on lines that are named, and no record is new.

    A file with faults is refused as a whole: the first that it names has a damaged row in it.
    """
    harmed = {line for row in file.rows if row.damaged for line in range(row.first, row.last + 1)}
    if read.faults:
        first = read.faults[0]
        assert harmed & set(range(first.first, first.last + 1))
        return
    texts = {record.line: (record.fields() or {}).get("text") for record in read.records}
    doubted = {line for each in read.doubts for line in range(each.first, each.last + 1)}
    for row in file.rows:
        if not row.damaged and texts.get(row.first) != row.text:
            assert set(range(row.first, row.last + 1)) <= doubted
    assert texts.keys() <= {row.first for row in file.rows} | harmed


def _refused(file: Generated, error: WeirError) -> None:
    assert file.damaged
    assert f"{file.name}: " in str(error)
    assert any(said in str(error) for said in ("line", "no post; its fields", "holds no rows"))


@pytest.mark.parametrize("part", range(10))
def test_rows_in_are_posts_and_named_faults(part, tmp_path):
    refused = whole = 0
    for seed in range(part, FILES, 10):
        file = generated(seed)
        path = tmp_path / file.name
        path.write_bytes(file.content)
        with suppress(FileError):  # refused below too
            _accounted_for(file, read_content(file.content, file.name, WANTED))
        try:
            posts = read_posts(path, DecodeSettings())
        except WeirError as error:
            _refused(file, error)
            refused += 1
            continue
        assert len(posts.messages) == len(posts.texts) + len(posts.unread)
        if not file.damaged:
            assert posts.texts == tuple(row.text for row in file.rows)
            assert posts.unread == ()
            whole += 1
    assert refused > 10
    assert whole > 10


def test_a_generated_file_is_the_same_each_time():
    assert generated(7) == generated(7)
    assert json.loads(json.dumps([row.text for row in generated(8).rows]))
