"""Fit heads: regularised logistic regressions over n-grams weighted by what they tell."""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from weir.transforms.arrays import Floats, Mask
from weir.transforms.text import features

Weights = npt.NDArray[np.float32]

WEAK_WEIGHT = 0.3  # of a post that is only presumed to be safe
STRENGTH = 10.0  # C of the regression
# Weights are multiples of it. Half of them become nothing, which halves the file; no average
# precision changes by more than .001. Thresholds are found with the weights that are stored.
_STEP = 1 / 256
SMOOTHING = 1e-4  # added to both mean frequencies of an n-gram in the log-count ratio


def inverse_frequencies(counts: sp.csr_matrix) -> Weights:
    """Return ln((1 + n) / (1 + df)) + 1 of every bucket; one that was seen once counts for nothing.

    Its weight would only remember the post it stood in.
    """
    posts = np.bincount(counts.indices, minlength=features.BUCKETS)
    inverse = np.where(posts < 2, 0.0, np.log((1 + counts.shape[0]) / (1 + posts)) + 1)
    return np.asarray(inverse, np.float32)


def scale_counts(counts: sp.csr_matrix, inverse: Weights) -> sp.csr_matrix:
    """Return counts times inverse frequencies, each row of length one."""
    return normalize(counts @ sp.diags(inverse), copy=False)


def round_weights(weights: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return weights as a screen stores them."""
    return np.asarray(np.round(weights / _STEP) * _STEP, weights.dtype)


def fit_head(
    rows: sp.csr_matrix,
    violates: Mask,
    weight: Floats,
    strength: float = STRENGTH,
    smoothing: float = SMOOTHING,
) -> tuple[Weights, float]:
    """Return the weights and the bias of one head, over rows of `scale_counts`.

    Every n-gram is first multiplied by its log-count ratio between violating and safe posts, as in
    Wang and Manning (2012), "Baselines and bigrams"; that folds into the weights, so scoring costs
    no more. Both kinds of posts have to be there.
    """
    share = weight / np.where(violates, weight[violates].sum(), weight[~violates].sum())
    frequent = np.asarray(rows.T @ np.where(violates, share, 0.0)) + smoothing
    elsewhere = np.asarray(rows.T @ np.where(violates, 0.0, share)) + smoothing
    ratio = np.log(frequent / elsewhere)
    # The dual is the same problem, and takes a twentieth of the time where n-grams outnumber posts.
    model = LogisticRegression(
        C=strength,
        solver="liblinear",
        dual=True,
        class_weight="balanced",
        random_state=0,
        max_iter=1000,
    ).fit(rows @ sp.diags(ratio), violates, sample_weight=weight)
    return (model.coef_[0] * ratio).astype(np.float32), float(model.intercept_[0])
