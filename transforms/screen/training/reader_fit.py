"""Fit the screen's second stage: regressions on sentence embeddings, and how both scores add up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from weir.transforms.screen.cold.fit import cut
from weir.transforms.screen.model import Screen
from weir.transforms.screen.reading.encoder import DIMENSIONS, Encoder, Vectors
from weir.transforms.screen.reading.reader import Reader, first_stage
from weir.transforms.screen.selectivity import SHARES
from weir.transforms.screen.training.corpus import Corpus
from weir.transforms.screen.training.fit import WEAK_WEIGHT
from weir.transforms.screen.training.labelled import LabelledSet

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# C of the regressions. What one set teaches holds on another where the weights are small: with
# .02, .1, 1 and 3 the mean recall at 800 requests is .863, .872, .868 and .855.
STRENGTH = 0.1
# Of the second score beside the first, each by its spread; .5, 1 and 2 give .862, .884 and .889.
READING_WEIGHT = 2.0
POSTS = 3000  # of a set
# Of ordinary posts, above the gate of each head: with .3 the mean recall at 800 requests is .013
# lower than where every post is read, and still four fifths of the posts are read.
READ_SHARE = 0.5
OPEN_SHARE = 0.1  # of ordinary posts, above each threshold until a stream sets its own
_CERTAIN = 1e-12
_LEAST_SPREAD = 1e-3  # so that scores which are all alike do not outweigh the others
# Of ordinary posts: what is not read of a post is presumed to say more than so many of them.
_PRESUMED = 0.99
# Spreads of the sum that are a unit of the logistic function, so that no score is rounded to 1.
_SATURATION = 4.0


def fit_meaning(vectors: Vectors, violates: Mask, weights: Floats) -> tuple[Floats, float]:
    """Return coefficients and bias of one head over unit vectors, both kinds being there."""
    model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=300, tol=1e-3)
    model.fit(vectors, violates, sample_weight=weights)
    return np.asarray(model.coef_[0], np.float64), float(model.intercept_[0])


@dataclass(frozen=True, eq=False)
class Spread:
    """Middle and spread of scores of ordinary posts, (heads,) each."""

    middle: Floats
    spread: Floats

    @classmethod
    def of(cls, scores: Floats) -> "Spread":
        """Return those of (posts, heads) scores."""
        return cls(scores.mean(axis=0), np.maximum(scores.std(axis=0), _LEAST_SPREAD))

    def standardised(self, scores: Floats) -> Floats:
        """Return scores in spreads from the middle."""
        return np.asarray((scores - self.middle) / self.spread, np.float64)


def added(first: Floats, second: Floats, ordinary: Mask) -> Floats:
    """Return the sum of both stages' (posts, heads) scores, each by its spread."""
    one, two = Spread.of(first[ordinary]), Spread.of(second[ordinary])
    return one.standardised(first) + READING_WEIGHT * two.standardised(second)


def few(sets: Sequence[LabelledSet]) -> list[LabelledSet]:
    """Return the sets with at most POSTS posts of each: an encoder reads some fifty a second."""
    return [replace(each, posts=each.drawn(POSTS)) for each in sets]


def fit_reader(
    screen: Screen, sets: Sequence[LabelledSet], encoder: Encoder, cache: Path | None = None
) -> Reader:
    """Return the second stage of a screen, fitted to all posts of the sets.

    Posts that are presumed to respect every policy stand for ordinary traffic.
    """
    corpus = Corpus.of(sets, screen.policy_ids)
    ordinary = corpus.weak.all(axis=1)
    vectors = read_once(corpus.texts.to_pylist(), encoder, cache)
    first = screen.score(corpus.texts)
    coefficients = np.zeros((len(screen.policy_ids), DIMENSIONS))
    for head in range(len(screen.policy_ids)):
        used = ~np.isnan(corpus.labels[:, head]) | corpus.weak[:, head]
        weights = np.where(corpus.weak[used, head], WEAK_WEIGHT, 1.0)
        violates = corpus.labels[used, head] == 1
        coefficients[head], _ = fit_meaning(vectors[used], violates, weights)
    one = Spread.of(logit(np.clip(first[ordinary], _CERTAIN, 1 - _CERTAIN)))
    two = Spread.of(vectors[ordinary] @ coefficients.T)
    middle = one.middle / one.spread + READING_WEIGHT * two.middle / two.spread
    gates = [cut(scores, READ_SHARE) for scores in first[ordinary].T]

    scaled = READING_WEIGHT / two.spread / _SATURATION
    meanings = vectors[ordinary] @ (coefficients * scaled[:, None]).T

    def reader(thresholds: Floats) -> Reader:
        return Reader.of(
            screen.policy_ids,
            (coefficients * scaled[:, None]).astype(np.float32),
            1 / one.spread / _SATURATION,
            -middle / _SATURATION,
            np.quantile(meanings, _PRESUMED, axis=0),
            np.array(gates),
            thresholds,
            np.full((len(gates), len(SHARES)), np.nan),
            first_stage(screen),
            encoder.version,
        )

    final = reader(np.zeros(len(gates))).combined(first[ordinary], meanings)
    return reader(np.array([cut(scores, OPEN_SHARE) for scores in final.T]))


def read_once(texts: Sequence[str], encoder: Encoder, cache: Path | None = None) -> Vectors:
    """Return (texts, DIMENSIONS) unit vectors; those in the file ``cache`` are not read again.

    The file is written anew with all of them.
    """
    keys = np.array([xxhash.xxh3_64_intdigest(text.encode()) for text in texts], np.uint64)
    vectors = np.empty((len(texts), DIMENSIONS), np.float32)
    known: dict[int, int] = {}
    if cache is not None and cache.exists():
        with np.load(cache, allow_pickle=False) as kept:
            if str(kept["encoder"]) == encoder.version:
                known = {key: row for row, key in enumerate(kept["keys"].tolist())}
                found = kept["vectors"]
    missing = [row for row, key in enumerate(keys.tolist()) if key not in known]
    there = [row for row, key in enumerate(keys.tolist()) if key in known]
    if there:
        vectors[there] = found[[known[key] for key in keys[there].tolist()]]
    vectors[missing] = encoder.embed([texts[row] for row in missing])
    if cache is not None:
        np.savez(cache, keys=keys, vectors=vectors, encoder=np.array(encoder.version))
    return vectors
