"""Which posts each head learns from, which its threshold rests on, and which measure it.

A post's part is decided by the draw of its cluster of near-duplicates, so that copies are never
split. From the lowest draw to the highest: training, calibration, test. Where calibration begins
is each head's own, because some have few violating posts.
"""

from dataclasses import dataclass
from enum import IntEnum
from math import ceil

import numpy as np
import numpy.typing as npt

from weir.transforms.screen.certificate import misses_allowed, positives_needed
from weir.transforms.screen.training.corpus import Corpus

TEST_SHARE = 0.2
CALIBRATION_SHARE = 0.25  # of the violating posts that are not test, at least what certifies
MOST_FOR_CALIBRATION = 0.5  # of them: a head has to learn too


class Part(IntEnum):
    """What a post is used for by one head."""

    TRAIN = 0
    CALIBRATION = 1
    TEST = 2
    UNUSED = 3  # a written example with a copy among the posts that are held out


@dataclass(frozen=True, eq=False)
class HeadSplit:
    """The parts of all posts for one head."""

    part: npt.NDArray[np.int8]
    certifiable: bool
    labels_needed: int  # about how many more violating posts to label; 0 where certifiable


def head_split(
    corpus: Corpus,
    head: int,
    recall: float,
    confidence: float,
    test_share: float = TEST_SHARE,
    least: int = 0,
) -> HeadSplit:
    """Return the parts of the posts for one head.

    Only labels and draws decide, never a score, so that calibration posts stay exchangeable with
    what is to come. A head with too few violating posts to certify learns from all but the test's.
    ``least`` violating posts are kept for calibration where a head can spare them, for a precision.
    """
    violates = corpus.labels[:, head] == 1
    test = corpus.draw >= 1 - test_share
    draws = np.sort(_cluster_draws(corpus, violates & corpus.certifying(head) & ~test))[::-1]
    needed = positives_needed(recall, confidence)
    certifiable = int(MOST_FOR_CALIBRATION * len(draws)) >= needed
    if certifiable:
        wanted = max(needed, ceil(CALIBRATION_SHARE * len(draws)))
        wanted = max(wanted, min(least, int(MOST_FOR_CALIBRATION * len(draws))))
        allowed = misses_allowed(wanted, recall, confidence)
        while wanted > least and misses_allowed(wanted - 1, recall, confidence) == allowed:
            wanted -= 1  # the last ones would lower no threshold, so the head learns from them
        begins = draws[wanted - 1]
    else:
        begins = (1 - test_share) * (1 - CALIBRATION_SHARE)
    held_out = (corpus.draw >= begins) & ~test
    part = np.select([test, held_out], [Part.TEST, Part.CALIBRATION], Part.TRAIN).astype(np.int8)
    if not certifiable:
        part[held_out & violates] = Part.TRAIN
    examples = ~corpus.calibrates
    part[examples] = _example_parts(corpus, head, part)[examples]
    short = ceil(needed / MOST_FOR_CALIBRATION) - len(draws)
    return HeadSplit(part, certifiable, 0 if certifiable else ceil(short / (1 - test_share)))


def _cluster_draws(corpus: Corpus, rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    return corpus.draw[np.unique(corpus.cluster[rows])]


def _example_parts(corpus: Corpus, head: int, part: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Return the parts of written examples: training, unless nothing else can measure the head."""
    with_traffic = np.zeros(len(part), bool)
    with_traffic[corpus.cluster[corpus.calibrates]] = True
    with_traffic = with_traffic[corpus.cluster]
    train = np.full(len(part), Part.TRAIN, np.int8)
    if not (corpus.calibrates & (corpus.labels[:, head] == 1)).any():
        return np.where(part == Part.TEST, Part.TEST, train).astype(np.int8)
    train[with_traffic & (part != Part.TRAIN)] = Part.UNUSED
    return train
