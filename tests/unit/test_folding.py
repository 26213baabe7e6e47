"""What Unicode offers beside letters: marks, shapes, directions, flags."""

import tracemalloc
import unicodedata

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.test_normalise import one
from weir.transforms.text.characters import CODE_POINTS, characters
from weir.transforms.text.normalise import normalise


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("🅺🅸🅻🅻 🅰️🅻🅻 ⓞⓕ ⒯⒣⒠⒨", "kill all of them"),
        ("🇰🇮🇱🇱 🇺 and 🇸​🇪​🇽", "kill u and sex"),
        ("🇺🇸 🇬🇧🇫🇷 won", "🇺🇸 🇬🇧🇫🇷 won"),
        ("\u202euoy llik\u202c, \u202elliw I", "kill you, i will"),
        ("\u202eمرحبا\u202c", "مرحبا"),
        ("\u2066he\u200fll\u200eo\u2069", "hello"),
        ("ki\u3164ll\ufe0f\U000e0101 m\u115fe", "kill me"),
        ("k⃝i⃝l⃝l⃝", "kill"),
        ("مَرْحَبًا हिन्दी がぎ", "مَرْحَبًا हिन्दी がぎ"),
        ("می\u200cخواهم", "میخواهم"),
        ("ﷺ", "صلى الله عليه وسلم"),
    ],
)
def test_what_is_shown_is_what_counts(written: str, meant: str) -> None:
    assert one(written) == meant


@pytest.mark.parametrize(
    "text",
    [
        "Die Straße heißt ÄÖÜ",
        "Вчера мы ДОЛГО гуляли",
        "قطتي تنام على لوحة المفاتيح",
        "結果を見た。 ありがとう",
        "“Ça va?” — naïve 🙂",
        "Yarın kapıda olacağım",
    ],
)
def test_beside_text_that_is_changed_plain_text_is_only_case_folded(text: str) -> None:
    column = pa.array([text, "fr\u200bее", "", text], pa.string())
    assert normalise(column).to_pylist() == [text.casefold(), "free", "", text.casefold()]


def test_every_steady_character_is_normal_beside_every_other() -> None:
    steady = np.flatnonzero(characters().steady & (characters().becomes < CODE_POINTS))
    text = "".join(map(chr, np.random.default_rng(0).permutation(steady[steady >= 32])))
    assert unicodedata.is_normalized("NFKC", text)
    assert unicodedata.is_normalized("NFKC", text.casefold())


@pytest.mark.parametrize(
    "unit", ["ﷺ", "ΐ", "⑴", "k1ll ", "<b></b>a", "\u202eab\u05d0", "word ", "é", "\U0001f642"]
)
def test_a_post_takes_memory_by_a_small_multiple_of_its_size(unit):
    texts = pa.array(["a" + unit * (200_000 // len(unit.encode()))])
    normalise(texts.slice(0, 0)), one("é")  # the tables
    tracemalloc.start()
    normalise(texts)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8_000_000


def test_a_long_post_is_folded_as_its_parts_are():
    words = ["Ѕtор ", "k1ll ", "Straße ", "&nbsp;it ", "ﷺ "]
    text = "".join(words[n % 5] for n in range(30_000))
    folded = [one(word.strip()) for word in words]
    found = one(text).split()
    assert found[:2] == folded[:2]
    assert len(found) == sum(len(word.split()) for word in folded) * 6000
    assert normalise(pa.array(["A", text, "B"])).to_pylist() == ["a", one(text), "b"]


def test_a_phrase_in_one_character_is_written_out_where_it_is_rare():
    assert one("ﷺ" * 1000) == one("ﷺ") * 1000
    assert one("ﷺ" * 1001 + " kill") == one("ﷺ") * 1000 + " kill"
