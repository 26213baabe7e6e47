"""Which language or script a row is in."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.language_posts import ABUSE, ORDINARY
from weir.transforms.text.features import pieces
from weir.transforms.text.languages import GROUPS

EXPECTED = {
    "Spanish": "es",
    "German": "de",
    "Dutch": "nl",
    "French": "fr",
    "Polish": "pl",
    "Chinese": "han",
    "Russian": "cyrillic",
    "Arabic": "arabic",
    "Turkish": "tr",
    "Hindi": "devanagari",
}


def groups_of(*texts: str) -> list[str]:
    codes = [piece.languages for piece in pieces(pa.array(texts, pa.string()))]
    return [GROUPS[code] for code in np.concatenate(codes)]


@pytest.mark.parametrize("language", EXPECTED)
def test_most_posts_of_a_language_are_in_its_group(language: str) -> None:
    found = groups_of(*ORDINARY[language], *ABUSE[language])
    assert found.count(EXPECTED[language]) >= 0.8 * len(found)


def test_english_is_told_by_its_function_words() -> None:
    assert groups_of("the cat is in the garden", "Why do you think that?") == ["en", "en"]


def test_latin_letters_without_function_words_are_a_group_of_their_own() -> None:
    assert groups_of("lol", "ok", "Mwahaha great stuff") == ["latin"] * 3


def test_what_has_no_letters_is_a_group_of_its_own() -> None:
    assert groups_of("", "12345", "!!!", "😀😀", "→ …") == ["no letters"] * 5


def test_the_script_of_most_letters_decides() -> None:
    assert groups_of("ok Привет, как дела", "Hello สวัสดี everybody there") == ["cyrillic", "en"]


def test_kana_among_han_is_japanese() -> None:
    assert groups_of("私は東京へ行く", "我去东京") == ["kana", "han"]


def test_letters_disguised_as_another_script_count_as_what_they_are_read_as() -> None:
    assert groups_of("yоu аre sо stupid and they all knоw it") == ["en"]  # Cyrillic о and а


@given(st.lists(st.text(max_size=30) | st.sampled_from(ORDINARY["German"]), max_size=8))
def test_a_row_has_the_same_group_alone_and_among_others(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    together = groups_of(*texts, "x")
    assert together == [groups_of(text)[0] for text in texts] + ["latin"]
