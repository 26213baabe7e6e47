"""What is kept of a post's text where not all of it is to be."""

from typing import Any

import pyarrow as pa
import pytest

from tests.hostile_posts import POSTS
from tests.rows import dead_letter, verdict
from weir.transforms.records import DEAD_LETTER, VERDICT
from weir.transforms.write.dead_letter_topic import letter_records, withheld
from weir.transforms.write.redaction import HASH_PREFIX, Redaction, StoreText

KEY: Any = "a key of more than 16 bytes"
SECRET = "the secret of the post"
QUOTING = {
    "text": SECRET,
    "attributes": f'{{"title": "{SECRET}"}}',
    "rationale": f"It says {SECRET}.",
    "reasoning": f"Hm, {SECRET}",
    "answer": f"Well: {SECRET}",
}


def verdicts(*texts):
    rows = [verdict("r", n, "spam", "safe", **QUOTING | {"text": t}) for n, t in enumerate(texts)]
    return pa.RecordBatch.from_pylist(rows, VERDICT)


def letters(**fields):
    rows = [dead_letter("r", 1, "decode", "invalid_json") | fields]
    return pa.RecordBatch.from_pylist(rows, DEAD_LETTER)


def test_full_changes_nothing():
    batch = verdicts(SECRET)
    assert Redaction(StoreText.FULL)(batch) is batch


@pytest.mark.parametrize("redaction", [Redaction(StoreText.NONE), Redaction(StoreText.HASH, KEY)])
def test_nothing_of_the_post_is_left_in_a_verdict_and_all_else_is(redaction):
    batch = redaction(verdicts(SECRET))
    batch.validate(full=True)
    (row,), (before,) = batch.to_pylist(), verdicts(SECRET).to_pylist()
    assert "secret" not in str(row)
    assert {k: v for k, v in row.items() if k not in QUOTING} == {
        k: v for k, v in before.items() if k not in QUOTING
    }


def test_equal_texts_have_equal_hashes_and_others_another():
    hashed = Redaction(StoreText.HASH, KEY)(verdicts("one", "two", "one"))["text"].to_pylist()
    assert hashed[0] == hashed[2] != hashed[1]
    assert all(each.startswith(HASH_PREFIX) for each in hashed)
    other = Redaction(StoreText.HASH, KEY + "!")(verdicts("one"))["text"].to_pylist()
    assert other[0] != hashed[0]


@pytest.mark.parametrize("name", [name for name in POSTS if name != "half a surrogate pair"])
def test_every_text_can_be_hashed(name):
    (hashed,) = Redaction(StoreText.HASH, KEY)(verdicts(POSTS[name]))["text"].to_pylist()
    assert len(hashed) == len(HASH_PREFIX) + 64


@pytest.mark.parametrize("redaction", [Redaction(StoreText.NONE), Redaction(StoreText.HASH, KEY)])
def test_nothing_of_the_message_is_left_in_a_dead_letter(redaction):
    batch = redaction(
        letters(value=SECRET.encode(), key=b"secret", headers=[{"key": "secret", "value": b"1"}])
    )
    batch.validate(full=True)
    (row,) = batch.to_pylist()
    assert "secret" not in str(row)
    assert (row["key"], row["headers"], row["reason"]) == (None, None, "invalid_json")


@pytest.mark.parametrize("value", [b"hi", b"", None, SECRET.encode() * 100])
def test_a_letter_withheld_from_the_topic_says_so_however_short_it_was(value):
    (record,) = letter_records(letters(value=value, key=b"secret"), "dead")
    bare = withheld(record)
    assert (bare.key, bare.value) == (None, b"")
    assert (b"omitted") in dict(bare.headers).values()
    assert b"secret" not in str(bare).encode()


def test_a_hash_without_a_key_is_refused():
    with pytest.raises(ValueError, match="needs a key"):
        Redaction(StoreText.HASH)


def test_the_key_is_in_no_representation():
    assert "more than 16" not in repr(Redaction(StoreText.HASH, KEY))
