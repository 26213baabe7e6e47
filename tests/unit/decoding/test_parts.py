"""Posts of more than one part are one text, joined in one way."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.json_messages import only, post, read
from weir.transforms.decode import DecodeSettings

SEVERAL = DecodeSettings(text_field=("title", "body", "media[].alt"), language_field="langs")
CHAT = DecodeSettings(text_field=("text[]",))


def event(**fields):
    return json.dumps(fields).encode()


def texts(*values, settings=SEVERAL):
    return read(*values, settings=settings).content["text"].to_pylist()


def test_fields_are_joined_by_an_empty_line_and_elements_by_the_end_of_a_line():
    value = event(title="A title", body="a body", media=[{"alt": "a cat"}, {}, {"alt": "a dog"}])
    assert texts(value) == ["A title\n\na body\n\na cat\na dog"]


def test_of_several_fields_those_that_are_there_make_the_post():
    assert texts(
        event(body="b"),
        event(title="t", body=None, media=None),
        event(media=[{"alt": "a"}]),
        event(title="", body="b", media=[]),
        event(title="t", body=7),
    ) == ["b", "t", "a", "b", "t"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"other": 1}, "missing_text"),
        ({"title": None, "media": []}, "null_text"),
        ({"title": 7}, "text_not_a_string"),
        ({"media": [{"alt": 7}]}, "text_not_a_string"),
        ({"media": [7, None]}, "missing_text"),
        ({"media": "no list"}, "missing_text"),
    ],
)
def test_a_post_without_any_of_its_parts_fails_alone(value, reason):
    decoded = read(event(title="t"), event(**value), event(body="b"), settings=SEVERAL)
    assert [(each.row, each.reason) for each in decoded.failures] == [(1, reason)]
    assert decoded.content["text"].to_pylist() == ["t", "b"]


def test_a_list_of_strings_and_entities_is_one_line_cut_into_pieces():
    value = ["You won a ", {"type": "bold", "text": "prize"}, ", call 0900 000 000"]
    assert texts(event(text=value), settings=CHAT) == ["You won a prize, call 0900 000 000"]


def test_a_list_of_strings_alone_is_a_line_each_and_a_string_is_itself():
    assert texts(event(text=["yes", "no"]), event(text="a"), settings=CHAT) == ["yes\nno", "a"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b'{"media": [{"alt": "hidden", "alt": "shown"}]}', "hidden\nshown"),
        (b'{"media": [{"alt": "one"}], "media": [{"alt": "two"}]}', "one\ntwo"),
        (b'{"title": "one", "title": "two", "media": [{"alt": "a"}]}', "one\ntwo\n\na"),
        (b'{"media": [{"al\\u0074": "spelled"}]}', "spelled"),
        (b'{"media": [{"alt": "a"}], "x": NaN}', "a"),
        (b'{"media": [{"alt": "\\ud800a"}]}', "\ufffda"),
    ],
)
def test_no_part_hides_behind_another_or_behind_what_is_broken(value, text):
    assert texts(value) == [text]


def test_an_entity_that_says_two_texts_says_both():
    value = b'{"text": ["a ", {"type": "bold", "text": "hidden", "text": "shown"}]}'
    assert texts(value, settings=CHAT) == ["a hidden\nshown"]


def test_of_a_list_of_languages_the_first_counts():
    decoded = read(
        post(title="a", langs=["de", "en"]),
        post(title="a", langs="fr"),
        post(title="a", langs=[]),
        post(title="a", langs=[7]),
        post(title="a"),
        settings=SEVERAL,
    )
    assert decoded.content["language"].to_pylist() == ["de", "fr", None, None, None]


def test_a_part_and_a_field_in_the_same_list_may_not_be_at_odds():
    with pytest.raises(ValueError, match="place of its own"):
        DecodeSettings(text_field=("media[]", "media[].alt"))
    with pytest.raises(ValueError, match="empty name"):
        DecodeSettings(text_field=("[].alt",))


_STRINGS = st.none() | st.text(max_size=5) | st.integers()
_MEDIA = st.none() | st.lists(st.none() | st.fixed_dictionaries({"alt": _STRINGS}), max_size=3)


@given(st.lists(st.tuples(_STRINGS, _STRINGS, _MEDIA), min_size=1, max_size=4))
def test_the_parts_that_are_read_are_those_that_another_parser_reads(posts):
    values = [event(title=t, body=b, media=m) for t, b, m in posts]
    decoded = read(*values, settings=SEVERAL)
    expected = []
    for title, body, media in posts:
        alts = [each["alt"] for each in media or () if each and isinstance(each["alt"], str)]
        fields = [each for each in (title, body) if isinstance(each, str)]
        if fields or alts:
            expected.append("\n\n".join(filter(None, [*fields, "\n".join(filter(None, alts))])))
    assert decoded.content["text"].to_pylist() == expected
    assert decoded.content.num_rows + len(decoded.failures) == len(posts)


def test_a_single_field_is_read_as_before():
    assert only(read(post(), settings=DecodeSettings(text_field=("text",))), "text") == "a post"
