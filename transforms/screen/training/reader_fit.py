"""Fit the screen's second stage: regressions on sentence embeddings, and how both scores add up."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash
from sklearn.linear_model import LogisticRegression

from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.second_stage.encoder import PART, Encoder, Vectors, split_layers

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

    The file keeps what it had of this encoder, and has them beside it.
    """
    read = AlreadyRead(encoder)
    if cache is not None:
        read.load(cache)
    found = read.embed_whole(texts)
    if cache is not None:
        read.keep(cache)
    return found


class AlreadyRead:
    """An encoder that reads no text twice, and keeps in a file what it has read."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self._parts = encoder, dict[int, Vectors]()

    @property
    def version(self) -> str:
        """Return the encoder's."""
        return self._encoder.version

    def embed_whole(self, texts: Sequence[str]) -> tuple[Vectors, npt.NDArray[np.intp]]:
        """Return what ``Encoder.embed_whole`` does."""
        keys = _keys(texts)
        missing = {
            key: text for key, text in zip(keys, texts, strict=True) if key not in self._parts
        }
        if missing:
            vectors, begins = self._encoder.embed_whole(list(missing.values()))
            self._parts |= zip(missing, np.split(vectors, begins[1:]), strict=True)
        found = [self._parts[key] for key in keys]
        counts = np.array([len(each) for each in found], np.intp)
        whole = np.concatenate([np.empty((0, PART), np.float32), *found])
        return whole.astype(np.float32, copy=False), np.cumsum(counts) - counts

    def load(self, file: Path) -> None:
        """Take what ``keep`` wrote, where the file is there and of this encoder."""
        if not file.exists():
            return
        with np.load(file, allow_pickle=False) as kept:
            if str(kept["encoder"]) == self.version and "windows" in kept:
                split = np.split(kept["vectors"], np.cumsum(kept["windows"])[:-1])
                self._parts |= zip(kept["keys"].tolist(), split, strict=True)

    def keep(self, file: Path) -> None:
        """Keep all that was read, and loaded."""
        parts = [np.empty((0, PART), np.float32), *self._parts.values()]
        np.savez(
            file,
            keys=np.array(list(self._parts), np.uint64),
            windows=np.array([len(each) for each in parts[1:]], np.intp),
            vectors=np.concatenate(parts),
            encoder=np.array(self.version),
        )


def _keys(texts: Sequence[str]) -> list[int]:
    return [xxhash.xxh3_64_intdigest(text.encode()) for text in texts]
