"""Teach a screen from verdicts on the stream that it serves: both stages, from where they stand.

What a head knows already is one more feature of each regression, so few verdicts change little and
many change much; no public set is needed. Unjudged posts of the stream stand for ordinary traffic:
half of the weight of what is safe, and the shares that gates and thresholds are open for. What is
said of a head, and what its second stage learns of the first, rests on scores of posts that the
half of the posts which gave them did not hold. Nothing is certified.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
import xxhash
from scipy.special import expit

from weir.transforms.screen.certificate import open_threshold
from weir.transforms.screen.cold.extra_heads import norms
from weir.transforms.screen.cold.fit import regression
from weir.transforms.screen.model import Floats, Screen, Weights
from weir.transforms.screen.reading.encoder import DIMENSIONS, Vectors
from weir.transforms.screen.reading.reader import Reader, first_stage
from weir.transforms.screen.reading.screen import ReadingScreen
from weir.transforms.screen.selectivity import SHARES, Selectivity
from weir.transforms.screen.teaching.lessons import Lessons
from weir.transforms.screen.training.fit import inverse_frequencies, round_weights
from weir.transforms.screen.training.reader_fit import PRESUMED, READ_SHARE, Spread
from weir.transforms.text import features
from weir.transforms.text.languages import GROUPS
from weir.transforms.text.normalise import normalise

Mask = npt.NDArray[np.bool_]

WEAK = 600  # unjudged posts that a head learns from as presumably safe ones
OPEN_SHARE = 0.1  # of unjudged posts, above each threshold until the stream sets its own
# What a head said before, in spreads over ordinary posts, is a feature of this size beside n-grams
# that make a vector of length one together; so it is beside the embedding.
TRUST = 3.0
# Spreads over ordinary posts that are a unit of the logistic function: no score is rounded to 1.
_SPREAD = 0.75


def refit(base: Screen, lessons: Lessons, ordinary: Sequence[str]) -> Screen:
    """Return the screen whose heads have learned, those of ``lessons.taught()``.

    A ``ReadingScreen`` stays one. Other heads stay as they are, and so does one that is certified:
    its certificate holds for its own scores. A policy without a head gets one.
    """
    certified = {each.policy_id for each in base.certificates if each.certified}
    taught = [policy_id for policy_id in lessons.taught() if policy_id not in certified]
    posts = _Posts.of(base.scale, lessons, ordinary)
    firsts = {policy_id: _first(base, posts, policy_id) for policy_id in taught}
    if not isinstance(base, ReadingScreen):
        return _with_heads(base, firsts)
    screen = _with_heads(base.first(), firsts)
    vectors = base.encoder.embed(posts.texts)
    seconds = {p: _second(base.reader, posts, vectors, p, firsts[p]) for p in taught}
    return ReadingScreen.over(screen, _reader(base, screen, seconds), base.encoder)


@dataclass(frozen=True, eq=False)
class _Posts:
    """All posts, the judged ones first; ``half`` says in which half of them each is."""

    texts: tuple[str, ...]
    counts: sp.csr_matrix
    lengths: Floats  # of rows, as the screen measures them
    inverse: Floats  # (BUCKETS,), document frequencies of these posts
    known: npt.NDArray[np.intp]  # n-grams of judged posts that stand in two posts or more
    rows: sp.csr_matrix  # (posts, known), weighed by what n-grams tell
    labels: Floats  # (posts, policies), NaN of those that nobody judged
    policy_ids: tuple[str, ...]
    unjudged: Mask
    half: Mask

    @classmethod
    def of(cls, scale: Weights, lessons: Lessons, ordinary: Sequence[str]) -> "_Posts":
        judged = set(lessons.texts)
        texts = (*lessons.texts, *(text for text in ordinary if text not in judged))
        labels = np.full((len(texts), len(lessons.policy_ids)), np.nan)
        labels[: len(lessons.texts)] = lessons.labels
        plain: list[str] = normalise(pa.array(texts, pa.string())).to_pylist()
        draws = np.array([xxhash.xxh3_64_intdigest(text.encode()) for text in plain], np.uint64)
        unjudged = np.arange(len(texts)) >= len(lessons.texts)
        counts = features.matrix(texts)
        lengths, inverse = norms(counts, scale), inverse_frequencies(counts).astype(np.float64)
        known = np.unique(counts[: len(lessons.texts)].indices)
        known = known[inverse[known] > 0]
        rows = sp.diags(1 / lengths) @ counts[:, known] @ sp.diags(inverse[known])
        return cls(
            texts,
            counts,
            lengths,
            inverse,
            known,
            sp.csr_matrix(rows),
            labels,
            lessons.policy_ids,
            unjudged,
            draws % 2 == 0,
        )

    def of_policy(self, policy_id: str) -> Floats:
        """Return (posts,) labels."""
        return self.labels[:, self.policy_ids.index(policy_id)]

    def halves(self, fit: Callable[[Mask], Floats]) -> Floats:
        """Return each post's score by what was fitted without its half."""
        scores = np.zeros(len(self.texts))
        for here in (self.half, ~self.half):
            scores[here] = fit(~here)[here]
        return scores


def _fitted(rows: Any, labels: Floats, presumed: Mask, among: Mask) -> tuple[Floats, float]:
    """Return coefficients and bias over the judged rows among some, and WEAK of those presumed."""
    judged = np.flatnonzero(among & ~np.isnan(labels))
    weak = np.flatnonzero(among & presumed)[:WEAK]
    return regression(rows[np.concatenate([judged, weak])], labels[judged] == 1, len(weak))


@dataclass(frozen=True, eq=False)
class _First:
    """A head of the first stage, and the logits of posts that did not teach what gave them."""

    weights: Floats  # (BUCKETS,)
    bias: float
    unseen: Floats  # (posts,)
    presumed: Mask  # (posts,), to be safe
    selectivity: Selectivity


def _first(base: Screen, posts: _Posts, policy_id: str) -> _First:
    labels, lengths, inverse = posts.of_policy(policy_id), posts.lengths, posts.inverse
    old, old_bias = np.zeros(features.BUCKETS), 0.0
    if policy_id in base.policy_ids:
        column = base.policy_ids.index(policy_id)
        old, old_bias = base.weights[:, column].astype(np.float64), float(base.bias[column])
    said = posts.counts @ old / lengths + old_bias
    spread = Spread.of(said[posts.unjudged, None])
    trusted = TRUST * spread.standardise(said[:, None])
    # What the head ranks high and nobody has judged yet is not presumed to be safe.
    presumed = posts.unjudged.copy()
    if policy_id in base.policy_ids:
        presumed &= said < np.quantile(said[posts.unjudged], 1 - OPEN_SHARE)
    table = sp.csr_matrix(sp.hstack([posts.rows, trusted]))

    def scores(among: Mask) -> Floats:
        coefficients, bias = _fitted(table, labels, presumed, among)
        return np.asarray(table @ coefficients + bias, np.float64)

    coefficients, bias = _fitted(table, labels, presumed, np.ones(len(labels), bool))
    slope = coefficients[-1] * TRUST / float(spread.spread[0])
    weights = slope * old
    weights[posts.known] += coefficients[:-1] * inverse[posts.known]
    weights = round_weights(weights)
    bias += slope * (old_bias - float(spread.middle[0]))
    unseen = posts.halves(scores)
    known = next((each for each in base.selectivity if each.policy_id == policy_id), None)
    selectivity = Selectivity(
        policy_id,
        known.languages if known else GROUPS,
        tuple(_recall(unseen[labels == 1], unseen[posts.unjudged]).tolist()),
    )
    return _First(weights, bias, unseen, presumed, selectivity)


def _with_heads(base: Screen, heads: dict[str, _First]) -> Screen:
    """Return a screen with these first stages in place of its own, or beside them."""
    kept = [n for n, policy_id in enumerate(base.policy_ids) if policy_id not in heads]
    return Screen.of(
        (*(base.policy_ids[n] for n in kept), *heads),
        np.column_stack([base.weights[:, kept], *(each.weights for each in heads.values())]),
        base.scale,
        np.append(base.bias[kept], [each.bias for each in heads.values()]),
        np.append(
            base.thresholds[kept],
            [open_threshold(expit(each.unseen), OPEN_SHARE) for each in heads.values()],
        ),
        certificates=tuple(c for c in base.certificates if c.policy_id not in heads),
        provisional=tuple(c for c in base.provisional if c.policy_id not in heads),
        selectivity_of=(
            *(c for c in base.selectivity if c.policy_id not in heads),
            *(each.selectivity for each in heads.values()),
        ),
    )


@dataclass(frozen=True, eq=False)
class _Second:
    """A head of the second stage: see ``Reader``."""

    vector: Vectors
    slope: float
    offset: float
    presumed: float
    gate: float
    threshold: float
    recall: Floats  # (len(SHARES),)


def _second(
    reader: Reader, posts: _Posts, vectors: Vectors, policy_id: str, first: _First
) -> _Second:
    labels, old = posts.of_policy(policy_id), np.zeros(DIMENSIONS)
    if policy_id in reader.policy_ids:
        old = reader.vectors[reader.policy_ids.index(policy_id)].astype(np.float64)
    said = np.column_stack([vectors @ old, first.unseen])
    spread = Spread.of(said[posts.unjudged])
    table = np.hstack([vectors, TRUST * spread.standardise(said)])

    def scores(among: Mask) -> Floats:
        coefficients, bias = _fitted(table, labels, first.presumed, among)
        return np.asarray(table @ coefficients + bias, np.float64)

    coefficients, _ = _fitted(table, labels, first.presumed, np.ones(len(labels), bool))
    by_old, by_first = coefficients[-2:] * TRUST / spread.spread
    vector = coefficients[:-2] + by_old * old
    slope = max(0.0, float(by_first))
    summed = vectors @ vector + slope * first.unseen
    middle, unit = summed[posts.unjudged].mean(), summed[posts.unjudged].std() / _SPREAD
    unseen = posts.halves(scores)
    final = 0.5 + expit((summed - middle) / unit) / 2
    return _Second(
        (vector / unit).astype(np.float32),
        slope / unit,
        float(-middle / unit),
        float(np.quantile(vectors[posts.unjudged] @ vector / unit, PRESUMED)),
        open_threshold(expit(first.unseen[posts.unjudged]), READ_SHARE),
        open_threshold(final[posts.unjudged], OPEN_SHARE),
        _recall(unseen[labels == 1], unseen[posts.unjudged]),
    )


def _recall(violating: Floats, ordinary: Floats) -> Floats:
    """Return the share of violating scores at what each of SHARES of ordinary ones reaches."""
    cuts = [open_threshold(ordinary, share) for share in SHARES]
    return np.array([(violating >= each).mean() for each in cuts])


def _reader(base: ReadingScreen, screen: Screen, heads: dict[str, _Second]) -> Reader:
    """Return the second stage with these heads in place of its own, or beside them."""
    kept, new = base.reader.without(heads), list(heads.values())
    return Reader.of(
        (*kept.policy_ids, *heads),
        np.vstack([kept.vectors, *(each.vector for each in new)]),
        np.append(kept.slopes, [each.slope for each in new]),
        np.append(kept.offsets, [each.offset for each in new]),
        np.append(kept.presumed, [each.presumed for each in new]),
        np.append(kept.gates, [each.gate for each in new]),
        np.append(kept.thresholds, [each.threshold for each in new]),
        np.vstack([kept.recall, *(each.recall for each in new)]),
        first_stage(screen),
        base.encoder.version,
        kept.certificates,
        kept.provisional,
    )
