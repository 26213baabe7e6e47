"""Undo spellings that only a person reads as words: v i a g r a, k-i-l-l, h4t3, fuuuck.

Which rows have any is found for a whole column at once; only those are taken up one by one. The
rules are for ASCII letters: digits and doubled signs of other scripts mean what they say.
"""

import re
from collections import Counter
from collections.abc import Callable
from itertools import islice

import numpy as np
import numpy.typing as npt

from weir.transforms.text.characters import END, SPACE

Bytes = npt.NDArray[np.uint8]
Repair = Callable[[str], str]
_Positions = npt.NDArray[np.intp]

_STANDS_FOR = {
    "0": "o",
    "1": "i",
    "3": "e",
    "4": "a",
    "5": "s",
    "6": "g",
    "7": "t",
    "8": "b",
    "9": "g",
    "@": "a",
    "$": "s",
    "!": "i",
    "|": "l",
    "+": "t",
    "€": "e",
    "£": "l",
}
_SPELL = str.maketrans(_STANDS_FOR)
_SIGNS = re.escape("".join(_STANDS_FOR))
# Longer runs of signs are numbers, and longer tokens are no words.
_MOST_SIGNS = 3
_LONGEST_TOKEN = 24

_URL = re.compile(r"(?:https?://|www\.)\S+")
_SIGNED = re.compile(f"(?<![a-z{_SIGNS}])[a-z]*[{_SIGNS}][a-z{_SIGNS}]*")
_LETTER = re.compile("[a-z]")
_LETTERS = re.compile("[a-z]+")
_SIGN_INSIDE = re.compile(f"[a-z][{_SIGNS}]{{1,{_MOST_SIGNS}}}[a-z]")
# A one is an l after a vowel, another one or an l, and before the vowel that a word begins with.
_L = re.compile("(?<=[aeioul1!|034@€])1|^1(?=[aeou034@€])")

# Letters alone, with the same between them each time. What is more than a sign or two has to stand
# between four of them: lists have three.
_FARTHEST = 12


def _alone(between: str, group: int, more: str) -> str:
    letter = r"[a-z0-9](?![^\W_])"
    return rf"(?<![^\W_])[a-z]({between}){letter}(?:\{group}{letter}){more}"


_APART = rf"(?:[^\w\s]|[ _]){{1,{_FARTHEST}}}+"
_SPELLED_OUT = re.compile(_alone(r"[^\w\s]{1,2}|[ _]", 1, "+") + "|" + _alone(_APART, 2, "{2,}"))
_LETTER_ALONE = re.compile(r"(?<![^\W_])[a-z](?![^\W_])")
_BETWEEN_LETTERS = re.compile(
    r"(?<=[a-z0-9])(?<![^\W_]{2})((?:[^\w\s]|[ _])++)(?=[a-z0-9](?![^\W_]))"
)
# What breaks a word, k-ill, th\\em, and stands for no letter as most leet does.
_BROKEN = re.compile(r"(?<=[a-z])(?:[^\w\s@$!€£]{1,2}|_)(?=[a-z])")
_FEWEST_BROKEN = 3
_BYTES_A_SIGN = 24  # at most, where more than half of the words are broken
_DRAWN_OUT = re.compile(r"([a-z])\1\1+")

_IS_SIGN = np.zeros(256, bool)
_IS_SIGN[[ord(sign) for sign in _STANDS_FOR if sign.isascii()]] = True
_IS_SIGN[np.frombuffer("€£".encode(), np.uint8)] = True


def respell_rows(text: Bytes) -> Bytes:
    """Return rows of lower-case text, each between two ENDs, with plain spellings."""
    ends = np.flatnonzero(text == END)
    repairs: dict[int, Repair] = {}
    for positions, repair in _odd(text, ends):
        repairs |= dict.fromkeys((np.searchsorted(ends, positions) - 1).tolist(), repair)
    if not repairs:
        return text
    pieces, done = [], 0
    for row in sorted(repairs):
        start, stop = ends[row] + 1, ends[row + 1]
        plain = repairs[row](text[start:stop].tobytes().decode())
        pieces += [text[done:start], np.frombuffer(plain.encode(), np.uint8)]
        done = stop
    return np.concatenate([*pieces, text[done:]])


def _odd(text: Bytes, ends: _Positions) -> list[tuple[_Positions, Repair]]:
    """Return where something may have to be respelled, and how much of ``respell_rows`` it takes.

    The later repairs hold the earlier ones. Nothing is odd for a reason outside its row.
    """
    letter = (text - np.uint8(ord("a"))) < 26
    equal = text[1:] == text[:-1]
    drawn = np.flatnonzero(equal[1:] & equal[:-1] & letter[2:])
    # Signs between letters: from the few letters that neither letter nor space follows.
    sign = np.flatnonzero((letter[:-1] > letter[1:]) & (text[1:] > SPACE)) + 1
    broken = _crowded(sign[text[sign + 1] > SPACE], ends)
    sign = sign[_IS_SIGN[text[sign]]]
    last = len(text) - 1
    inside = np.zeros(len(sign), bool)
    signs_only = np.ones(len(sign), bool)
    for distance in range(1, 3 * _MOST_SIGNS + 1):  # a sign has up to three bytes
        after = np.minimum(sign + distance, last)
        inside |= signs_only & letter[after]
        signs_only &= _IS_SIGN[text[after]]
    # Three single letters, equally far apart: by at most a sign of three bytes.
    letter |= (text - np.uint8(ord("0"))) < 10
    single = np.flatnonzero(letter[1:-1] & ~(letter[2:] | letter[:-2])) + 1
    step = np.diff(single)
    apart = (step[1:] == step[:-1]) & (step[1:] <= 4)
    apart[1:] |= (step[2:] == step[1:-1]) & (step[1:-1] == step[:-2]) & (step[2:] <= _FARTHEST + 1)
    out = single[:-2][apart]
    out = out[np.searchsorted(ends, out) == np.searchsorted(ends, out + 2)]
    return [(drawn, _shortened), (sign[inside], _read), (broken, _unbroken), (out, respell)]


def _crowded(signs: _Positions, ends: _Positions) -> _Positions:
    """Return where rows end that have a sign to every few bytes."""
    counts = np.diff(np.searchsorted(signs, ends))
    crowded = (counts >= _FEWEST_BROKEN) & (counts * _BYTES_A_SIGN >= np.diff(ends))
    return ends[1:][crowded]


def respell(row: str) -> str:
    """Return lower-case text with its spelled-out, leet and drawn-out words as words."""
    return _unbroken(_joined(row))


def _unbroken(row: str) -> str:
    """Add what words are without the signs that break them, where they break most words."""
    words = [word for word in _URL.sub("", row).split() if len(word) > 2]
    broken = [word for word in words if _BROKEN.search(word)]
    if len(broken) < _FEWEST_BROKEN or len(broken) * 2 <= len(words):
        return _read(row)
    return " ".join([_read(row), *(_BROKEN.sub("", word) for word in broken)])


def _read(row: str) -> str:
    return _shortened(_unleet(row))


def _shortened(row: str) -> str:
    """Write letters of more than two once, unless one is all of its word: www, xxx."""
    return _DRAWN_OUT.sub(_once, row)


def _joined(row: str) -> str:
    """Join what is spelled out; where most of the row is, all that stands alone in it."""
    between = Counter(match[1] or match[2] for match in _SPELLED_OUT.finditer(row))
    if not between or len(_LETTER_ALONE.findall(row)) * 2 < _letters(row):
        return _SPELLED_OUT.sub(lambda match: match[0].replace(match[1] or match[2], ""), row)
    usual = max(between, key=between.__getitem__)

    def gap(match: re.Match[str]) -> str:
        left = "" if match[1] == usual else match[1].translate(dict.fromkeys(map(ord, usual)))
        if " " not in match[1]:
            return "'" if "'" in left else ""
        return left if " " in left or match[1] == usual else f"{left} "

    return _BETWEEN_LETTERS.sub(gap, row)


def _letters(text: str) -> int:
    return sum(map(len, _LETTERS.findall(text)))


def _unleet(row: str) -> str:
    """Read signs as letters in words that have them between letters; given two, in every word."""
    if not _SIGN_INSIDE.search(row):
        return row
    outside_links = _URL.sub(lambda match: " " * len(match[0]), row)
    inside = (m for m in _SIGNED.finditer(outside_links) if _has_sign_inside(m[0]))
    everywhere = len(list(islice(inside, 2))) == 2
    pieces, done = [], 0
    for match in _SIGNED.finditer(outside_links):
        word = match[0].rstrip("!+")
        if everywhere:
            leet = len(word) <= _LONGEST_TOKEN and bool(_LETTER.search(word))
        else:
            leet = _has_sign_inside(word) and word[0] != "@"  # which begins an account's name
        if leet:
            pieces += [row[done : match.start()], _L.sub("l", word).translate(_SPELL)]
            done = match.start() + len(word)
    return "".join([*pieces, row[done:]])


def _has_sign_inside(word: str) -> bool:
    return len(word) <= _LONGEST_TOKEN and bool(_SIGN_INSIDE.search(word))


def _once(match: re.Match[str]) -> str:
    around = match.string[max(match.start() - 1, 0) : match.end() + 1]
    return match[1] if len(_LETTER.findall(around)) > len(match[0]) else match[0]
