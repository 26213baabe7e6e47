"""Teach a screen from verdicts on the stream that it serves: both stages, from where they stand.

What a head knows already is where its regression begins, so few verdicts change little and many
change much; no public set is needed. A head that has both stages learns in the second one, see
``fit_verdicts``; the first stage of others is fitted, with what it said as one more feature.
Unjudged posts of the stream stand for ordinary traffic. Others that taught nothing, as the screen
itself scores them, set the shares that gates and thresholds are open for. What is expected of a
head, and how many posts violate its policy, by which requests are divided among heads, rests on
scores of posts that the half of the posts which gave them did not hold. Nothing is certified.

A post is scored by the highest of its views. It teaches a first stage as a whole, by its first
view, see ``features.matrix_of_views``, and a second one by the part that stands out, see ROUNDS.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
import xxhash
from scipy.special import expit

from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.certificate import open_threshold
from weir.transforms.screen.cold.extra_heads import norms
from weir.transforms.screen.cold.fit import regression
from weir.transforms.screen.model import Screen, Weights, log_odds
from weir.transforms.screen.second_stage.encoder import PART, Vectors
from weir.transforms.screen.second_stage.scorer import Reader, first_stage_digest
from weir.transforms.screen.second_stage.screen import ReadingScreen, reading_heads
from weir.transforms.screen.selectivity import SHARES, Selectivity
from weir.transforms.screen.teaching.lessons import Lessons
from weir.transforms.screen.training.fit import inverse_frequencies, round_weights
from weir.transforms.screen.training.reader_fit import PRESUMED, READ_SHARE, Spread
from weir.transforms.screen.training.readings import Readings
from weir.transforms.screen.training.verdict_fit import fit_verdicts
from weir.transforms.text import features
from weir.transforms.text.languages import GROUPS
from weir.transforms.text.normalise import normalise

Places = npt.NDArray[np.intp]

# Of a post that is presumed safe beside a judged one.
PRESUMED_WEIGHT = 0.2
WEAK = 600  # unjudged posts that a head learns from as presumably safe ones
OPEN_SHARE = 0.1  # of unjudged posts, above each threshold until the stream sets its own
# What a head said before, in spreads over ordinary posts, is a feature of this size beside n-grams
# that make a vector of length one together; so it is beside the embedding.
TRUST = 3.0
# Nobody knows which part of a post a verdict is about: the first round takes it as a whole, each
# later one the part that stands out by the last. With 1, 2 and 3 a thousand verdicts find 0.804,
# 0.815 and 0.829 on Wikipedia, 0.871, 0.869 and 0.873 on Reddit.
ROUNDS = 3
# Spreads over ordinary posts that are a unit of the logistic function: no score is rounded to 1.
_SPREAD = 0.75


def refit(base: Screen, lessons: Lessons, ordinary: Sequence[str]) -> Screen:
    """Return the screen whose heads have learned, those of ``lessons.taught``.

    A ``ReadingScreen`` stays one. Other heads stay as they are, and so does one that is certified:
    its certificate holds for its own scores. A policy without a head gets one.
    """
    certified = {each.policy_id for each in base.certificates if each.certified}
    taught = [p for p in lessons.taught(reading_heads(base)) if p not in certified]
    if not taught:
        return base
    posts = _Posts.of(lessons, ordinary)
    reads = isinstance(base, ReadingScreen)
    firsts = _firsts(base, posts, [p for p in taught if not reads or p not in base.policy_ids])
    screen = _with_heads(base.first() if isinstance(base, ReadingScreen) else base, firsts, posts)
    live = screen.score(pa.array(posts.texts, pa.string()))
    unseen = {policy_id: each.unseen for policy_id, each in firsts.items()}
    if not isinstance(base, ReadingScreen):
        said = _by_policy(screen.policy_ids, log_odds(live)) | unseen
        return _with_expected(screen, posts, said)
    readings = Readings.of_texts(posts.texts, base.encoder)
    hashed = _by_policy(screen.policy_ids, log_odds(live)) | unseen
    scores = _by_policy(screen.policy_ids, live)
    seconds = {p: _second(base.reader, posts, readings, p, hashed[p], scores[p]) for p in taught}
    reader = _reader(base, screen, seconds)
    meanings = reader.meanings(readings.vectors, readings.begins)
    first = live[:, [screen.policy_ids.index(policy_id) for policy_id in reader.policy_ids]]
    finished = reader.finished(first, meanings, readings.beyond)[posts.background]
    reader = _opened(reader, seconds, finished)
    final = meanings + (reader.slopes * log_odds(first) + reader.offsets)
    unseen = {policy_id: each.unseen for policy_id, each in seconds.items()}
    said = hashed | _by_policy(reader.policy_ids, final) | unseen
    told = _with_expected(screen, posts, said)
    recalls = {each.policy_id: each.recall for each in told.selectivity}
    recall = reader.recall.copy()
    for row, policy_id in enumerate(reader.policy_ids):
        if policy_id in posts.policy_ids:
            recall[row] = recalls[policy_id]
    return ReadingScreen.over(told, reader.with_recall(recall), base.encoder)


def _by_policy(policy_ids: Sequence[str], scores: Floats) -> dict[str, Floats]:
    return dict(zip(policy_ids, scores.T, strict=True))


@dataclass(frozen=True, eq=False)
class _Posts:
    """All posts, the judged ones first; ``half`` says in which half of them each is."""

    texts: tuple[str, ...]  # normalised
    labels: Floats  # (posts, policies), NaN of those that nobody judged
    policy_ids: tuple[str, ...]
    unjudged: Mask
    stream: Mask  # (posts,), of those that came as the stream does, judged or not
    background: Mask  # (posts,), unjudged ones that teach nothing
    half: Mask

    @classmethod
    def of(cls, lessons: Lessons, ordinary: Sequence[str]) -> "_Posts":
        judged = set(lessons.texts)
        unread = [text for text in ordinary if text not in judged]
        plain: list[str] = normalise(pa.array([*lessons.texts, *unread], pa.string())).to_pylist()
        lessons_end = len(lessons.texts)
        # What has nothing to read is cleared whatever the thresholds, and no part of a share.
        texts = (*plain[:lessons_end], *filter(None, plain[lessons_end:]))
        labels = np.full((len(texts), len(lessons.policy_ids)), np.nan)
        labels[:lessons_end] = lessons.labels
        latest = set(ordinary)
        stream = np.ones(len(texts), bool)
        stream[:lessons_end] = [text in latest for text in lessons.texts]
        draws = np.array([xxhash.xxh3_64_intdigest(text.encode()) for text in texts], np.uint64)
        unjudged = np.arange(len(texts)) >= lessons_end
        return cls(
            texts,
            labels,
            lessons.policy_ids,
            unjudged,
            stream,
            unjudged & (draws >> np.uint64(1) & np.uint64(1) == 1),
            draws % np.uint64(2) == 0,
        )

    def of_policy(self, policy_id: str) -> Floats:
        """Return (posts,) labels."""
        return self.labels[:, self.policy_ids.index(policy_id)]

    def presumed(self, said: Floats) -> Mask:
        """Return the posts that may be presumed safe: unjudged ones that a head ranks low."""
        low = said < np.quantile(said[self.stream], 1 - OPEN_SHARE)
        return self.unjudged & ~self.background & low

    def halves(self, fit: Callable[[Mask], Floats]) -> Floats:
        """Return each post's score by what was fitted without its half."""
        scores = np.zeros(len(self.texts))
        for here in (self.half, ~self.half):
            scores[here] = fit(~here)[here]
        return scores


@dataclass(frozen=True, eq=False)
class _Grams:
    """The n-grams of posts, which a first stage is fitted to."""

    views: sp.csr_matrix  # (views, BUCKETS), those of a post one after another
    begins: Places  # (posts,), the first view of each
    lengths: Floats  # (views,), as the screen measures them
    inverse: Floats  # (BUCKETS,), document frequencies of these posts
    known: Places  # n-grams of judged posts that stand in two posts or more
    rows: sp.csr_matrix  # (views, known), weighed by what n-grams tell

    @classmethod
    def of(cls, scale: Weights, posts: _Posts) -> "_Grams":
        views, begins = features.matrix_of_views(posts.texts)
        counts = views[begins]
        lengths, inverse = norms(views, scale), inverse_frequencies(counts).astype(np.float64)
        known = np.unique(counts[~posts.unjudged].indices)
        known = known[inverse[known] > 0]
        rows = sp.diags(1 / lengths) @ views[:, known] @ sp.diags(inverse[known])
        return cls(views, begins, lengths, inverse, known, sp.csr_matrix(rows))

    def highest(self, of_views: Floats) -> Floats:
        """Return (posts,) scores from those of their views."""
        return np.asarray(np.maximum.reduceat(of_views, self.begins), np.float64)


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


def _firsts(base: Screen, posts: _Posts, policy_ids: Sequence[str]) -> dict[str, _First]:
    if not policy_ids:
        return {}
    grams = _Grams.of(base.scale, posts)
    return {policy_id: _first(base, posts, grams, policy_id) for policy_id in policy_ids}


def _first(base: Screen, posts: _Posts, grams: _Grams, policy_id: str) -> _First:
    labels, lengths, inverse = posts.of_policy(policy_id), grams.lengths, grams.inverse
    old, old_bias = np.zeros(features.BUCKETS), 0.0
    if policy_id in base.policy_ids:
        column = base.policy_ids.index(policy_id)
        old, old_bias = base.weights[:, column].astype(np.float64), float(base.bias[column])
    of_views = grams.views @ old / lengths + old_bias
    spread = Spread.of(of_views[grams.begins][posts.unjudged, None])
    trusted = TRUST * spread.standardise(of_views[:, None])
    # What the head ranks high and nobody has judged yet is not presumed to be safe.
    if policy_id in base.policy_ids:
        presumed = posts.presumed(grams.highest(of_views))
    else:
        presumed = posts.unjudged & ~posts.background
    table = sp.csr_matrix(sp.hstack([grams.rows, trusted]))
    whole = table[grams.begins]

    def scores(among: Mask) -> Floats:
        coefficients, bias = _fitted(whole, labels, presumed, among)
        return grams.highest(table @ coefficients + bias)

    coefficients, bias = _fitted(whole, labels, presumed, np.ones(len(labels), bool))
    slope = coefficients[-1] * TRUST / float(spread.spread[0])
    weights = slope * old
    weights[grams.known] += coefficients[:-1] * inverse[grams.known]
    weights = round_weights(weights)
    bias += slope * (old_bias - float(spread.middle[0]))
    return _First(weights, bias, posts.halves(scores))


def _with_heads(base: Screen, heads: Mapping[str, _First], posts: _Posts) -> Screen:
    """Return a screen with these first stages in place of its own, or beside them."""
    if not heads:
        return base
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
        selectivity_of=base.selectivity,
    )


@dataclass(frozen=True, eq=False)
class _Second:
    """A head of the second stage: see ``Reader``."""

    vector: Vectors
    slope: float
    offset: float
    presumed: float
    gate: float
    unseen: Floats  # (posts,), by what did not learn of them


def _second(
    reader: Reader, posts: _Posts, readings: Readings, policy_id: str, hashed: Floats, live: Floats
) -> _Second:
    """Return the second stage of a head whose first one gives ``live`` (posts,) scores.

    ``hashed`` are logits of what it gives posts that it did not learn from.
    """
    labels, (old, old_slope, old_offset) = posts.of_policy(policy_id), _head(reader, policy_id)
    first = old_slope * hashed + old_offset
    said = readings.highest(old[None])[:, 0] + first
    spread = Spread.of(said[posts.stream, None])
    standard = spread.standardise(said[:, None])[:, 0]
    whole = readings.firsts
    middle = whole[posts.stream].mean(axis=0)

    def fit(among: Mask) -> tuple[Floats, float, float]:
        rows, called, weights = _heard(labels, posts.presumed(said), among)
        seen, known = whole, standard
        for _ in range(ROUNDS):
            learned = fit_verdicts(known[rows], seen[rows] - middle, called, weights)
            vector = learned.slope / float(spread.spread[0]) * old + learned.direction
            seen = readings.outstanding(vector)
            known = spread.standardise((seen @ old + first)[:, None])[:, 0]
        by = learned.slope / float(spread.spread[0])
        offset = learned.bias + by * (old_offset - float(spread.middle[0]))
        return vector, by * old_slope, offset - float(learned.direction @ middle)

    def scores(among: Mask) -> Floats:
        vector, slope, offset = fit(among)
        return readings.highest(vector[None])[:, 0] + slope * hashed + offset

    vector, slope, _ = fit(np.ones(len(labels), bool))
    meanings = readings.highest(vector[None])[:, 0]
    summed = Spread.of((meanings + slope * hashed)[posts.stream, None])
    unit = float(summed.spread[0]) / _SPREAD
    return _Second(
        (vector / unit).astype(np.float32),
        slope / unit,
        -float(summed.middle[0]) / unit,
        float(np.quantile(meanings[posts.stream] / unit, PRESUMED)),
        float(np.quantile(live[posts.background], 1 - READ_SHARE)),
        posts.halves(scores),
    )


def _head(reader: Reader, policy_id: str) -> tuple[Floats, float, float]:
    """Return vector, slope and offset of a head; those of the first stage alone where none is."""
    if policy_id not in reader.policy_ids:
        return np.zeros(PART), 1.0, 0.0
    row = reader.policy_ids.index(policy_id)
    vector = reader.vectors[row].astype(np.float64)
    return vector, float(reader.slopes[row]), float(reader.offsets[row])


def _heard(labels: Floats, presumed: Mask, among: Mask) -> tuple[Places, Mask, Floats]:
    """Return rows among some, judged and presumed ones, which a judge called, and their weights."""
    judged = np.flatnonzero(among & ~np.isnan(labels))
    weak = np.flatnonzero(among & presumed)
    rows = np.concatenate([judged, weak])
    return rows, labels[rows] == 1, np.repeat([1.0, PRESUMED_WEIGHT], [len(judged), len(weak)])


def _expected(posts: _Posts, policy_id: str, said: Floats) -> tuple[float, Floats]:
    """Return the share of the stream that violates a policy, and the share found at SHARES.

    ``said`` are (posts,) logits by what had not learned of them. All of it rests on chances of
    each post of the stream, and none on a count of verdicts, of which a part is false.
    """
    standard = Spread.of(said[posts.stream, None]).standardise(said[:, None])[:, 0]
    every = np.ones(len(said), bool)
    rows, called, weights = _heard(posts.of_policy(policy_id), posts.presumed(said), every)
    nothing = np.zeros((len(rows), 0), np.float32)
    learned = fit_verdicts(standard[rows], nothing, called, weights)
    chances = expit(learned.bias + learned.slope * standard[posts.stream])
    found = np.cumsum(np.sort(chances)[::-1])
    places = np.ceil(np.array(SHARES) * len(found)).astype(int) - 1
    return float(chances.mean()), found[places] / found[-1]


def _with_expected(screen: Screen, posts: _Posts, said: Mapping[str, Floats]) -> Screen:
    """Return a screen that says what is expected of those of its heads that verdicts speak of."""
    known = {each.policy_id: each for each in screen.selectivity}
    for policy_id in set(posts.policy_ids) & set(screen.policy_ids):
        violating, recall = _expected(posts, policy_id, said[policy_id])
        head = known.get(policy_id, Selectivity(policy_id, GROUPS))
        known[policy_id] = replace(head, violating=violating, recall=tuple(recall.tolist()))
    return screen.with_selectivity([known[p] for p in screen.policy_ids if p in known])


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
        np.vstack([own.recall[kept], np.full((len(new), len(SHARES)), np.nan)]),
        first_stage_digest(screen),
        base.encoder.version,
        [each for each in own.certificates if each.policy_id not in heads],
        [each for each in own.provisional if each.policy_id not in heads],
    )


def _opened(reader: Reader, heads: Collection[str], background: Floats) -> Reader:
    """Return the second stage in which ``heads`` are open for their share of a background.

    ``background`` are the (posts, heads) scores of both stages of it.
    """
    thresholds = [
        open_threshold(background[:, n], OPEN_SHARE) if policy_id in heads else reader.thresholds[n]
        for n, policy_id in enumerate(reader.policy_ids)
    ]
    return reader.with_thresholds(np.array(thresholds), reader.certificates, reader.provisional)
