"""How text that only looks different becomes equal."""

import time

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.transforms.text.normalise import normalise

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def one(text: str) -> str:
    return normalise(pa.array([text], pa.string()))[0].as_py()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Buy NOW", "buy now"),
        ("  a\t\n b\x00c  ", "a b c"),
        ("ｆｒｅｅ", "free"),
        ("𝐟𝐫𝐞𝐞 𝒄𝒂𝒔𝒉", "free cash"),
        ("fr\u200bee\ufeff", "free"),
        ("frее", "free"),
        ("f̶r̷e̸e", "free"),
        ("Straße", "strasse"),
        ("İ", "i"),
        ("café", "café"),
        ("cafe\u0301", "café"),
        ("नमस्ते", "नमस्ते"),
        ("", ""),
        ("\u200b \u200b", ""),
    ],
)
def test_a_text_becomes_what_it_means(written: str, meant: str) -> None:
    assert one(written) == meant


@given(st.lists(TEXT, max_size=8))
def test_a_row_does_not_depend_on_its_neighbours(texts: list[str]) -> None:
    assert normalise(pa.array(texts, pa.string())).to_pylist() == [one(text) for text in texts]


@given(TEXT)
def test_no_control_character_or_upper_case_ascii_is_left(text: str) -> None:
    assert not any(c < " " or c == "\x7f" or "A" <= c <= "Z" for c in one(text))


@given(TEXT)
def test_normalised_text_has_single_spaces_between_words_only(text: str) -> None:
    assert one(text) == " ".join(word for word in one(text).split(" ") if word)


def test_a_slice_is_normalised_like_the_rows_it_shows() -> None:
    texts = pa.array(["ONE", "Zwölf", "  three", "4"])
    assert normalise(texts.slice(1, 2)).to_pylist() == ["zwölf", "three"]


def test_a_long_run_of_combining_marks_takes_no_quadratic_time() -> None:
    started = time.process_time()
    one("a" + "\u0301\u0316" * 225_000)
    assert time.process_time() - started < 2
