"""Windows onto long rows, so that a violation weighs as much in a long post as in a short one."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weir.transforms.text.characters import SPACE
from weir.transforms.text.spelling import Bytes

Places = npt.NDArray[np.intp]

# Bytes of folded text. A window is about as long as a short post, for the weight of 90 bytes among
# 15,000 harmless ones is a tenth; and what is shorter than LONG is read as a whole only.
LONG, WINDOW, STRIDE = 384, 128, 64
_TO_SPACE = 24  # a window begins and stops at a space that is no farther away


@dataclass(frozen=True, eq=False)
class Views:
    """Rows of folded text between ``ends``, each followed by its windows, if it is long.

    ``first`` says which view is the whole of each row.
    """

    text: Bytes
    ends: Places
    first: Places


def views(text: Bytes, ends: Places) -> Views:
    """Return the views of the rows of folded text that lie between ``ends``, all its ENDs."""
    starts, stops = ends[:-1] + 1, ends[1:]
    rows, sizes = np.arange(len(starts)), stops - starts
    count = np.where(sizes > LONG, -(-sizes // STRIDE), 0)
    before = np.cumsum(count) - count  # windows of the rows before
    row = np.repeat(rows, count)
    begin = starts[row] + (np.arange(len(row)) - before[row]) * STRIDE
    end = np.minimum(begin + WINDOW, stops[row])
    begin, end = _between_words(text, begin, end)
    order = np.argsort(np.concatenate([rows, row]), kind="stable")
    begin, end = np.concatenate([starts, begin])[order], np.concatenate([stops, end])[order]
    return Views(*_cut_out(text, begin, end), rows + before)


def _between_words(text: Bytes, begin: Places, end: Places) -> tuple[Places, Places]:
    spaces = np.flatnonzero(text <= SPACE)  # the ENDs are among them
    after = spaces[np.searchsorted(spaces, begin - 1)] + 1
    before = spaces[np.searchsorted(spaces, end, side="right") - 1]
    return (
        np.where((after - begin <= _TO_SPACE) & (after < end), after, begin),
        np.where((end - before <= _TO_SPACE) & (before > begin), before, end),
    )


def _cut_out(text: Bytes, begin: Places, end: Places) -> tuple[Bytes, Places]:
    """Return stretches of the text between ENDs, and where these are."""
    sizes = end - begin
    ends = np.concatenate([[0], np.cumsum(sizes + 1)])
    of = np.repeat(np.arange(len(sizes)), sizes)
    within = np.arange(len(of)) - (np.cumsum(sizes) - sizes)[of]
    shown = np.zeros(ends[-1] + 1, np.uint8)
    shown[ends[of] + 1 + within] = text[begin[of] + within]
    return shown, ends
