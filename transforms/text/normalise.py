"""Undo what makes equal text look different, for a whole column at once.

Every row becomes lower-case NFKC without invisible characters, with disguised letters and spellings
undone (see ``homoglyphs`` and ``spelling``) and with single spaces. A row's result never depends on
its neighbours.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from weir.transforms.text.characters import END, SPACE
from weir.transforms.text.folding import fold
from weir.transforms.text.markup import marked_up, visible_text
from weir.transforms.text.spelling import Bytes, respell_rows

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


# Characters of a row that are folded at once: what that takes in memory is forty times as much.
_BLOCK = 1 << 16
_TO_SPACE = 256  # a block ends at a space, where there is one among its last characters


def _bytes(texts: pa.StringArray) -> Bytes:
    offsets, data = row_offsets(texts), texts.buffers()[2]
    if data is None:
        return np.empty(0, np.uint8)
    return np.frombuffer(memoryview(data), np.uint8)[offsets[0] : offsets[-1]]


def fold_to_bytes(texts: pa.StringArray) -> Bytes:
    """Return the normalised rows as UTF-8 in one array: END, row, END, row, ... END.

    ``texts`` has no nulls; null is an error of the caller.
    """
    if len(texts) == 0:
        return np.zeros(1, np.uint8)
    if (long := np.flatnonzero(np.diff(row_offsets(texts)) > _BLOCK)).size:
        return _folded_by_blocks(texts, long)
    texts = _without_markup(texts)
    data = _bytes(texts)
    if data.size and data.max() > 127:
        foreign = pc.invert(pc.string_is_ascii(texts))
        texts = pc.replace_with_mask(texts, foreign, fold(texts.filter(foreign)))
    column: Any = texts
    terminated = pc.binary_join_element_wise(column, "", "\x00")
    offsets = row_offsets(terminated)
    text = np.zeros(offsets[-1] - offsets[0] + 1, np.uint8)
    text[1:] = _ASCII[_bytes(terminated)]
    text[offsets - offsets[0]] = END  # terminator of the row before, and the END before the first
    text = respell_rows(text)
    # First spaces after a space or a row's end, then the space left at the end of a row.
    gap = text <= SPACE
    drop = gap[1:] & gap[:-1] & (text[1:] == SPACE)
    if drop.any():
        text = text[np.concatenate(([True], ~drop))]
    drop = (text[:-1] == SPACE) & (text[1:] == END)
    if drop.any():
        text = text[np.concatenate((~drop, [True]))]
    return text


def _folded_by_blocks(texts: pa.StringArray, long: npt.NDArray[np.intp]) -> Bytes:
    """Return the same as ``folded``, of the ``long`` rows a block after the other."""
    end, space = np.array([END], np.uint8), np.array([SPACE], np.uint8)
    parts, done = [end], 0
    for row in long.tolist():
        parts.append(fold_to_bytes(texts.slice(done, row - done))[1:])
        for block in _blocks(texts[row].as_py()):
            if len(words := fold_to_bytes(pa.array([block], pa.string()))[1:-1]):
                parts += [words, space]
        if parts[-1] is space:
            parts.pop()
        parts.append(end)
        done = row + 1
    return np.concatenate([*parts, fold_to_bytes(texts.slice(done))[1:]])


def _blocks(text: str) -> Iterator[str]:
    """Yield a text in stretches of at most _BLOCK bytes."""
    start, most = 0, _BLOCK // (1 if text.isascii() else 4)
    while len(text) - start > most:
        space = text.rfind(" ", start + most - _TO_SPACE, start + most)
        stop = start + most if space < 0 else space
        yield text[start:stop]
        start = stop
    yield text[start:]


def _without_markup(texts: pa.StringArray) -> pa.StringArray:
    places = marked_up(_bytes(texts))
    if not len(places):
        return texts
    offsets = row_offsets(texts)
    rows = np.unique(np.searchsorted(offsets - offsets[0], places, side="right") - 1)
    marked = np.zeros(len(texts), bool)
    marked[rows] = True
    mask = pa.array(marked)
    found = [visible_text(text) for text in texts.filter(mask).to_pylist()]
    return pc.replace_with_mask(texts, mask, pa.array(found, pa.string()))


def normalise(texts: pa.StringArray) -> pa.StringArray:
    """Return the column normalised, row for row."""
    text = fold_to_bytes(texts)
    ends = np.flatnonzero(text == END)
    offsets = (ends - np.arange(len(ends))).astype(np.int32)
    return pa.StringArray.from_buffers(
        len(texts), pa.py_buffer(offsets.tobytes()), pa.py_buffer(text[text != END].tobytes())
    )
