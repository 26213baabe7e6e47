"""Fit a policy's labelled examples: logistic regression, its scores made into probabilities."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from weir.distribution import install_command
from weir.policies.policy import PolicySet
from weir.transforms.arrays import Floats
from weir.transforms.text.features import matrix

Numbers = npt.NDArray[np.intp]

_C = 3.0  # inverse regularisation; 1 to 10 rank alike on held-out examples
_FOLDS = 5
# A policy's own safe examples are near misses, by far harder than the posts of a stream. Other
# policies' examples stand for those, and carry this share of the weight of the safe side.
_BACKGROUND = 0.75
_PRIOR = 1 / 3  # what share of the posts that reach a judge violate; probabilities assume it


@dataclass(frozen=True)
class Fit:
    """P(violates) = 1 / (1 + exp(-(x . weights + offset))) for a unit row x of features."""

    weights: Floats  # (BUCKETS,)
    offset: float

    def probabilities(self, posts: sp.csr_matrix) -> Floats:
        """Return the probability of each row of unit features."""
        scores = np.clip(posts @ self.weights + self.offset, -30, 30)
        return np.asarray(1 / (1 + np.exp(-scores)), np.float64)


@dataclass(frozen=True)
class Corpus:
    """The examples of every policy, as unit rows of TF-IDF features."""

    policies: int
    texts: tuple[str, ...]
    owners: Numbers  # index of the policy, a row
    violating: npt.NDArray[np.bool_]  # a row
    inverse_frequency: Floats  # (BUCKETS,)
    features: sp.csr_matrix  # (rows, BUCKETS)
    basis: Floats  # (rows, rank): inner products between its rows are those between the features'
    projection: Floats  # (rows, rank): features.T @ projection maps weights on the basis back

    @classmethod
    def of(cls, policies: PolicySet) -> "Corpus":
        """Return the corpus of a policy set."""
        labelled = [(i, e) for i, p in enumerate(policies.policies) for e in p.examples]
        texts = tuple(example.text for _, example in labelled)
        counts = matrix(pa.array(texts, pa.string()))
        containing = np.bincount(counts.indices, minlength=counts.shape[1])
        inverse_frequency = np.log((1 + len(texts)) / (1 + containing)) + 1
        features = unit_rows(counts, inverse_frequency)
        # There are a few hundred rows and 262,144 columns: the same fit, a thousand times smaller.
        with _one_thread():
            values, vectors = np.linalg.eigh((features @ features.T).toarray())
        kept = values > 1e-6
        scale = np.sqrt(values[kept])
        return cls(
            len(policies.policies),
            texts,
            np.array([index for index, _ in labelled], np.intp),
            np.array([example.violates for _, example in labelled], bool),
            inverse_frequency,
            features,
            vectors[:, kept] * scale,
            vectors[:, kept] / scale,
        )

    def rows(self, policy: int, violates: bool) -> Numbers:
        """Return the rows of one policy's examples of one kind, in their order."""
        return np.flatnonzero((self.owners == policy) & (self.violating == violates))

    def fits(self, count: int) -> list[Fit | None]:
        """Return the fits of the first policies; None where examples cannot tell kinds apart."""
        with _one_thread():
            return [self._fit(policy) for policy in range(count)]

    def _fit(self, policy: int) -> Fit | None:
        groups = self._groups(policy)
        folds = min(_FOLDS, *(len(group) for group in groups[:2]))
        if folds < 2:
            return None
        rows, labels = np.concatenate(groups), np.repeat([True, False, False], _sizes(groups))
        x = self.basis[rows]
        weights = _weights(groups, positive=0.5)
        # Five folds of each group: with other rows in each, no row is scored by what it taught.
        fold = np.concatenate([np.arange(len(group)) % folds for group in groups])
        held_out = np.empty(len(rows))
        for number in range(folds):
            out = fold == number
            model = _regression(x[~out], labels[~out], weights[~out], _C)
            held_out[out] = model.decision_function(x[out])
        slope, offset = _platt(held_out, labels, _weights(groups, positive=_PRIOR))
        if slope <= 0:
            return None
        model = _regression(x, labels, weights, _C)
        on_rows = self.projection @ model.coef_[0]
        return Fit(
            np.asarray(self.features.T @ (slope * on_rows), np.float64),
            slope * float(model.intercept_[0]) + offset,
        )

    def _groups(self, policy: int) -> list[Numbers]:
        """Return the policy's violating rows, its safe rows, and other policies' rows."""
        own = self.owners == policy
        texts = {self.texts[row] for row in np.flatnonzero(own)}
        others = [row for row in np.flatnonzero(~own) if self.texts[row] not in texts]
        return [self.rows(policy, True), self.rows(policy, False), np.array(others, np.intp)]


def unit_rows(counts: sp.csr_matrix, inverse_frequency: Floats) -> sp.csr_matrix:
    """Return counts weighted by inverse document frequency, each row of length one (or zero)."""
    weighted = counts.astype(np.float64)
    weighted.data *= inverse_frequency[weighted.indices]
    rows = np.repeat(np.arange(weighted.shape[0]), np.diff(weighted.indptr))
    squares = np.bincount(rows, weighted.data**2, minlength=weighted.shape[0])
    weighted.data /= np.sqrt(squares)[rows]
    return weighted


def _sizes(groups: list[Numbers]) -> list[int]:
    return [len(group) for group in groups]


def _weights(groups: list[Numbers], positive: float) -> Floats:
    """Return a weight a row; they sum to the number of the policy's own examples."""
    violating, safe, background = groups
    share = _BACKGROUND if len(background) else 0.0
    total = len(violating) + len(safe)
    shares = [positive, (1 - positive) * (1 - share), (1 - positive) * share]
    return np.concatenate(
        [np.full(len(g), total * s / max(1, len(g))) for g, s in zip(groups, shares, strict=True)]
    )


def _platt(scores: Floats, labels: npt.NDArray[np.bool_], weights: Floats) -> tuple[float, float]:
    """Return slope and offset of the log odds, after Platt (1999).

    His targets stop short of 0 and 1, so that a few examples that separate cleanly do not
    make every probability 0 or 1.
    """
    of_kind = np.where(labels, labels.sum(), (~labels).sum())
    right = (of_kind + 1) / (of_kind + 2)
    twice = np.concatenate([weights * right, weights * (1 - right)])
    model = _regression(
        np.tile(scores, 2)[:, None], np.concatenate([labels, ~labels]), twice, c=1e3
    )
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def _regression(x: Floats, labels: npt.NDArray[np.bool_], weights: Floats, c: float) -> Any:
    # Takes seconds to import, and only this engine needs it.
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=c, max_iter=1000).fit(x, labels, sample_weight=weights)


def _one_thread() -> Any:
    # Threads make these small products three times dearer on busy cores.
    try:
        from threadpoolctl import threadpool_limits
    except ImportError as missing:
        raise ModuleNotFoundError(
            f"the exemplar judge needs scikit-learn: {install_command('screen')}"
        ) from missing
    return threadpool_limits(1, "blas")
