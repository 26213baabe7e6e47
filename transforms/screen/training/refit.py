"""Teach a screen from verdicts on the stream that it serves: both stages, from where they stand.

What a head knows already is one more feature of each regression, so few verdicts change little and
many change much; no public set is needed. Unjudged posts of the stream stand for ordinary traffic:
half of the weight of what is safe. Others that taught nothing, as the screen itself scores them,
set the shares that gates and thresholds are open for. What is said of a head, and what its second
stage learns of the first, rests on scores of posts that the half of the posts which gave them did
not hold. Nothing is certified.

A post teaches as a whole, by its first view, and is scored by the highest of its views, see
``features.matrix_of_views`` and ``Encoder.embed_whole``.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
import xxhash

from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.certificate import open_threshold
from weir.transforms.screen.cold.extra_heads import norms
from weir.transforms.screen.cold.fit import regression
from weir.transforms.screen.model import Screen, Weights, log_odds
from weir.transforms.screen.reading.encoder import PART, Vectors
from weir.transforms.screen.reading.reader import Reader, first_stage
from weir.transforms.screen.reading.screen import ReadingScreen
from weir.transforms.screen.selectivity import SHARES, Selectivity
from weir.transforms.screen.teaching.lessons import Lessons
from weir.transforms.screen.training.cross_fit import Readings
from weir.transforms.screen.training.fit import inverse_frequencies, round_weights
from weir.transforms.screen.training.reader_fit import PRESUMED, READ_SHARE, Spread
from weir.transforms.text import features
from weir.transforms.text.languages import GROUPS
from weir.transforms.text.normalise import normalise

Places = npt.NDArray[np.intp]

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
    if not taught:
        return base
    posts = _Posts.of(base.scale, lessons, ordinary)
    firsts = {policy_id: _first(base, posts, policy_id) for policy_id in taught}
    if not isinstance(base, ReadingScreen):
        return _with_heads(base, firsts, posts)
    screen = _with_heads(base.first(), firsts, posts)
    live = screen.score(pa.array(posts.texts, pa.string()))
    readings = Readings.of_texts(posts.texts, base.encoder)
    seconds = {
        policy_id: _second(
            base.reader,
            posts,
            readings,
            policy_id,
            firsts[policy_id],
            live[:, screen.policy_ids.index(policy_id)],
        )
        for policy_id in taught
    }
    reader = _reader(base, screen, seconds)
    return ReadingScreen.over(
        screen, _opened(reader, screen, seconds, live, readings, posts), base.encoder
    )


@dataclass(frozen=True, eq=False)
class _Posts:
    """All posts, the judged ones first; ``half`` says in which half of them each is."""

    texts: tuple[str, ...]  # normalised
    views: sp.csr_matrix  # (views, BUCKETS), those of a post one after another
    begins: Places  # (posts,), the first view of each
    lengths: Floats  # (views,), as the screen measures them
    inverse: Floats  # (BUCKETS,), document frequencies of these posts
    known: Places  # n-grams of judged posts that stand in two posts or more
    rows: sp.csr_matrix  # (views, known), weighed by what n-grams tell
    labels: Floats  # (posts, policies), NaN of those that nobody judged
    policy_ids: tuple[str, ...]
    unjudged: Mask
    background: Mask  # (posts,), unjudged ones that teach nothing
    half: Mask

    @classmethod
    def of(cls, scale: Weights, lessons: Lessons, ordinary: Sequence[str]) -> "_Posts":
        judged = set(lessons.texts)
        unread = [text for text in ordinary if text not in judged]
        plain: list[str] = normalise(pa.array([*lessons.texts, *unread], pa.string())).to_pylist()
        lessons_end = len(lessons.texts)
        # What has nothing to read is cleared whatever the thresholds, and no part of a share.
        texts = (*plain[:lessons_end], *filter(None, plain[lessons_end:]))
        labels = np.full((len(texts), len(lessons.policy_ids)), np.nan)
        labels[:lessons_end] = lessons.labels
        draws = np.array([xxhash.xxh3_64_intdigest(text.encode()) for text in texts], np.uint64)
        unjudged = np.arange(len(texts)) >= lessons_end
        views, begins = features.matrix_of_views(texts)
        counts = views[begins]
        lengths, inverse = norms(views, scale), inverse_frequencies(counts).astype(np.float64)
        known = np.unique(counts[:lessons_end].indices)
        known = known[inverse[known] > 0]
        rows = sp.diags(1 / lengths) @ views[:, known] @ sp.diags(inverse[known])
        return cls(
            texts,
            views,
            begins,
            lengths,
            inverse,
            known,
            sp.csr_matrix(rows),
            labels,
            lessons.policy_ids,
            unjudged,
            unjudged & (draws >> np.uint64(1) & np.uint64(1) == 1),
            draws % np.uint64(2) == 0,
        )

    def highest(self, of_views: Floats) -> Floats:
        """Return (posts,) scores from those of their views."""
        return np.asarray(np.maximum.reduceat(of_views, self.begins), np.float64)

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
    of_views = posts.views @ old / lengths + old_bias
    spread = Spread.of(of_views[posts.begins][posts.unjudged, None])
    trusted = TRUST * spread.standardise(of_views[:, None])
    # What the head ranks high and nobody has judged yet is not presumed to be safe.
    presumed, said = posts.unjudged & ~posts.background, posts.highest(of_views)
    if policy_id in base.policy_ids:
        presumed &= said < np.quantile(said[posts.unjudged], 1 - OPEN_SHARE)
    table = sp.csr_matrix(sp.hstack([posts.rows, trusted]))
    whole = table[posts.begins]

    def scores(among: Mask) -> Floats:
        coefficients, bias = _fitted(whole, labels, presumed, among)
        return posts.highest(table @ coefficients + bias)

    coefficients, bias = _fitted(whole, labels, presumed, np.ones(len(labels), bool))
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


def _with_heads(base: Screen, heads: Mapping[str, _First], posts: _Posts) -> Screen:
    """Return a screen with these first stages in place of its own, or beside them."""
    kept = [n for n, policy_id in enumerate(base.policy_ids) if policy_id not in heads]
    policy_ids = (*(base.policy_ids[n] for n in kept), *heads)
    weights = np.column_stack([base.weights[:, kept], *(each.weights for each in heads.values())])
    bias = np.append(base.bias[kept], [each.bias for each in heads.values()])
    background = pa.array(compress(posts.texts, posts.background), pa.string())
    live = Screen.scoring(policy_ids, weights, base.scale, bias).score(background)[:, len(kept) :]
    return Screen.of(
        policy_ids,
        weights,
        base.scale,
        bias,
        np.append(base.thresholds[kept], [open_threshold(each, OPEN_SHARE) for each in live.T]),
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
    recall: Floats  # (len(SHARES),)


def _second(
    reader: Reader,
    posts: _Posts,
    readings: Readings,
    policy_id: str,
    first: _First,
    live: Floats,
) -> _Second:
    """Return the second stage of a head whose first one gives ``live`` (posts,) scores."""
    labels, old = posts.of_policy(policy_id), np.zeros(PART)
    if policy_id in reader.policy_ids:
        old = reader.vectors[reader.policy_ids.index(policy_id)].astype(np.float64)
    whole = readings.vectors[readings.begins]
    said = np.column_stack([whole @ old, first.unseen])
    spread = Spread.of(said[posts.unjudged])
    table = np.hstack([whole, TRUST * spread.standardise(said)])

    def fit(among: Mask) -> tuple[Floats, float, float]:
        coefficients, bias = _fitted(table, labels, first.presumed, among)
        by = coefficients[-2:] * TRUST / spread.spread
        offset = bias - float(by @ spread.middle)
        return coefficients[:-2] + by[0] * old, max(0.0, float(by[1])), offset

    def scores(among: Mask) -> Floats:
        vector, slope, offset = fit(among)
        return readings.highest(vector[None])[:, 0] + slope * first.unseen + offset

    vector, slope, _ = fit(np.ones(len(labels), bool))
    meanings = readings.highest(vector[None])[posts.background, 0]
    summed = Spread.of((meanings + slope * log_odds(live[posts.background]))[:, None])
    unit = float(summed.spread[0]) / _SPREAD
    unseen = posts.halves(scores)
    return _Second(
        (vector / unit).astype(np.float32),
        slope / unit,
        -float(summed.middle[0]) / unit,
        float(np.quantile(meanings / unit, PRESUMED)),
        open_threshold(live[posts.background], READ_SHARE),
        _recall(unseen[labels == 1], unseen[posts.unjudged]),
    )


def _recall(violating: Floats, ordinary: Floats) -> Floats:
    """Return the share of violating scores at what each of SHARES of ordinary ones reaches."""
    cuts = [open_threshold(ordinary, share) for share in SHARES]
    return np.array([(violating >= each).mean() for each in cuts])


def _reader(base: ReadingScreen, screen: Screen, heads: Mapping[str, _Second]) -> Reader:
    """Return the second stage with these heads in place of its own, or beside them.

    The thresholds of what has learned clear nothing.
    """
    own, new = base.reader, list(heads.values())
    kept = [n for n, policy_id in enumerate(own.policy_ids) if policy_id not in heads]
    return Reader.of(
        (*(own.policy_ids[n] for n in kept), *heads),
        np.vstack([own.vectors[kept], *(each.vector for each in new)]),
        np.append(own.slopes[kept], [each.slope for each in new]),
        np.append(own.offsets[kept], [each.offset for each in new]),
        np.append(own.presumed[kept], [each.presumed for each in new]),
        np.append(own.gates[kept], [each.gate for each in new]),
        np.append(own.thresholds[kept], np.zeros(len(new))),
        np.vstack([own.recall[kept], *(each.recall for each in new)]),
        first_stage(screen),
        base.encoder.version,
        [each for each in own.certificates if each.policy_id not in heads],
        [each for each in own.provisional if each.policy_id not in heads],
    )


def _opened(
    reader: Reader,
    screen: Screen,
    heads: Collection[str],
    live: Floats,
    readings: Readings,
    posts: _Posts,
) -> Reader:
    """Return the second stage in which ``heads`` are open for their share of the background."""
    columns = [screen.policy_ids.index(policy_id) for policy_id in reader.policy_ids]
    meanings = reader.meanings(readings.vectors, readings.begins)
    final = reader.finished(live[:, columns], meanings, readings.beyond)[posts.background]
    thresholds = [
        open_threshold(final[:, n], OPEN_SHARE) if policy_id in heads else reader.thresholds[n]
        for n, policy_id in enumerate(reader.policy_ids)
    ]
    return reader.with_thresholds(np.array(thresholds), reader.certificates, reader.provisional)
