"""What the normaliser undoes: every disguise. What it leaves alone: other languages."""

import random
import unicodedata

import pyarrow as pa
import pytest

from tests.evasions import EVASIONS, UNICODE
from tests.languages import SENTENCES
from weir.transforms.text.normalise import normalise

PLAIN = [
    "I will find you and kill all of them.",
    "Buy cheap pills now, no questions asked!",
    "People like you should leave this country",
    "Don't walk home alone tonight, Kevin",
]
# What reads like another letter, or like none, costs some words: a one is an i or an l.
SHARE_RESTORED = {
    "accents": 0.95,
    "homoglyphs": 0.95,
    "leetspeak": 0.85,
    "spaced out": 0.8,  # punctuation is left a word of its own
}


def normal(texts: list[str]) -> list[str]:
    return normalise(pa.array(texts, pa.string())).to_pylist()


def words_kept(text: str, other: str) -> float:
    words = set(text.split())
    return len(words & set(other.split())) / len(words)


@pytest.mark.parametrize("name", EVASIONS)
def test_a_disguised_text_reads_like_the_plain_one(name: str) -> None:
    rng = random.Random(5)
    plain = normal(PLAIN * 25)
    undone = normal([EVASIONS[name](text, rng) for text in PLAIN * 25])
    kept = [words_kept(text, other) for text, other in zip(plain, undone, strict=True)]
    assert sum(kept) / len(kept) >= SHARE_RESTORED.get(name, 0.99)


@pytest.mark.parametrize("name", [*UNICODE, "leetspeak", "punctuated"])
def test_a_disguise_does_hide_a_text_from_who_only_folds_case(name: str) -> None:
    hidden = EVASIONS[name](PLAIN[0], random.Random(5))
    assert words_kept(PLAIN[0].casefold(), hidden.casefold()) < 0.7


@pytest.mark.parametrize("language", SENTENCES)
def test_a_language_is_left_as_it_is(language: str) -> None:
    texts = SENTENCES[language]
    expected = [
        " ".join(unicodedata.normalize("NFKC", text).replace("İ", "i").casefold().split())
        for text in texts
    ]
    assert normal(texts) == expected
