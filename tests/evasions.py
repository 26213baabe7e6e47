"""Ways to write a text so that people read it and a filter does not.

Every function takes a text and a random generator, and disguises every word. The tables here are
made from the names of the characters or written by hand; none is the normaliser's.
"""

import random
import re
import unicodedata
from collections.abc import Callable, Mapping

Rewrite = Callable[[str, random.Random], str]


def _each(text: str, letters: Mapping[str, str], share: float, rng: random.Random) -> str:
    """Replace a share of the characters that have substitutes by one of these."""
    return "".join(
        rng.choice(letters[c]) if c in letters and rng.random() < share else c for c in text
    )


def _inside_words(text: str, insert: Callable[[], str]) -> str:
    return re.sub(r"(?<=[A-Za-z])(?=[A-Za-z])", lambda _: insert(), text)


def full_width(text: str, rng: random.Random) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


_STYLES = ("BOLD", "SANS-SERIF ITALIC", "MONOSPACE", "BOLD FRAKTUR", "DOUBLE-STRUCK")


def mathematical(text: str, rng: random.Random) -> str:
    style = rng.choice(_STYLES)

    def letter(character: str) -> str:
        size = "SMALL" if character.islower() else "CAPITAL"
        name = f"MATHEMATICAL {style} {size} {character.upper()}"
        try:
            return unicodedata.lookup(name)
        except KeyError:  # some double-struck capitals are elsewhere
            return character

    return "".join(letter(c) if c.isascii() and c.isalpha() else c for c in text)


def invisible(text: str, rng: random.Random) -> str:
    hidden = "\u200b\u200c\u200d\u2060\u00ad\ufeff\u180e\u034f\u2063"
    return _inside_words(text, lambda: rng.choice(hidden))


def bidirectional(text: str, rng: random.Random) -> str:
    """Reverse words under an override, and sprinkle the marks that do nothing to Latin text."""
    words = [
        f"\u202e{word[::-1]}\u202c" if rng.random() < 0.5 else "\u200f".join(word)
        for word in text.split(" ")
    ]
    return " ".join(words)


def zalgo(text: str, rng: random.Random) -> str:
    marks = "\u0300\u0301\u0308\u0316\u0323\u0330\u0334\u0336\u0338\u035c\u0360\u1ab0\u20dd"
    return "".join(
        c + "".join(rng.choices(marks, k=rng.randint(1, 4))) if c.isalpha() else c for c in text
    )


_ACCENTS = ("GRAVE", "ACUTE", "CIRCUMFLEX", "TILDE", "DIAERESIS", "CARON", "DOT ABOVE", "MACRON")


def _accented() -> dict[str, str]:
    letters: dict[str, str] = {}
    for size in ("SMALL", "CAPITAL"):
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
            found = ""
            for accent in _ACCENTS:
                try:
                    character = unicodedata.lookup(f"LATIN {size} LETTER {letter} WITH {accent}")
                except KeyError:
                    continue
                if len(character) == 1:  # not a letter and a mark that have a name together
                    found += character
            if found:
                letters[letter.lower() if size == "SMALL" else letter] = found
    return letters


_ACCENTED = _accented()


def accents(text: str, rng: random.Random) -> str:
    return _each(text, _ACCENTED, 0.7, rng)


_NAMES = {
    "a": ("CYRILLIC SMALL LETTER A", "GREEK SMALL LETTER ALPHA"),
    "c": ("CYRILLIC SMALL LETTER ES",),
    "d": ("CYRILLIC SMALL LETTER KOMI DE",),
    "e": ("CYRILLIC SMALL LETTER IE", "GREEK SMALL LETTER EPSILON"),
    "h": ("CYRILLIC SMALL LETTER SHHA",),
    "i": ("CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I", "GREEK SMALL LETTER IOTA"),
    "j": ("CYRILLIC SMALL LETTER JE",),
    "k": ("GREEK SMALL LETTER KAPPA", "CYRILLIC SMALL LETTER KA"),
    "l": ("CYRILLIC SMALL LETTER PALOCHKA",),
    "m": ("CYRILLIC SMALL LETTER EM",),
    "n": ("ARMENIAN SMALL LETTER VO", "GREEK SMALL LETTER ETA"),
    "o": ("CYRILLIC SMALL LETTER O", "GREEK SMALL LETTER OMICRON", "ARMENIAN SMALL LETTER OH"),
    "p": ("CYRILLIC SMALL LETTER ER", "GREEK SMALL LETTER RHO"),
    "q": ("CYRILLIC SMALL LETTER QA",),
    "r": ("CYRILLIC SMALL LETTER GHE",),
    "s": ("CYRILLIC SMALL LETTER DZE",),
    "t": ("CYRILLIC SMALL LETTER TE", "GREEK SMALL LETTER TAU"),
    "u": ("ARMENIAN SMALL LETTER SEH", "GREEK SMALL LETTER UPSILON"),
    "v": ("CYRILLIC SMALL LETTER IZHITSA", "GREEK SMALL LETTER NU"),
    "w": ("CYRILLIC SMALL LETTER WE", "GREEK SMALL LETTER OMEGA"),
    "x": ("CYRILLIC SMALL LETTER HA", "GREEK SMALL LETTER CHI"),
    "y": ("CYRILLIC SMALL LETTER U", "GREEK SMALL LETTER GAMMA"),
    "A": ("CYRILLIC CAPITAL LETTER A", "CHEROKEE LETTER GO"),
    "B": ("CYRILLIC CAPITAL LETTER VE",),
    "E": ("GREEK CAPITAL LETTER EPSILON", "CHEROKEE LETTER GV"),
    "H": ("CYRILLIC CAPITAL LETTER EN", "LISU LETTER XA"),
    "I": ("CYRILLIC CAPITAL LETTER BYELORUSSIAN-UKRAINIAN I",),
    "K": ("CYRILLIC CAPITAL LETTER KA", "LISU LETTER KA"),
    "M": ("GREEK CAPITAL LETTER MU",),
    "N": ("GREEK CAPITAL LETTER NU",),
    "O": ("CYRILLIC CAPITAL LETTER O",),
    "R": ("CYRILLIC CAPITAL LETTER YA", "LISU LETTER ZHA"),
    "S": ("CYRILLIC CAPITAL LETTER DZE",),
    "T": ("CYRILLIC CAPITAL LETTER TE", "CHEROKEE LETTER I"),
}
_HOMOGLYPHS = {
    letter: "".join(unicodedata.lookup(name) for name in names) for letter, names in _NAMES.items()
}


def homoglyphs(text: str, rng: random.Random) -> str:
    return _each(text, _HOMOGLYPHS, rng.choice((0.3, 0.6, 1.0)), rng)


def small_capitals(text: str, rng: random.Random) -> str:
    def letter(character: str) -> str:
        try:
            return unicodedata.lookup(f"LATIN LETTER SMALL CAPITAL {character.upper()}")
        except KeyError:  # there is none of S, Q and X
            return character

    return "".join(letter(c) if c.isascii() and c.isalpha() else c for c in text)


def emoji_letters(text: str, rng: random.Random) -> str:
    """Write words in regional indicators, black squares or black circles."""

    def word(match: re.Match[str]) -> str:
        start, between = rng.choice(((0x1F1E6, "\u200b"), (0x1F170, "\ufe0f"), (0x1F150, "")))
        return between.join(chr(start + ord(c) - ord("A")) for c in match[0].upper())

    return re.sub("[A-Za-z]+", word, text)


_LEET = {
    "a": "4@",
    "b": "8",
    "e": "3€",
    "g": "9",
    "i": "1!",
    "l": "1|",
    "o": "0",
    "s": "5$",
    "t": "7+",
}


def leetspeak(text: str, rng: random.Random) -> str:
    return _each(text.lower(), _LEET, 0.5, rng)


def spaced_out(text: str, rng: random.Random) -> str:
    return " ".join(text)


def punctuated(text: str, rng: random.Random) -> str:
    """Put one kind of punctuation between the letters of a word."""

    def word(match: re.Match[str]) -> str:
        return rng.choice(".-_*/|~").join(match[0])

    return re.sub("[A-Za-z]{2,}", word, text)


def repeated_letters(text: str, rng: random.Random) -> str:
    """Draw out one letter of every word, most often a vowel."""

    def word(match: re.Match[str]) -> str:
        letters = match[0]
        vowels = [n for n, c in enumerate(letters) if c.lower() in "aeiou"]
        drawn = rng.choice(vowels or range(len(letters)))
        return letters[:drawn] + letters[drawn] * rng.randint(3, 6) + letters[drawn + 1 :]

    return re.sub("[A-Za-z]{3,}", word, text)


def _second_halves(text: str, mark: Callable[[str], str]) -> str:
    """Mark the second half of every word."""

    def word(match: re.Match[str]) -> str:
        middle = len(match[0]) // 2
        return match[0][:middle] + mark(match[0][middle:])

    return re.sub("[A-Za-z]{2,}", word, text)


def _first_letters(text: str, form: str) -> str:
    """Write the first letter of every word as its number."""
    return re.sub(r"\b[A-Za-z]", lambda match: form.format(ord(match[0])), text)


def spaces_as_entities(text: str, rng: random.Random) -> str:
    return text.replace(" ", "&nbsp;")


def invisible_entities(text: str, rng: random.Random) -> str:
    return _second_halves(text, "&#8203;{}".format)


def empty_tags(text: str, rng: random.Random) -> str:
    return _second_halves(text, "<b></b>{}".format)


def empty_bbcode(text: str, rng: random.Random) -> str:
    return _second_halves(text, "[b][/b]{}".format)


def spoilers(text: str, rng: random.Random) -> str:
    return _second_halves(text, "||{}||".format)


def numeric_entities(text: str, rng: random.Random) -> str:
    return _first_letters(text, "&#{};")


def percent_encoded(text: str, rng: random.Random) -> str:
    return _first_letters(text, "%{:02x}")


UNICODE: Mapping[str, Rewrite] = {
    "full-width": full_width,
    "mathematical": mathematical,
    "invisible": invisible,
    "bidirectional": bidirectional,
    "zalgo": zalgo,
    "accents": accents,
    "homoglyphs": homoglyphs,
    "small capitals": small_capitals,
    "emoji letters": emoji_letters,
}
SPELLING: Mapping[str, Rewrite] = {
    "leetspeak": leetspeak,
    "spaced out": spaced_out,
    "punctuated": punctuated,
    "repeated letters": repeated_letters,
}
MARKUP: Mapping[str, Rewrite] = {
    "spaces as entities": spaces_as_entities,
    "invisible entities": invisible_entities,
    "empty tags": empty_tags,
    "empty BBCode": empty_bbcode,
    "spoilers": spoilers,
    "numeric entities": numeric_entities,
    "percent-encoded": percent_encoded,
}
EVASIONS: Mapping[str, Rewrite] = {**UNICODE, **SPELLING, **MARKUP}
