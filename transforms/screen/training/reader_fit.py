"""Fit the screen's second stage: regressions on sentence embeddings, and how both scores add up."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash
from sklearn.linear_model import LogisticRegression

from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.reading.encoder import PART, Encoder, Vectors, split_layers

# C of the regressions, the last layer's first. What one set teaches holds on another where the
# weights are small: on the last layer alone the mean recall at 800 requests is .863, .872, .868 and
# .855 with .02, .1, 1 and 3. Beside it the other layer finds .848, .852, .857 and .855 at 300 with
# .02, .1, .5 and 1.
STRENGTHS = (0.1, 0.5)
# Of the layers of the encoder, the last one first, each by its spread. A mean recall of .87 takes
# 440, 392 and 408 requests with 1:1, 2:1 and 3:1, and 472 with the last layer alone.
LAYER_WEIGHTS = (2.0, 1.0)
# Of the second score beside the first, each by its spread; 4 and 5.6 give the same.
READING_WEIGHT = 4.0
# Of ordinary posts, above the gate of each head. With .5, .7 and .85 a mean recall of .87 takes
# 520, 520 and 480 requests for 1,000 posts; at .5 some head already has 98 % of them read.
READ_SHARE = 0.85
# Of ordinary posts: what is not read of a post is presumed to say more than so many of them.
PRESUMED = 0.99
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


def sum_stages(first: Floats, second: Floats, ordinary: Mask) -> Floats:
    """Return the sum of both stages' (posts, heads) scores, each by its spread."""
    one, two = Spread.of(first[ordinary]), Spread.of(second[ordinary])
    return one.standardise(first) + READING_WEIGHT * two.standardise(second)


def read_once(
    texts: Sequence[str], encoder: Encoder, cache: Path | None = None
) -> tuple[Vectors, npt.NDArray[np.intp]]:
    """Return what ``Encoder.embed_whole`` makes of texts; none in the file ``cache`` is read again.

    The file is written anew with all of them.
    """
    keys = [xxhash.xxh3_64_intdigest(text.encode()) for text in texts]
    windows = {} if cache is None else _kept(cache, encoder.version)
    missing = [row for row, key in enumerate(keys) if key not in windows]
    if missing:
        vectors, begins = encoder.embed_whole([texts[row] for row in missing])
        split = np.split(vectors, begins[1:])
        windows |= {keys[row]: found for row, found in zip(missing, split, strict=True)}
    found = [windows[key] for key in keys]
    counts = np.array([len(each) for each in found], np.intp)
    vectors = np.concatenate([np.empty((0, PART), np.float32), *found])
    if cache is not None:
        np.savez(
            cache,
            keys=np.array(keys, np.uint64),
            windows=counts,
            vectors=vectors,
            encoder=np.array(encoder.version),
        )
    return vectors, np.cumsum(counts) - counts


def _kept(cache: Path, encoder_version: str) -> dict[int, Vectors]:
    if not cache.exists():
        return {}
    with np.load(cache, allow_pickle=False) as kept:
        if str(kept["encoder"]) != encoder_version or "windows" not in kept:
            return {}
        split = np.split(kept["vectors"], np.cumsum(kept["windows"])[:-1])
        return dict(zip(kept["keys"].tolist(), split, strict=True))
