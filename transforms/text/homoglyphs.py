"""Put Latin letters back where others stand in for them, and leave other scripts' words alone.

Whether a letter is in disguise is decided by its word and its row, never by the letter: Cyrillic,
Greek and Turkish are text. A *word* is a run of letters and marks. Two things give a row away: a
word that mixes scripts, with look-alikes of Latin letters, and a word of letters that no alphabet
has together.
"""

import numpy as np
import numpy.typing as npt

from weir.transforms.text.characters import (
    ALIKE,
    ASCII,
    CYRILLIC,
    ELSEWHERE,
    END,
    FOREIGN,
    GREEK,
    LATIN,
    RESEMBLING,
    Points,
    characters,
)

_Kinds = npt.NDArray[np.uint16]
_Mask = npt.NDArray[np.bool_]
_ANY_LATIN = ASCII | LATIN
_ANY_FOREIGN = ALIKE | RESEMBLING | FOREIGN


def without_homoglyphs(points: Points, garbled: _Mask) -> Points:
    """Return as many code points, look-alikes of Latin letters replaced by those.

    ``points`` are rows with END between them; ``garbled`` says which rows are known for disguises
    already.
    """
    table = characters()
    kind = table.kind[points]
    letter = np.concatenate(([False], kind > 0, [False]))
    edges = np.flatnonzero(letter[1:] != letter[:-1])
    starts, stops = edges[0::2], edges[1::2]
    if not len(starts):
        return points
    row = np.cumsum(points == END, dtype=np.int32)
    row_of = row[starts]
    holds = np.bitwise_or.reduceat(kind, starts)

    def any_in_row(words: _Mask) -> _Mask:
        rows = np.zeros(len(garbled), bool)
        rows[row_of[words]] = True
        return rows

    def count_in_row(words: _Mask) -> npt.NDArray[np.int64]:
        return np.bincount(row_of[words], minlength=len(garbled))

    latin, foreign = (holds & _ANY_LATIN) > 0, (holds & _ANY_FOREIGN) > 0
    alike = (holds & (RESEMBLING | FOREIGN)) == 0
    foldable = (holds & FOREIGN) == 0
    # One letter alone is a symbol more often than a word, and two of two scripts are a unit.
    length = stops - starts
    long = length > 1
    mixed = foldable & (length > 2) & (_scripts(holds) > 1)
    outlandish = _outlandish(points, kind, starts, holds)
    # Real text in another script has more words of its own than words that nobody spells so.
    odd = mixed | outlandish & foreign & foldable
    own = ~latin & ~alike & long & ~odd
    spoken = count_in_row(own) > count_in_row(odd)
    fake = mixed & (alike | ~spoken[row_of])
    garbled = garbled | any_in_row(fake) | any_in_row(outlandish)
    # Short words and those of look-alikes alone go with their row, and are Latin where nothing in
    # it says that they are not.
    hidden = garbled & ~spoken
    unopposed = any_in_row((holds & ASCII) > 0) & ~any_in_row(~alike)
    posing = hidden[row_of] | unopposed[row_of] & alike & long & ~latin
    posing &= foreign & foldable
    fold = np.zeros(len(points) + 1, np.int8)
    chosen = fake | posing
    fold[starts[chosen]] = 1
    fold[stops[chosen]] -= 1
    folds = np.cumsum(fold[:-1], dtype=np.int8).astype(bool)
    folds |= (kind == LATIN) & garbled[row]
    return np.where(folds, table.latin[points], points)


def none_in(points: Points, starts: npt.NDArray[np.intp]) -> _Mask:
    """Return for which rows `without_homoglyphs` replaces nothing, where that is cheap to see.

    Rows begin at ``starts``. Letters that look like Latin ones are replaced beside Latin letters,
    and Latin letters in rows with a word of no alphabet; one script or alphabet has neither.
    """
    kind = characters().kind[points]
    holds = np.bitwise_or.reduceat(kind, starts)
    alphabets = np.bitwise_and.reduceat(_alphabets(points, kind), starts)
    apart: _Mask = (holds & (ALIKE | RESEMBLING) == 0) | (_scripts(holds) < 2)
    return apart & (alphabets > 0)


def _scripts(holds: _Kinds) -> npt.NDArray[np.uint8]:
    """Return how many scripts the words mix."""
    scripts = np.zeros(len(holds), np.uint8)
    for script in (_ANY_LATIN, GREEK, CYRILLIC, ELSEWHERE):
        scripts += (holds & script) > 0
    return scripts


def _outlandish(points: Points, kind: _Kinds, starts: npt.NDArray[np.intp], holds: _Kinds) -> _Mask:
    """Return which words have letters that no alphabet has together."""
    told = LATIN | CYRILLIC
    if not (kind & told).any():
        return np.zeros(len(starts), bool)
    homeless: _Mask = np.bitwise_and.reduceat(_alphabets(points, kind), starts) == 0
    return homeless & ((holds & told) > 0)


def _alphabets(points: Points, kind: _Kinds) -> npt.NDArray[np.uint64]:
    """Return the alphabets of every character, as bits."""
    alphabets = characters().alphabets
    last = len(alphabets) - 1
    having = alphabets[np.minimum(points, last)]
    beyond = points > last
    having[beyond] = np.where(kind[beyond] == LATIN, 0, alphabets.max())
    return having
