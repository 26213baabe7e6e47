"""Fit the screen's second stage: regressions on sentence embeddings, and the spread of scores."""

from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.second_stage.encoder import Vectors, split_layers
from weir.transforms.screen.training.readings import Readings

# C of the regressions, the last layer's first. What one set teaches holds on another where the
# weights are small: on the last layer alone the mean recall at 800 requests is .863, .872, .868 and
# .855 with .02, .1, 1 and 3. Beside it the other layer finds .848, .852, .857 and .855 at 300 with
# .02, .1, .5 and 1.
STRENGTHS = (0.1, 0.5)
# Of the layers of the encoder, the last one first, each by its spread over posts that do not
# violate. A mean recall of .87 takes 392 requests so, and 472 with the last layer alone.
LAYER_WEIGHTS = (2.0, 1.0)
# Of the second score beside the first, each by its spread; 4 and 5.6 give the same.
READING_WEIGHT = 4.0
# Of ordinary posts, above the gate of each head. With .5, .7 and .85 a mean recall of .87 takes
# 520, 520 and 480 requests for 1,000 posts; at .5 some head already has 98 % of them read.
READ_SHARE = 0.85
# Of ordinary posts: what is not read of a post is presumed to say more than so many of them.
PRESUMED = 0.99
# Of posts that break some rule, nobody said which: those that a head ranks highest teach it as
# violating. With none, .05, .1 and .15 a mean recall of .87 takes 336, 304, 304 and 320 requests.
SUSPECTED = 0.05
_LEAST_SPREAD = 1e-3  # so that scores which are all alike do not outweigh the others


def fit_meaning(
    vectors: Vectors, violates: Mask, weights: Floats, strength: float = STRENGTHS[0]
) -> tuple[Floats, float]:
    """Return coefficients and bias of one head over unit vectors, both kinds being there."""
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=300, tol=1e-3)
    model.fit(vectors, violates, sample_weight=weights)
    return np.asarray(model.coef_[0], np.float64), float(model.intercept_[0])


def fit_layers(parts: Vectors, violates: Mask, weights: Floats) -> Floats:
    """Return (PART,) coefficients of one head, fitted to (posts, PART) first parts of posts.

    Each layer has a regression of its own: what is noise in one is not in the other, and so the sum
    of two says more than one on both. Their biases are left to whatever sums up the stages.
    """
    coefficients = []
    of_layers = zip(split_layers(parts), STRENGTHS, LAYER_WEIGHTS, strict=True)
    for layer, strength, weight in of_layers:
        own, _ = fit_meaning(layer, violates, weights, strength)
        spread = max(float((layer[~violates] @ own).std()), _LEAST_SPREAD)
        coefficients.append(own * (weight / spread))
    return np.concatenate(coefficients)


def fit_reading(
    readings: Readings,
    used: npt.NDArray[np.intp],
    violates: Mask,
    weights: Floats,
    suspected: npt.NDArray[np.intp],
) -> Floats:
    """Return (PART,) coefficients of one head, fitted to the first parts of the ``used`` posts.

    ``violates`` and ``weights`` are of these, both kinds being there. ``suspected`` are posts that
    break some rule, nobody said which. Of these the head ranks highest what is likely to break its
    own: the SUSPECTED share of them teach it, in a second fit, as violating posts (self-training,
    as Yarowsky (1995) had it).
    """
    found = fit_layers(readings.firsts[used], violates, weights)
    if not len(suspected):
        return found
    ranked = readings.highest(found[None])[suspected, 0]
    highest = suspected[np.argsort(-ranked, kind="stable")[: ceil(SUSPECTED * len(suspected))]]
    others = ~np.isin(used, highest)
    return fit_layers(
        readings.firsts[np.concatenate([used[others], highest])],
        np.append(violates[others], np.ones(len(highest), bool)),
        np.append(weights[others], np.ones(len(highest))),
    )


@dataclass(frozen=True, eq=False)
class Spread:
    """Middle and spread of scores of ordinary posts, (heads,) each."""

    middle: Floats
    spread: Floats

    @classmethod
    def of(cls, scores: Floats) -> "Spread":
        """Return those of (posts, heads) scores; NaN are left out."""
        known = np.ma.masked_invalid(scores)
        spread = known.std(axis=0).filled(1.0)
        return cls(known.mean(axis=0).filled(0.0), np.maximum(spread, _LEAST_SPREAD))

    def standardise(self, scores: Floats) -> Floats:
        """Return scores in spreads from the middle."""
        return np.asarray((scores - self.middle) / self.spread, np.float64)
