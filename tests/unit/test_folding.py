"""What Unicode offers beside letters: marks, shapes, directions, flags."""

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
