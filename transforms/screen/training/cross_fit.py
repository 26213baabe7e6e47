"""Score every labelled post by heads that never saw it, so that each can calibrate and measure.

The posts are dealt into folds by the draw of their cluster of near-duplicates; twins of the heads,
fitted to the other folds, score each. Only the draw decides, never a score or a label.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.model import Screen, Weights
from weir.transforms.screen.second_stage.encoder import PART
from weir.transforms.screen.training.corpus import Corpus
from weir.transforms.screen.training.fit import (
    WEAK_WEIGHT,
    fit_head,
    inverse_frequencies,
    round_weights,
    scale_counts,
)
from weir.transforms.screen.training.reader_fit import fit_reading
from weir.transforms.screen.training.readings import Readings
from weir.transforms.text import features

# With half as many, a certified recall escalates 3 to 4 % more safe posts where 80 posts violate:
# twins that learned from fewer posts score lower those that they calibrate with. A large corpus has
# posts enough for half of them.
_FOLDS, _FOLDS_OF_MANY, _MANY = 10, 5, 20_000


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """Heads, and scores of all posts by twins that learned from no post of their fold.

    ``first`` is (posts, heads) in [0, 1]; ``meanings`` is (read posts, heads), what the second
    stage makes of those that were read, before both are added. NaN: the twin could not learn; 0
    where none of a head's could learn the second stage. The heads are the means of their twins, so
    that what they say of a new post is the mean of what the twins say, as one of them said it of
    each post that calibrates. Heads fitted to all posts would differ from the twins in more than
    chance: their weights are larger, and a violating post that they take for safe is further below.
    """

    screen: Screen  # to score with; it is not stored
    coefficients: Floats | None  # (heads, PART) of the second stage
    first: Floats
    meanings: Floats | None


def cross_fitted(corpus: Corpus, heads: Sequence[int], readings: Readings | None) -> CrossFitted:
    """Return the heads with what their twins say of every post."""
    fold = folds_of(corpus)
    first = np.full((len(fold), len(heads)), np.nan)
    weights = np.zeros((features.BUCKETS, len(heads)))
    bias, twins = np.zeros((2, len(heads)))
    meanings = None if readings is None else np.full((len(readings.rows), len(heads)), np.nan)
    coefficients, reading_twins = np.zeros((len(heads), PART)), np.zeros(len(heads))
    column: Any = corpus.texts
    for number in range(count_folds(corpus)):
        held, learned = fold == number, fold != number
        able = [c for c, head in enumerate(heads) if can_learn(corpus, head, learned)]
        if not able:
            continue
        learning = [heads[c] for c in able]
        twin = fit_first(corpus, learning, learned)
        first[np.ix_(held, able)] = twin.score(column.filter(held))
        weights[:, able] += twin.weights
        bias[able] += twin.bias
        twins[able] += 1
        if readings is not None and meanings is not None:
            of_fold = fold[readings.rows] == number
            vectors = fit_second(corpus, learning, learned, readings)
            meanings[np.ix_(of_fold, able)] = readings.highest(vectors)[of_fold]
            coefficients[able] += np.nan_to_num(vectors)
            reading_twins[able] += ~np.isnan(vectors).any(axis=1)
    if readings is not None and meanings is not None:
        # Where no twin learned to read, all of them and the head agree: it adds nothing.
        unread = np.flatnonzero(reading_twins == 0)
        meanings[:, unread] = 0.0 * first[np.ix_(readings.rows, unread)]
    inverse = inverse_frequencies(corpus.counts)
    return CrossFitted(
        _scoring(corpus, heads, (weights / twins).astype(np.float32), inverse, bias / twins),
        None if readings is None else coefficients / np.maximum(reading_twins, 1)[:, None],
        first,
        meanings,
    )


def count_folds(corpus: Corpus) -> int:
    """Return into how many folds the posts are dealt."""
    return _FOLDS if len(corpus.texts) <= _MANY else _FOLDS_OF_MANY


def folds_of(corpus: Corpus) -> npt.NDArray[np.int8]:
    """Return the fold of each post, from 0 on; near-duplicates are in one."""
    return np.floor(corpus.draw * count_folds(corpus)).astype(np.int8)


def can_learn(corpus: Corpus, head: int, learned: Mask) -> bool:
    """Return whether these posts show a head both kinds."""
    violates = corpus.labels[:, head] == 1
    safe = known(corpus, head) & ~violates
    return bool((learned & violates).any() and (learned & safe).any())


def known(corpus: Corpus, head: int) -> Mask:
    """Return which posts say anything about a head's policy."""
    return np.asarray(~np.isnan(corpus.labels[:, head]) | corpus.weak[:, head])


def fit_first(corpus: Corpus, heads: Sequence[int], learned: Mask) -> Screen:
    """Return linear heads fitted to some of the posts, to score with; they are not stored.

    The frequencies come from these posts too: one that is scored later has to be as new as the
    traffic will be.
    """
    inverse = inverse_frequencies(corpus.counts[learned])
    rows = scale_counts(corpus.counts, inverse)
    weights = np.zeros((features.BUCKETS, len(heads)), np.float32)
    bias = np.zeros(len(heads))
    for column, head in enumerate(heads):
        used, violates, importance = _taught(corpus, head, learned)
        weights[:, column], bias[column] = fit_head(rows[used], violates, importance)
    return _scoring(corpus, heads, weights * inverse[:, None], inverse, bias)


def _scoring(
    corpus: Corpus, heads: Sequence[int], weights: Weights, inverse: Weights, bias: Floats
) -> Screen:
    names = tuple(corpus.policy_ids[head] for head in heads)
    return Screen.scoring(names, round_weights(weights), inverse**2, bias)


def fit_second(corpus: Corpus, heads: Sequence[int], learned: Mask, readings: Readings) -> Floats:
    """Return (heads, PART) coefficients fitted to those of the posts that were read.

    NaN for a head of which these posts are of one kind.
    """
    place = np.full(len(learned), -1)
    place[readings.rows] = np.arange(len(readings.rows))
    there = learned & (place >= 0)
    coefficients = np.full((len(heads), PART), np.nan)
    for row, head in enumerate(heads):
        used, violates, importance = _taught(corpus, head, there)
        suspected = place[there & corpus.suspected(head)]
        if 0 < violates.sum() < len(violates):
            coefficients[row] = fit_reading(readings, place[used], violates, importance, suspected)
    return coefficients


def taught(
    labels: Floats, weak: Mask, likely: Floats, learned: Mask
) -> tuple[npt.NDArray[np.intp], Mask, Floats]:
    """Return the rows that a head learns from, which of them violate, and what each weighs.

    All are (posts,): what a `Corpus` knows of the policy, and which posts teach.
    """
    used = np.flatnonzero(learned & (~np.isnan(labels) | weak | (likely > 0)))
    importance = np.where(weak[used], WEAK_WEIGHT, 1.0)
    importance = np.where(likely[used] > 0, likely[used], importance)
    return used, (labels[used] == 1) | (likely[used] > 0), importance


def _taught(corpus: Corpus, head: int, learned: Mask) -> tuple[npt.NDArray[np.intp], Mask, Floats]:
    known = corpus.labels[:, head], corpus.weak[:, head], corpus.likely[:, head]
    return taught(*known, learned)
