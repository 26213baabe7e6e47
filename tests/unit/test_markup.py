"""Markup: words are read as a person sees them, and what it hides is not lost."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_evasions import normal
from tests.unit.test_normalise import one
from weir.transforms.text.markup import marked_up, visible_text

PIECES = [
    *("k", "ill", " ", "\n", "é", "\x00", "x3", "amp", "lt", "6b", "41", "url=", "i", "b"),
    *("<", ">", "/", "!", "--", "&", "#", ";", "[", "]", "(", ")", '"', "'", "\\", "%"),
    *("*", "_", "~", "|", "`", ">!", "!<", "](", "<b>", "</b>", "[b]", "[/b]", "<!--", "-->"),
    *('<p style="display:none">', "</p>", "&#107;", "&nbsp;", "&lt;"),
]
MARKED = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("kill&nbsp;them&nbsp;all", "kill them all"),
        ("k&#8203;ill th&ZeroWidthSpace;em", "kill them"),
        ("&#107;ill &#x74;hem &#0000097;ll", "kill them all"),
        ("&#107ill them&ampall", "kill them&all"),
        ("&amp;lt;b&amp;gt;kill", "kill"),
        ("don&#39;t &lt;3", "don't <3"),
        ("%6bill %74hem %C3%A9t%C3%A9", "kill them été"),
        ("100% of 5%de, 20% off", "100% of 5%de, 20% off"),
        ("k<b></b>i<i>l</i>l <wbr>th<x-y></x-y>em", "kill them x-y x-y"),
        ("<p>kill</p><p>them</p>all<br>now", "kill them all now"),
        ('<a href="http://a.example/b">kill</a> them', 'kill them href="http://a.example/b"'),
        ("k<!-- for fun -->ill", "kill for fun"),
        ("k<script>for</script>ill", "kill for"),
        ('k<span style="display: none">for</span>ill', 'kill style="display: none" for'),
        ("<bdo dir=rtl>llik</bdo> them", "kill them"),
        ("I <3 you, a < b > c", "i <3 you, a < b > c"),
        ("<kill them>", "kill them"),
        ("k[b][/b]ill [size=2]them[/size]", "kill them 2"),
        ("[url=http://a.example]kill[/url] k[img]u[/img]ill", "kill kill u http://a.example"),
        ("[deleted] [sic]", "[deleted] [sic]"),
        ("k[i](http://a.example 'for')ll", "kill http://a.example 'for'"),
        ("k![for](fun)ill", "kill for fun"),
        ("k[i][1]ll\n[1]: http://a.example", "kill [1]: http://a.example"),
        ("k||i||ll th**e**m ~~a~~ll `n`ow", "kill them all now"),
        ("ki||l||||l|| ~~th~~~~em~~", "kill them"),
        ("k__i__ll _them_ >!all!<", "kill them all"),
        ("k*i*l*l th*e*m a*l*l", "kill them all"),
        (r"\*kill\* t\hem", r"kill t\hem"),
        ("f*ck, f**k, f***", "f*ck, f**k, f***"),
        ("snake_case 2 * 3 * 4, a || b", "snake_case 2 * 3 * 4, a || b"),
    ],
)
def test_words_are_read_as_the_page_shows_them(written: str, meant: str) -> None:
    assert one(written) == meant


EACH_LETTER = {
    **{f"<{name}>": (f"<{name}>", f"</{name}>") for name in ("b", "td", "p", "li", "option")},
    **{f"[{name}]": (f"[{name}]", f"[/{name}]") for name in ("b", "td", "quote")},
    "attributes that differ": ("<td id=1 class='a'>", "</td>"),
    "an image's text": ("![", "](x)"),
    "a reference without a target": ("[", "][1]"),
    **{
        f"{begin}x{end}": (begin, end)
        for begin, end in (
            *(("**", "**"), ("***", "***"), ("*", "*"), ("__", "__"), ("_", "_"), ("`", "`")),
            *(("``", "``"), ("~~", "~~"), ("~", "~"), ("||", "||"), (">!", "!<"), ("==", "==")),
            *(("[", "]"), ("[[", "]]"), ("<", ">"), ("{{", "}}"), ("(", ")"), ("“", "”")),
        )
    },
}


@pytest.mark.parametrize("around", EACH_LETTER.values(), ids=EACH_LETTER)
def test_letters_that_are_marked_up_one_by_one_are_words(around: tuple[str, str]) -> None:
    begin, end = around
    written = re.sub("[a-z]", lambda letter: f"{begin}{letter[0]}{end}", "we will kill all of you")
    assert {"will", "kill", "all", "of"} <= set(re.findall("[a-z]+", one(written)))


@pytest.mark.parametrize(
    ("letter", "word"),
    [
        ("<br>", " "),
        ("<td></td>", " "),
        ("<li>", "<p><li>"),
        ("</td><td>", "</td></tr><tr><td>"),
        ("</td>\n<td>", "</td>\n<td> </td>\n<td>"),
        ("[br]", " "),
        (" | ", " |   | "),
        ("\n- ", "\n-  \n- "),
    ],
)
def test_letters_on_lines_or_in_cells_of_their_own_are_words(letter: str, word: str) -> None:
    assert one(word.join(map(letter.join, ["we", "will", "kill", "you"]))) == "we will kill you"


def test_a_table_of_words_and_numbers_is_read_cell_by_cell() -> None:
    row = "<tr><td>ann</td><td>a</td><td>7</td></tr><tr><td>bob</td><td>b</td><td>12</td></tr>"
    assert one(f"<table>{row}</table>") == "ann a 7 bob b 12"


@given(MARKED)
def test_what_is_changed_was_seen_in_the_column(text: str) -> None:
    if visible_text(text) != text:
        assert len(marked_up(np.frombuffer(text.encode(), np.uint8)))


@given(MARKED, MARKED)
def test_markup_goes_no_further_than_its_row(text: str, other: str) -> None:
    assert normal([other, text, other])[1] == one(text)


@given(st.lists(st.sampled_from([*PIECES, "word"]), max_size=14).map("".join))
def test_no_word_is_lost_with_the_markup(text: str) -> None:
    assert visible_text(text).count("word") == text.count("word")


def test_markup_is_undone_however_deep_it_is_nested_in_what_is_hidden() -> None:
    openings = ["<!--", "<script>", "<style>", "<template>", "<p style=display:none>", "[img]"]
    endings = ["[/img]", "</p>", "</template>", "</style>", "</script>", "-->"]
    assert "kill" in one(f"{' '.join(openings)} k<b></b>ill {' '.join(endings)}").split()


def test_an_entity_of_many_digits_is_a_character_too() -> None:
    assert one("&#" + "0" * 5000 + "107;ill") == "kill"


def test_plain_text_is_not_looked_at_again() -> None:
    text = "Don't walk home alone (tonight), Kevin: 5 < 6 & 7 > 3; 50% (sic) a_b c/d"
    assert not len(marked_up(np.frombuffer(text.encode(), np.uint8)))
