"""How both stages add up, found by scores of posts that neither has learned from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.certificate import misses_allowed, open_threshold
from weir.transforms.screen.model import Screen, log_odds
from weir.transforms.screen.second_stage.scorer import Reader, first_stage_digest
from weir.transforms.screen.selectivity import SHARES
from weir.transforms.screen.training.calibrate import positives
from weir.transforms.screen.training.corpus import Corpus
from weir.transforms.screen.training.cross_fit import CrossFitted
from weir.transforms.screen.training.reader_fit import (
    PRESUMED,
    READ_SHARE,
    READING_WEIGHT,
    Spread,
)
from weir.transforms.screen.training.readings import Readings
from weir.transforms.screen.training.settings import TrainingSettings

# Misses that a promise allows, before one of them is given for a gate. One of four or five had 29
# instead of 18 % of safe posts escalated (OpenAI-2022, sexual content); a request costs as much as
# reading 160 posts.
_LEAST_FOR_GATE = 20
# Spreads of the sum that are a unit of the logistic function, so that no score is rounded to 1.
_SATURATION = 4.0


@dataclass(frozen=True, eq=False)
class Sum:
    """What a second stage adds, but for what it was taught; (heads,) each, see `Reader`.

    Ordinary posts alone decide how scores add up, so that violating ones still calibrate. It is
    the same for the heads that are kept and for their twins, whose scores are compared by it.
    """

    scale: Floats  # of the coefficients
    slopes: Floats
    offsets: Floats
    presumed: Floats
    gates: Floats

    @classmethod
    def of(cls, fitted: CrossFitted, readings: Readings, ordinary: Mask, gates: Floats) -> "Sum":
        """Return it from a (posts, heads) mask of ordinary posts."""
        assert fitted.meanings is not None
        read = ordinary[readings.rows]
        first = np.where(ordinary, fitted.first, np.nan)
        one = Spread.of(log_odds(first[readings.rows]))
        meanings = np.where(read, fitted.meanings, np.nan)
        two = Spread.of(meanings)
        middle = one.middle / one.spread + READING_WEIGHT * two.middle / two.spread
        scale = READING_WEIGHT / two.spread / _SATURATION
        return cls(
            scale,
            1 / one.spread / _SATURATION,
            -middle / _SATURATION,
            scale * [np.quantile(c, PRESUMED) if len(c) else 0.0 for c in _there(meanings)],
            gates,
        )

    def reader(self, screen: Screen, fitted: CrossFitted, encoder_version: str) -> Reader:
        """Return the second stage of a screen, with thresholds that clear nothing."""
        assert fitted.coefficients is not None
        heads = len(screen.policy_ids)
        return Reader.of(
            screen.policy_ids,
            (fitted.coefficients * self.scale[:, None]).astype(np.float32),
            self.slopes,
            self.offsets,
            self.presumed,
            self.gates,
            np.zeros(heads),
            np.full((heads, len(SHARES)), np.nan),
            first_stage_digest(screen),
            encoder_version,
        )

    def final(self, reader: Reader, fitted: CrossFitted, readings: Readings) -> Floats:
        """Return (posts, heads) scores of both stages of the twins; NaN where nothing was read."""
        assert fitted.meanings is not None
        found = np.full(fitted.first.shape, np.nan)
        found[readings.rows] = reader.finished(
            fitted.first[readings.rows], fitted.meanings * self.scale, readings.beyond
        )
        return found


@dataclass(frozen=True, eq=False)
class Gates:
    """First scores from which on a head has a post read, and what finding them cost.

    A post below its gate is cleared unread. Where a head's promise may miss several posts the gate
    is the lowest first score of its violating ones, and one of these misses is ``spent`` on it, see
    `certified_threshold`; where it may miss few, every post is read. A head that promises nothing
    has READ_SHARE of ordinary posts read.
    """

    gates: Floats  # (heads,)
    spent: tuple[int, ...]  # one a head

    @classmethod
    def of(
        cls,
        first: Floats,
        corpus: Corpus,
        heads: Sequence[int],
        ordinary: Mask,
        settings: TrainingSettings,
    ) -> "Gates":
        """Return the gates of heads from their (posts, heads) out-of-fold first scores."""
        found = []
        for column, head in enumerate(heads):
            scores = np.where(corpus.to_read, first[:, column], np.nan)
            violating = positives(scores, corpus, head)
            recall = settings.certifiable(len(violating))
            allowed = misses_allowed(len(violating), recall, settings.confidence)
            if allowed < 0:
                (background,) = _there(np.where(ordinary, first, np.nan)[:, [column]])
                found.append((open_threshold(background, READ_SHARE), 0))
            elif allowed < _LEAST_FOR_GATE:
                found.append((0.0, 0))
            else:
                found.append((float(violating.min()), 1))
        return cls(np.array([gate for gate, _ in found]), tuple(spent for _, spent in found))


def _there(scores: Floats) -> list[Floats]:
    """Return the scores of each head that are there."""
    return [column[~np.isnan(column)] for column in scores.T]
