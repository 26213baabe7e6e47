"""Undo spellings that only a person reads as words: v i a g r a, k-i-l-l, h4t3, fuuuck.

Which rows have any is found for a whole column at once; only those are taken up one by one. The
rules are for ASCII letters: digits and doubled signs of other scripts mean what they say.
"""

import re
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

_ALONE = r"(?<![^\W_])[a-z]({between})[a-z0-9](?![^\W_])(?:\1[a-z0-9](?![^\W_])){repeated}"
_BETWEEN = r"[^\w\s]{1,2}|_"
_SPELLED_OUT = re.compile(_ALONE.format(between=f"{_BETWEEN}| ", repeated="+"))
_PAIR_OUT = re.compile(_ALONE.format(between=_BETWEEN, repeated="*"))
_PAIR_OR_SPACED_OUT = re.compile(_ALONE.format(between=f"{_BETWEEN}| ", repeated="*"))
_DRAWN_OUT = re.compile(r"([a-z])\1\1+")

_IS_SIGN = np.zeros(256, bool)
_IS_SIGN[[ord(sign) for sign in _STANDS_FOR if sign.isascii()]] = True
_IS_SIGN[np.frombuffer("€£".encode(), np.uint8)] = True


def respelled(text: Bytes) -> Bytes:
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
    """Return where something may have to be respelled, and how much of ``respell`` it takes.

    The later repairs hold the earlier ones. Nothing is odd for a reason outside its row.
    """
    letter = (text - np.uint8(ord("a"))) < 26
    equal = text[1:] == text[:-1]
    drawn = np.flatnonzero(equal[1:] & equal[:-1] & letter[2:])
    # Signs between letters: from the few letters that neither letter nor space follows.
    sign = np.flatnonzero((letter[:-1] > letter[1:]) & (text[1:] > SPACE)) + 1
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
    out = single[:-2][(step[1:] == step[:-1]) & (step[1:] <= 4)]
    out = out[np.searchsorted(ends, out) == np.searchsorted(ends, out + 2)]
    return [(drawn, _shortened), (sign[inside], _read), (out, respell)]


def respell(row: str) -> str:
    """Return lower-case text with its spelled-out, leet and drawn-out words as words."""
    return _read(_joined(row))


def _read(row: str) -> str:
    return _shortened(_unleet(row))


def _shortened(row: str) -> str:
    """Write letters of more than two once, unless one is all of its word: www, xxx."""
    return _DRAWN_OUT.sub(_once, row)


def _joined(row: str) -> str:
    """Join what is spelled out; two letters only where most of the row is."""
    runs = [match[0] for match in _SPELLED_OUT.finditer(row)]
    if not runs:
        return row
    pattern = _SPELLED_OUT
    if sum(map(_letters, runs)) * 2 >= _letters(row):
        spaced = sum(len(run) for run in runs if run[1] == " ") * 2
        pattern = _PAIR_OR_SPACED_OUT if spaced >= sum(map(len, runs)) else _PAIR_OUT
    return pattern.sub(lambda match: match[0].replace(match[1], ""), row)


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
