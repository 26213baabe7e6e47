"""What stands around a text, or beside it under the same name, keeps no post from the screen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.json_messages import NESTED, only, post, read
from weir.transforms.decode import DecodeSettings


@pytest.mark.parametrize(
    "message",
    [
        b'{%b, "x": NaN}',
        b'{"x": -Infinity, %b}',
        b'{"x": ' + b"[" * 1_500 + b"]" * 1_500 + b", %b}",
        b'{%b, "x": ' + b'{"text":' * 1_500 + b"0" + b"}" * 1_500 + b"}",
        b"\xef\xbb\xbf{%b}",
        b'{%b, "x":\xef\xbb\xbf"y"}',
        b'{"x": "\xff", %b}',
        b'{"x": "\x00\n", %b}',
        b'{"x": "\\q", %b}',
        b'{"x": 007, %b,}',
        b'{"x": undefined "y": [1, "{"], %b',
        b'{"x": [}, %b}',
        b"{%b} ]",
    ],
)
def test_what_stands_around_a_text_decides_nothing(message):
    decoded = read(message.replace(b"%b", b'"text": "a \\"b\\" {", "id": "i"'))
    assert only(decoded, "text") == 'a "b" {'
    assert only(decoded, "content_id") == "i"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_an_object_may_be_written_in_any_unicode(encoding):
    assert only(read('{"text": "ä"}'.encode(encoding)), "text") == "ä"


def test_a_nested_text_is_found_among_broken_fields():
    value = b'{"n": NaN, "post": {"n": NaN, "id": 7, "body": {"n": NaN, "text": "found"}}}'
    decoded = read(value, settings=NESTED)
    assert (only(decoded, "text"), only(decoded, "content_id")) == ("found", "7")


@pytest.mark.parametrize(
    "value",
    [
        b'{"text": "bad", "text": "good"}',
        b'{"text": "bad", "n": NaN, "text": "good"}',
        b'{"te\\u0078t": "bad", "text": "good"}',
        b'{"text": "bad", "t\\u0065xt" : "good"}',
        b'{"text": "bad", "x": {"text": 1}, "text": "good"}',
        b'{"text": "bad", "text": "good", "text": null, "text": ""}',
        b'{"text": "bad", "text": "good", "text": "bad"}',
    ],
)
def test_of_a_text_that_stands_twice_neither_hides_the_other(value):
    decoded = read(post(id="before"), value, post(id="after"))
    assert decoded.content["text"].to_pylist() == ["a post", "bad\ngood", "a post"]


def test_a_nested_text_that_stands_twice_is_read_whole():
    value = b'{"post": {"body": {"text": "bad"}}, "post": {"id": 7, "body": {"text": "good"}}}'
    assert only(read(value, settings=NESTED), "text") == "bad\ngood"


def test_a_name_other_than_ascii_that_stands_twice_is_found_in_any_spelling():
    value = b'{"t\\u00e4xt": "bad", "t\xc3\xa4xt": "good"}'
    assert only(read(value, settings=DecodeSettings(text_field="täxt")), "text") == "bad\ngood"


def test_the_texts_of_fields_that_nobody_reads_are_not_the_posts():
    value = b'{"quoted": {"text": "no"}, "text": "yes", "all": [{"text": "no"}]}'
    assert only(read(value), "text") == "yes"


@pytest.mark.parametrize("written", [b"a\xffb", b"a\xed\xa0\x80b", b"a\\ud800b"])
def test_a_text_with_a_damaged_character_is_read_with_a_mark_in_its_place(written):
    assert only(read(b'{"text": "%b"}' % written), "text").strip("ab").strip("\ufffd") == ""


@given(st.binary().map(lambda junk: junk.replace(b'"', b"")))
def test_no_junk_in_another_field_changes_a_text(junk):
    decoded = read(b'{"id": "i", "junk": ' + junk + b', "text": "planted"}')
    assert decoded.content["text"].to_pylist() in (["planted"], [])
    assert decoded.content.num_rows + len(decoded.failures) == 1
