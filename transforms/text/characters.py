"""What every Unicode character is to the normaliser: tables by code point, made once a process."""

import re
import string
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from weir.transforms.text import confusables, look_alikes

END = 0  # separates rows, and is kept
SPACE = 32
CODE_POINTS = 0x110000
DROP = CODE_POINTS  # stands for no character

# The kinds of characters, as bits. Words are the runs of those that are not OTHER.
OTHER, ASCII, LATIN, ALIKE, RESEMBLING, FOREIGN, MARK = (0, 1, 2, 4, 8, 16, 32)
# Beside the last three but MARK: which script, as far as words do not mix these.
GREEK, CYRILLIC, ELSEWHERE = 64, 128, 256

Points = npt.NDArray[np.uint32]

# Accents piled on by "zalgo" text. Vowel signs of other scripts carry meaning and stay.
_PILED = ((0x300, 0x370), (0x1AB0, 0x1B00), (0x1DC0, 0x1E00), (0x20D0, 0x2100), (0xFE20, 0xFE30))
# Letters and marks by their category, and yet nothing to see: fillers, joiners, selectors.
_INVISIBLE = (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2065)
_SELECTORS = ((0xFE00, 0xFE10), (0xFFF0, 0xFFF9), (0xE0000, 0xE1000))
_BLANK = 0x2800  # the empty pattern of Braille
# A-Z in brackets, black shapes and outlines, which NFKC writes with brackets, leaves as they are,
# or knows since Python 3.14 only; and digits in outlines.
_EMBLEMS = (
    *((start, string.ascii_uppercase) for start in (0x1F110, 0x1F150, 0x1F170, 0x1CCD6)),
    (0x249C, string.ascii_lowercase),
    (0x1CCF0, string.digits),
)
INDICATORS = (0x1F1E6, 0x1F200)  # of regions: pairs of them are flags
# Vowels and finals that NFKC may join to what precedes them, though nothing decomposes into them.
_CONJOINING = ((0x1161, 0x1176), (0x11A8, 0x11C3))
_COMPATIBLE_HAN = (0x2F800, 0x2FA20)  # which NFKC writes as others
# Letters, every one, of scripts that look like no Latin letter; and characters of private use.
_HAN_AND_HANGUL = ((0x3400, 0x4DC0), (0x4E00, 0xA48D), (0xAC00, 0xD7A4), (0x20000, 0x323B0))
_PRIVATE = ((0xD800, 0xF900), (0xF0000, CODE_POINTS))
_GREEK = ((0x370, 0x3E2), (0x3F0, 0x400), (0x1F00, 0x2000))
_CYRILLIC = ((0x400, 0x530), (0x1C80, 0x1C90), (0xA640, 0xA6A0))
_BEYOND_RUSSIAN = ((0x400, 0x401), (0x402, 0x410), (0x450, 0x451), (0x452, 0x530))
_NAMED = re.compile(
    r"LATIN (?:SMALL LETTER|LETTER SMALL CAPITAL|CAPITAL LETTER) ([A-Z])(?: WITH .*)?"
)


@dataclass(frozen=True, eq=False)
class Characters:
    """The tables; all but ``alphabets`` are as long as Unicode.

    ``alphabets`` ends where the accented Latin letters do; a bit stands for an alphabet that has
    the character, and whatever is no letter of Latin or Cyrillic is in all of them. Latin letters
    past its end are in none.
    """

    emblems: Points  # what a character becomes before NFKC
    becomes: Points  # and after it: itself, SPACE or DROP
    combining: npt.NDArray[np.bool_]  # marks that NFKC sorts
    piled: npt.NDArray[np.bool_]  # marks that are dropped where they do not compose
    phrase: npt.NDArray[np.bool_]  # characters that NFKC writes as more than three
    kind: npt.NDArray[np.uint16]
    latin: Points  # the lower-case ASCII letter that it looks like, or itself
    alphabets: npt.NDArray[np.uint64]
    steady: npt.NDArray[np.bool_]  # whatever its neighbours, only case folding changes it


@lru_cache(maxsize=1)
def characters() -> Characters:
    """Return the tables."""
    emblems = np.arange(CODE_POINTS, dtype=np.uint32)
    for start, shown in _EMBLEMS:
        emblems[start : start + len(shown)] = [ord(character) for character in shown]
    becomes = np.arange(CODE_POINTS, dtype=np.uint32)
    kind = np.zeros(CODE_POINTS, np.uint16)
    combining = np.zeros(CODE_POINTS, bool)
    _set(kind, _HAN_AND_HANGUL, FOREIGN)
    _set(becomes, _PRIVATE, DROP)
    for code in _small_scripts():
        match unicodedata.category(chr(code)):
            case "Lu" | "Ll" | "Lt" | "Lo":
                kind[code] = FOREIGN
            case "Mn" | "Mc" | "Me":
                kind[code] = MARK
                combining[code] = unicodedata.combining(chr(code)) > 0
            case "Cf":
                becomes[code] = DROP
            case "Cc" | "Zs" | "Zl" | "Zp":
                becomes[code] = SPACE
    _set(becomes, _SELECTORS, DROP)
    becomes[list(_INVISIBLE)] = DROP
    becomes[_BLANK] = SPACE
    becomes[END] = END
    latin = _latin(kind)
    phrase = np.zeros(CODE_POINTS, bool)
    phrase[[code for code in _small_scripts().tolist() if _is_phrase(chr(code))]] = True
    piled = np.zeros(CODE_POINTS, bool)
    _set(piled, _PILED, True)
    alphabets = _alphabets(kind)
    kind |= _scripts(kind)
    points = np.arange(CODE_POINTS, dtype=np.uint32)
    changed = combining | piled | (emblems != points) | (becomes != points)
    _set(changed, (INDICATORS, _COMPATIBLE_HAN), True)
    steady = _steady(changed)
    steady[:128] = True  # no more than bytes
    return Characters(emblems, becomes, combining, piled, phrase, kind, latin, alphabets, steady)


def _is_phrase(character: str) -> bool:
    return len(unicodedata.normalize("NFKC", character)) > 3


def _steady(changed: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return which characters are NFKC beside any others, as they are and case-folded.

    ``changed`` are those that something else than case folding and NFKC can change.
    """
    inert = ~changed
    _set(inert, _CONJOINING, False)
    codes = _small_scripts()[~changed[_small_scripts()]].tolist()
    for code in codes:
        if parts := unicodedata.decomposition(chr(code)).split():
            inert[code] &= unicodedata.is_normalized("NFKC", chr(code))
            inert[int(parts[-1], 16)] &= len(parts) == 1 or parts[0].startswith("<")
    steady = inert.copy()
    for code in codes:
        folded = chr(code).casefold()
        steady[code] &= all(inert[ord(character)] for character in folded)
    return steady


def _set(
    table: npt.NDArray[np.generic], ranges: Iterable[tuple[int, int]], value: int | bool
) -> None:
    for start, stop in ranges:
        table[start:stop] = value


def _small_scripts() -> npt.NDArray[np.intp]:
    rest = np.ones(CODE_POINTS, bool)
    _set(rest, (*_HAN_AND_HANGUL, *_PRIVATE, (0x323B0, 0xE0000)), False)
    return np.flatnonzero(rest)


def _latin(kind: npt.NDArray[np.uint16]) -> Points:
    """Return the letters that letters look like, and refine their kinds."""
    latin = np.arange(CODE_POINTS, dtype=np.uint32)
    for upper in range(ord("A"), ord("Z") + 1):
        latin[upper] = lower = upper + 32
        kind[[upper, lower]] = ASCII
    for code in np.flatnonzero(kind[:0x20000] == FOREIGN).tolist():
        if unicodedata.name(chr(code), "").startswith("LATIN"):
            kind[code], latin[code] = LATIN, _base(chr(code))

    def add(table: Mapping[str, str], meaning: int) -> None:
        for base, imitations in table.items():
            points = [ord(imitation) for imitation in imitations]
            kind[points], latin[points] = meaning, ord(base)

    add(confusables.LATIN, LATIN)
    add(confusables.RESEMBLING, RESEMBLING)
    add(confusables.CONFUSABLE, ALIKE)
    add(look_alikes.LATIN, LATIN)
    add(look_alikes.FANCIFUL, RESEMBLING)
    for code in np.flatnonzero(kind[:0x2000] == FOREIGN).tolist():
        base = ord(unicodedata.normalize("NFD", chr(code))[0])
        if base != code and kind[base] in (ALIKE, RESEMBLING):
            kind[code], latin[code] = RESEMBLING, latin[base]
    return latin


def _base(character: str) -> int:
    base = unicodedata.normalize("NFD", character)[0]
    if base.isascii():
        return ord(base.lower())
    named = _NAMED.fullmatch(unicodedata.name(character))
    return ord(named[1].lower()) if named else ord(character)


def _alphabets(kind: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint64]:
    alphabets = np.full(0x1F00, ~np.uint64(0))
    alphabets[kind[:0x1F00] == LATIN] = 0
    _set(alphabets, _BEYOND_RUSSIAN, 0)
    for number, added in enumerate(look_alikes.ALPHABETS + look_alikes.CYRILLIC_ALPHABETS):
        bit = np.uint64(1 << number)
        points = [ord(character) for character in added + added.upper()]
        alphabets[points] |= bit
        without = look_alikes.LEFT_OUT.get(added, "")
        alphabets[[ord(character) for character in without + without.upper()]] &= ~bit
    return alphabets


def _scripts(kind: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    scripts = np.full(CODE_POINTS, ELSEWHERE, np.uint16)
    _set(scripts, _GREEK, GREEK)
    _set(scripts, _CYRILLIC, CYRILLIC)
    scripts[(kind & (ALIKE | RESEMBLING | FOREIGN)) == 0] = 0
    return scripts
