"""Spelled-out, leet and drawn-out words, and what only looks like them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_evasions import normal
from tests.unit.test_normalise import one


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("buy v i a g r a now", "buy viagra now"),
        ("buy v.i.a.g.r.a now", "buy viagra now"),
        ("v–i–a–g–r–a", "viagra"),
        ("i   w i l l   k i l l   y o u", "i will kill you"),
        ("g/o a_n_d d-i-e i*n f/i/r/e", "go and die in fire"),
        ("made in the U.S.A. today", "made in the usa. today"),
        ("vitamins a, b, c and d", "vitamins a, b, c and d"),
        ("24/7 on the A/C, i.e. all day", "24/7 on the a/c, i.e. all day"),
        ("scores 1 2 3 and 1.2.3.4", "scores 1 2 3 and 1.2.3.4"),
        ("これは a b です", "これは a b です"),
        ("я и ты и он", "я и ты и он"),
        ("w}}{{e}} {{w}}{{i}}{{l}}{{l", "we will"),
        ("d-o-n-'-t, d-o", "don't, do"),
        ("one, a, b, c and then some", "one, a, b, c and then some"),
    ],
)
def test_single_letters_in_a_row_are_a_word(written: str, meant: str) -> None:
    assert one(written) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("k1ll", "kill"),
        ("h4t3", "hate"),
        ("a$$h0le!", "asshole!"),
        ("he11o", "hello"),
        ("1 w1ll k1ll 4ll of y0u", "1 will kill all of you"),
        ("the 1st of 2 at 10am, 3d", "the 1st of 2 at 10am, 3d"),
        ("mp3 for $100, C+ and wow!!", "mp3 for $100, c+ and wow!!"),
        ("@us3r said hi", "@us3r said hi"),
        ("see https://example.com/a1b2c3 and d4e5f6", "see https://example.com/a1b2c3 and daesfg"),
        ("l'an 2000 à 20h30", "l'an 2000 à 20h30"),
    ],
)
def test_signs_between_letters_are_letters(written: str, meant: str) -> None:
    assert one(written) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("fuuuuck yooou", "fuck you"),
        ("coool, killl", "col, kil"),
        ("www.example.com is xxx", "www.example.com is xxx"),
        ("aaa", "aaa"),
        ("하하하하 すごーーーい", "하하하하 すごーーーい"),
        ("ну дааааа", "ну дааааа"),
    ],
)
def test_a_letter_drawn_out_is_written_once(written: str, meant: str) -> None:
    assert one(written) == meant


@pytest.mark.parametrize("sign", ["\\", "/", "-", ".", "_", "|", "+", "'", "//", "·"])
def test_words_that_signs_break_are_read_without_them_too(sign: str) -> None:
    assert one(f"th{sign}ey k{sign}ill y{sign}ou").endswith(" they kill you")


@pytest.mark.parametrize(
    "text",
    ["a well-known, long-term and up-to-date plan of ours", r"see c:\users\me and and/or it"],
)
def test_a_text_with_some_broken_words_is_left_as_it_is(text: str) -> None:
    assert one(text) == text


@given(st.text("aik1l0 .-@!|€\x00", max_size=30), st.text("aik1l0 .-@!|€\x00", max_size=30))
def test_a_spelling_depends_on_its_own_row_alone(text: str, other: str) -> None:
    assert normal([other, text, other])[1] == one(text)
