"""What Unicode offers beside letters: marks, shapes, directions, flags."""

import pytest

from tests.unit.test_normalise import one


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
