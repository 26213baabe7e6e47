"""Undo what Unicode offers to make equal text look different, for many rows at once."""

import re
import unicodedata

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from weir.transforms.text.characters import ASCII, DROP, END, Points, characters
from weir.transforms.text.homoglyphs import none_in, without_homoglyphs
from weir.transforms.text.look_alikes import REGIONS

_INDICATOR_A = 0x1F1E6
_INDICATORS = re.compile("[\U0001f1e6-\U0001f1ff]+")
# Shown right to left up to the mark that ends it, whatever the letters.
_OVERRIDDEN = re.compile("\u202e([^\u202a-\u202e\x00]*)")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_MARKS_KEPT = 4
_PHRASES_KEPT = 1000


def fold(texts: pa.StringArray) -> pa.StringArray:
    """Return the rows in NFKC, case-folded, without invisible characters and disguised letters."""
    if len(texts) == 0:
        return texts
    # One string for the whole column: no row can contain its separator, and normalisation never
    # composes or reorders across it.
    text = _joined(pc.replace_substring(texts, "\x00", " "))
    points = _points("\x00" + text)
    starts = np.flatnonzero(points == END)
    clean = np.logical_and.reduceat(characters().steady[points], starts) & none_in(points, starts)
    folded = _rows(text.casefold())
    if clean.all():
        return folded
    disguised = pa.array(~clean)
    return pc.replace_with_mask(folded, disguised, _undisguised(texts.filter(disguised)))


def _undisguised(texts: pa.StringArray) -> pa.StringArray:
    text = _as_shown(_joined(pc.replace_substring(texts, "\x00", " ")))
    table = characters()
    text = _nfkc(_text(_thin_phrases(_thin_marks(table.emblems[_points(text)]))))
    points = table.becomes[_points(text)]
    points = points[points != DROP]
    points, garbled = _without_piled_marks(points, len(texts))
    text = _text(without_homoglyphs(points, garbled))
    # Case folding takes apart and NFKC puts together; it can bring marks back, as that of "İ" does.
    points = _points(_nfkc(text.casefold()))
    return _rows(_text(points[~table.piled[points]]))


def _nfkc(text: str) -> str:
    """Return the rows in NFKC; one by one, because a row that is so already costs little."""
    return "\x00".join(unicodedata.normalize("NFKC", row) for row in text.split("\x00"))


def _joined(texts: pa.StringArray) -> str:
    """Return the rows as one string, with END between them."""
    column = pa.ListArray.from_arrays(pa.array([0, len(texts)], pa.int32()), texts)
    text: str = pc.binary_join(column, "\x00")[0].as_py()
    return text


def _rows(text: str) -> pa.StringArray:
    return pc.split_pattern(pa.array([text], pa.string()), "\x00").values


def _points(text: str) -> Points:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def _text(points: Points) -> str:
    return points.tobytes().decode("utf-32-le")


def _as_shown(text: str) -> str:
    """Turn around what is written backwards, and take letters out of flags."""
    if "\u202e" in text:
        text = _OVERRIDDEN.sub(_turned, text)
    if _INDICATORS.search(text):
        text = _INDICATORS.sub(_letters_unless_flags, text)
    return text


def _turned(match: re.Match[str]) -> str:
    # Arabic and Hebrew run this way in any case.
    return match[1] if _RIGHT_TO_LEFT.search(match[1]) else match[1][::-1]


def _letters_unless_flags(match: re.Match[str]) -> str:
    letters = "".join(chr(ord(c) - _INDICATOR_A + ord("a")) for c in match[0])
    pairs = (letters[i : i + 2] for i in range(0, len(letters), 2))
    return match[0] if all(pair in REGIONS for pair in pairs) else letters


def _thin_marks(points: Points) -> Points:
    """Keep at most four combining marks in a row.

    Unicode normalisation sorts runs of marks in quadratic time, which one post could abuse.
    """
    mark = characters().combining[points]
    crowded = mark.copy()
    for back in range(1, _MARKS_KEPT + 1):
        crowded[back:] &= mark[:-back]
        crowded[:back] = False
    return points[~crowded] if crowded.any() else points


def _thin_phrases(points: Points) -> Points:
    """Keep a row's first thousand characters that stand for a whole phrase.

    Each is written out as up to 18 letters, which would make a megabyte eleven.
    """
    phrase = characters().phrase[points]
    if not phrase.any():
        return points
    count = np.cumsum(phrase)
    before = np.maximum.accumulate(np.where(points == END, count, 0))
    return points[~(phrase & (count - before > _PHRASES_KEPT))]


def _without_piled_marks(points: Points, rows: int) -> tuple[Points, npt.NDArray[np.bool_]]:
    """Drop accents that composed with no letter; say in which rows one lay on an ASCII letter."""
    table = characters()
    piled = table.piled[points]
    garbled = np.zeros(rows, bool)
    if piled.any():
        on_ascii = piled[1:] & (table.kind[points[:-1]] == ASCII)
        garbled[np.cumsum(points == END)[1:][on_ascii]] = True
        points = points[~piled]
    return points, garbled
