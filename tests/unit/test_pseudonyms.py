"""Authors are kept as pseudonyms, or not at all."""

import json
from typing import Any

import pyarrow as pa
import pytest

from weir.pipelines.errors import OptionError
from weir.pipelines.settings.storage import pseudonym_key
from weir.transforms.decode import DecodeSettings, attributes
from weir.transforms.decode.formats import decoder
from weir.transforms.decode.pseudonyms import pseudonym
from weir.transforms.records import MESSAGE
from weir.transforms.secret import PSEUDONYM_KEY

KEY: Any = "a key of more than 16 bytes"
SETTINGS = DecodeSettings(author_field="user.name", pseudonym_key=KEY)


def decoded(*values):
    rows = [
        {"topic": "posts", "partition": 0, "offset": n, "value": value, "headers": []}
        for n, value in enumerate(values)
    ]
    return decoder(SETTINGS)(pa.RecordBatch.from_pylist(rows, MESSAGE))


def read(*values):
    return decoded(*values).content


def post(**fields):
    return json.dumps({"id": "1", "text": "a post"} | fields).encode()


def test_an_author_has_the_same_pseudonym_in_every_post():
    ids = read(
        post(user={"name": "ann"}), post(user={"name": "bob"}), post(user={"name": "ann", "n": 1})
    )["author_id"].to_pylist()
    assert ids[0] == ids[2] == pseudonym(KEY, "ann")
    assert ids[1] == pseudonym(KEY, "bob")


@pytest.mark.parametrize("fields", [{}, {"user": {}}, {"user": {"name": None}}, {"user": 7}])
def test_a_post_without_an_author_has_none_and_is_a_post_all_the_same(fields):
    assert read(post(**fields))["author_id"].to_pylist() == [None]


def test_a_number_is_an_author_too():
    assert read(post(user={"name": 7}))["author_id"].to_pylist() == [pseudonym(KEY, "7")]


@pytest.mark.parametrize(
    ("name", "named"),
    [(7.5, "7.5"), (True, "true"), ({"$oid": "4f"}, '{"$oid": "4f"}'), (["a", 1], '["a", 1]')],
)
def test_an_author_of_any_kind_has_a_pseudonym_of_what_is_written(name, named):
    ids = read(post(user={"name": name}), post(user={"name": "ann"}))["author_id"].to_pylist()
    assert ids == [pseudonym(KEY, named), pseudonym(KEY, "ann")]


@pytest.mark.parametrize(
    "value",
    [
        b'{"user": {"name": "ann"}}',
        b'{"text": 7, "user": {"name": "ann"}}',
        b'{"text": 7, "x": NaN, "user": {"name": "ann"}}',
    ],
)
def test_what_is_no_post_names_its_author_too(value):
    (failure,) = decoded(value).failures
    assert failure.author_id == pseudonym(KEY, "ann")


def test_the_author_is_not_among_the_attributes():
    (rest,) = attributes(pa.array([post(user={"name": "ann", "age": 3})], pa.binary()), SETTINGS)
    assert json.loads(rest) == {"user": {"age": 3}}


def test_another_key_makes_another_pseudonym():
    assert pseudonym(KEY, "ann") != pseudonym(KEY + "!", "ann")
    assert len(pseudonym(KEY, "ann")) == 32


def test_the_key_is_in_no_representation():
    assert "more than 16" not in repr(SETTINGS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"author_field": "author"},
        {"author_field": "author", "pseudonym_key": KEY, "format": "text"},
        {"author_field": "text", "pseudonym_key": KEY},
        {"author_field": "a..b", "pseudonym_key": KEY},
    ],
)
def test_an_author_field_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=r"author field|lies at or below|empty name"):
        DecodeSettings(**wrong)


@pytest.mark.parametrize("key", ["", "short"])
def test_a_missing_or_short_key_is_refused_and_its_variable_named(monkeypatch, key):
    monkeypatch.setenv(PSEUDONYM_KEY, key)
    with pytest.raises(OptionError, match=rf"--author-field.*16 bytes in \${PSEUDONYM_KEY}"):
        pseudonym_key("--author-field=author")
