"""Undo what makes equal text look different, for a whole column at once.

Every row becomes lower-case NFKC without invisible characters, with common look-alike letters as
the Latin letter they imitate and with single spaces. A row's result never depends on its
neighbours. Spaced-out and leet spellings are left as they are.
"""

import unicodedata
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

END = 0  # the byte after every row of folded text, and before the first
SPACE = 32

Bytes = npt.NDArray[np.uint8]

# The letters that look like these, in Cyrillic, Greek, Armenian, Cherokee and small capitals.
_LOOK_ALIKES = {
    "a": "аαɑᴀ",
    "b": "ьʙᏏ",
    "c": "сϲᴄ",
    "d": "ԁᴅɗ",
    "e": "еεɛᴇ",
    "g": "ɡɢց",
    "h": "һհʜ",
    "i": "іιıɪӏ",
    "j": "јʝᴊ",
    "k": "кκᴋ",
    "l": "ʟӏⅼ",
    "m": "мᴍ",
    "n": "ոռɴ",
    "o": "оοօᴏσ",
    "p": "рρᴘ",
    "q": "ԛզ",
    "r": "гʀᴦ",
    "s": "ѕꜱ",
    "t": "тτᴛ",
    "u": "υսᴜʋ",
    "v": "ѵνᴠ",
    "w": "ԝѡᴡω",
    "x": "хχ",
    "y": "уγүʏ",
    "z": "ᴢʐ",
}
# Accents piled on by "zalgo" text. Vowel signs of other scripts carry meaning and stay.
_PILED = ((0x300, 0x370), (0x1AB0, 0x1B00), (0x1DC0, 0x1E00), (0x20D0, 0x2100), (0xFE20, 0xFE30))
_LAST = 0x110000
_DROP = _LAST  # table entry of a character to leave out


@lru_cache(maxsize=1)
def _tables() -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.bool_]]:
    """Return what each code point becomes, and which ones are combining marks."""
    becomes = np.arange(_LAST, dtype=np.uint32)
    marks = np.zeros(_LAST, bool)
    for code in range(_LAST):
        character = chr(code)
        category = unicodedata.category(character)
        if category in ("Cf", "Cs", "Co") or 0xFE00 <= code < 0xFE10 or code == 0x34F:
            becomes[code] = _DROP
        elif category in ("Cc", "Zs", "Zl", "Zp"):
            becomes[code] = SPACE
        elif unicodedata.combining(character):
            marks[code] = True
    for start, stop in _PILED:
        becomes[start:stop] = _DROP
    for latin, imitations in _LOOK_ALIKES.items():
        for imitation in imitations:
            becomes[ord(imitation)] = ord(latin)
    becomes[END] = END
    return becomes, marks


def _code_points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def _thin_marks(text: str) -> str:
    """Keep at most four combining marks in a row.

    Unicode normalisation sorts runs of marks in quadratic time, which one post could abuse.
    """
    _, marks = _tables()
    points = _code_points(text)
    mark = marks[points]
    crowded = mark.copy()
    for back in range(1, 5):
        crowded[back:] &= mark[:-back]
        crowded[:back] = False
    if not crowded.any():
        return text
    return points[~crowded].tobytes().decode("utf-32-le")


def _fold_unicode(texts: pa.StringArray) -> pa.StringArray:
    """Return the rows in NFKC, case-folded, without invisible and look-alike characters."""
    # One string for the whole column: no row can contain its separator, and normalisation never
    # composes or reorders across it.
    rows = pc.replace_substring(texts, "\x00", " ").to_pylist()
    text = _thin_marks("\x00".join(row or "" for row in rows))
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    becomes, _ = _tables()
    points = becomes[_code_points(text)]
    folded = points[points != _DROP].tobytes().decode("utf-32-le")
    return pa.array(folded.split("\x00"), pa.string())


_ASCII = np.arange(256, dtype=np.uint8)
_ASCII[:33] = SPACE
_ASCII[127] = SPACE
_ASCII[ord("A") : ord("Z") + 1] += 32


def row_offsets(texts: pa.StringArray) -> npt.NDArray[np.int32]:
    """Return where each row begins in the column's buffer, and where the last one stops."""
    offsets = texts.buffers()[1]
    if offsets is None:
        return np.zeros(1, np.int32)
    return np.frombuffer(memoryview(offsets), np.int32)[texts.offset :][: len(texts) + 1]


def _bytes(texts: pa.StringArray) -> Bytes:
    offsets, data = row_offsets(texts), texts.buffers()[2]
    if data is None:
        return np.empty(0, np.uint8)
    return np.frombuffer(memoryview(data), np.uint8)[offsets[0] : offsets[-1]]


def folded(texts: pa.StringArray) -> Bytes:
    """Return the normalised rows as UTF-8 in one array: END, row, END, row, ... END.

    ``texts`` has no nulls; null is an error of the caller.
    """
    if len(texts) == 0:
        return np.zeros(1, np.uint8)
    data = _bytes(texts)
    if data.size and data.max() > 127:
        foreign = pc.invert(pc.string_is_ascii(texts))
        texts = pc.replace_with_mask(texts, foreign, _fold_unicode(texts.filter(foreign)))
    column: Any = texts
    terminated = pc.binary_join_element_wise(column, "", "\x00")
    offsets = row_offsets(terminated)
    text = np.zeros(offsets[-1] - offsets[0] + 1, np.uint8)
    text[1:] = _ASCII[_bytes(terminated)]
    text[offsets - offsets[0]] = END  # terminator of the row before, and the END before the first
    # First spaces after a space or a row's end, then the space left at the end of a row.
    gap = text <= SPACE
    drop = gap[1:] & gap[:-1] & (text[1:] == SPACE)
    if drop.any():
        text = text[np.concatenate(([True], ~drop))]
    drop = (text[:-1] == SPACE) & (text[1:] == END)
    if drop.any():
        text = text[np.concatenate((~drop, [True]))]
    return text


def normalise(texts: pa.StringArray) -> pa.StringArray:
    """Return the column normalised, row for row."""
    text = folded(texts)
    ends = np.flatnonzero(text == END)
    offsets = (ends - np.arange(len(ends))).astype(np.int32)
    return pa.StringArray.from_buffers(
        len(texts), pa.py_buffer(offsets.tobytes()), pa.py_buffer(text[text != END].tobytes())
    )
