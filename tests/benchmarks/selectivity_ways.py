"""The posts that selectivity is measured on, and the ways to score them."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
import xxhash
from scipy.special import expit

from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.model import STARTER, Screen
from weir.transforms.screen.second_stage.encoder import (
    DIMENSIONS,
    PART,
    Encoder,
)
from weir.transforms.screen.training.corpus import suspected
from weir.transforms.screen.training.cross_fit import taught
from weir.transforms.screen.training.fit import (
    fit_head,
    inverse_frequencies,
    scale_counts,
)
from weir.transforms.screen.training.labelled import LabelledSet
from weir.transforms.screen.training.reader_fit import (
    READ_SHARE,
    READING_WEIGHT,
    Spread,
    fit_reading,
)
from weir.transforms.screen.training.readings import Readings
from weir.transforms.text import features
from weir.transforms.text.normalise import normalise


@dataclass(frozen=True, eq=False)
class Posts:
    """Distinct posts, and which labelled sets and ordinary streams hold each.

    ``labels`` is (posts, policies): 1 violates, 0 does not, NaN is not known; ``weak`` marks the
    policies that a post is presumed to respect, ``likely`` weighs those that it may violate.
    """

    policy_ids: tuple[str, ...]
    texts: pa.StringArray  # normalised
    labels: Floats
    weak: Mask
    likely: Floats
    member: Mapping[str, Mask]
    sets: tuple[str, ...]
    streams: tuple[str, ...]
    cache: Path | None = None  # of what the encoder read

    @classmethod
    def of(
        cls,
        sets: Sequence[LabelledSet],
        streams: Sequence[LabelledSet],
        policy_ids: Sequence[str],
        limit: int,
        cache: Path | None = None,
    ) -> "Posts":
        """Return at most ``limit`` posts of each, those that violate something first."""
        rows = [(post, each) for each in (*sets, *streams) for post in each.draw(limit)]
        texts = normalise(pa.array([post.text for post, _ in rows], pa.string())).to_pylist()
        distinct = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        labels = np.full((len(distinct), len(policy_ids)), np.nan)
        weak, likely = np.zeros(labels.shape, bool), np.zeros(labels.shape)
        member = {each.name: np.zeros(len(distinct), bool) for each in (*sets, *streams)}
        for text, (post, each) in zip(texts, rows, strict=True):
            row = distinct[text]
            stated = [float(post.labels.get(policy_id, np.nan)) for policy_id in policy_ids]
            labels[row] = np.fmax(labels[row], stated)
            weak[row] |= [policy_id in post.weak for policy_id in policy_ids]
            likely[row] = np.fmax(likely[row], [post.likely.get(p, 0.0) for p in policy_ids])
            member[each.name][row] = True
        return cls(
            policy_ids=tuple(policy_ids),
            texts=pa.array(list(distinct), pa.string()),
            labels=labels,
            weak=weak & np.isnan(labels),
            likely=np.where(np.isnan(labels) & ~weak, likely, 0.0),
            member=member,
            sets=tuple(each.name for each in sets),
            streams=tuple(each.name for each in streams),
            cache=cache,
        )

    def rows(self, names: Iterable[str]) -> Mask:
        """Return which posts stand in any of the sets and streams."""
        nothing = np.zeros(len(self.texts), bool)
        return np.logical_or.reduce([nothing, *(self.member[n] for n in names if n in self.member)])

    @cached_property
    def draw(self) -> npt.NDArray[np.uint64]:
        """Return a number a post that its text alone decides."""
        return np.array([_number(text) for text in self.texts.to_pylist()], np.uint64)

    @cached_property
    def counts(self) -> sp.csr_matrix:
        """Return the hashed features."""
        return features.matrix(self.texts)

    @cached_property
    def readings(self) -> Readings:
        """Return what the encoder makes of the posts."""
        return Readings.of_texts(self.texts.to_pylist(), Encoder.load(), self.cache)

    def taught(self, head: int, train: Mask) -> tuple[npt.NDArray[np.intp], Mask, Floats]:
        """Return the rows that a head learns from, which of them violate, and their weights."""
        return taught(self.labels[:, head], self.weak[:, head], self.likely[:, head], train)

    def suspected(self, head: int, train: Mask) -> npt.NDArray[np.intp]:
        """Return the rows that break some rule of which nobody said whether it is the head's."""
        return np.flatnonzero(
            train & suspected(self.labels[:, head], self.weak[:, head], self.likely)
        )


def _number(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


class Way(Protocol):
    """Something that ranks posts for every policy."""

    name: str

    def scores(self, posts: Posts, train: Mask) -> Floats:
        """Return (posts, policies) scores of all posts, having learned from ``train`` alone."""


class Shipped:
    """The starter as it ships. It has learned from the labelled sets: no measure of new posts."""

    name = "starter as shipped (knows the sets)"

    def __init__(self) -> None:
        self.screen = Screen.load(STARTER)

    def scores(self, posts: Posts, train: Mask) -> Floats:
        """Return its scores."""
        found = self.screen.score(posts.texts)
        return found[:, [self.screen.policy_ids.index(p) for p in posts.policy_ids]]

    def thresholds(self, policy_ids: Sequence[str]) -> Floats:
        """Return the thresholds that it ships with."""
        return self.screen.thresholds[[self.screen.policy_ids.index(p) for p in policy_ids]]


class WordList:
    """A post scores as many of a policy's words as it holds, those of its examples' weighed."""

    name = "a word list"

    def scores(self, posts: Posts, train: Mask) -> Floats:
        """Count the words that stand in violating posts ten times as often as elsewhere."""
        words = [set(re.findall(r"[a-z']{3,}", text)) for text in posts.texts.to_pylist()]
        found = np.zeros(posts.labels.shape)
        for head in range(len(posts.policy_ids)):
            rows, violates, _ = posts.taught(head, train)
            within, elsewhere = Counter[str](), Counter[str]()
            for row, bad in zip(rows.tolist(), violates.tolist(), strict=True):
                (within if bad else elsewhere).update(words[row])
            ratio = len(rows) / max(1, violates.sum())
            listed = {w for w, n in within.items() if n >= 3 and n * ratio > 10 * elsewhere[w]}
            found[:, head] = [len(listed & held) for held in words]
        # Equal counts are drawn apart, as a filter that stops at its budget would.
        return found + (posts.draw / 2**64)[:, None] / 2


class FirstStage:
    """Linear heads over hashed n-grams, as training fits them."""

    def __init__(self, name: str, *, ordinary: bool) -> None:
        self.name, self.ordinary = name, ordinary

    def scores(self, posts: Posts, train: Mask) -> Floats:
        """Fit the heads, and score before the logistic function."""
        if not self.ordinary:
            train = train & ~posts.rows(posts.streams)
        rows = scale_counts(posts.counts, inverse_frequencies(posts.counts[train]))
        found = np.zeros(posts.labels.shape)
        for head in range(len(posts.policy_ids)):
            used, violates, weights = posts.taught(head, train)
            if violates.any():
                coefficients, bias = fit_head(rows[used], violates, weights)
                found[:, head] = rows @ coefficients + bias
        return found


class Embedding:
    """MiniLM's sentence embedding with logistic regression, as one would take it from the shelf."""

    name = "MiniLM + logistic regression"

    def scores(self, posts: Posts, train: Mask) -> Floats:
        """Fit the regressions, and score before the logistic function."""
        from sklearn.linear_model import LogisticRegression

        vectors = posts.readings.firsts[:, :DIMENSIONS]
        found = np.zeros(posts.labels.shape)
        for head in range(len(posts.policy_ids)):
            used, violates, weights = posts.taught(head, train)
            if violates.any():
                model = LogisticRegression(class_weight="balanced", max_iter=300, tol=1e-3)
                model.fit(vectors[used], violates, sample_weight=weights)
                found[:, head] = model.decision_function(vectors)
        return found


class SecondStage:
    """The regressions of the second stage, alone."""

    name = "second stage alone"

    def scores(self, posts: Posts, train: Mask) -> Floats:
        """Fit the heads, and score before the logistic function."""
        coefficients = np.zeros((len(posts.policy_ids), PART))
        for head in range(len(posts.policy_ids)):
            used, violates, weights = posts.taught(head, train)
            suspected = posts.suspected(head, train)
            if violates.any():
                coefficients[head] = fit_reading(posts.readings, used, violates, weights, suspected)
        return posts.readings.highest(coefficients)


class BothStages:
    """The whole: what the first stage ranks low for every policy is not read."""

    def __init__(self, read_share: float = READ_SHARE) -> None:
        self.name = (
            f"both stages, gates at {read_share:.0%}" if read_share < 1 else "both, all read"
        )
        self.read_share = read_share
        self.read: list[float] = []  # shares of ordinary posts that had to be read

    def scores(self, posts: Posts, train: Mask) -> Floats:
        """Fit both, and score as the reader does."""
        first = WAYS["first"].scores(posts, train)
        second = WAYS["second"].scores(posts, train)
        ordinary = posts.rows(posts.streams)
        both = sum_stages(first, second, train & ordinary)
        gates = np.quantile(first[train & ordinary], 1 - self.read_share, axis=0)
        read = np.any(first >= gates, axis=1)
        self.read.append(float(read[ordinary & ~train].mean()))
        return np.where(read[:, None], 2 + expit(both), expit(first))


def sum_stages(first: Floats, second: Floats, ordinary: Mask) -> Floats:
    """Return the sum of both stages' (posts, heads) scores, each by its spread."""
    one, two = Spread.of(first[ordinary]), Spread.of(second[ordinary])
    return one.standardise(first) + READING_WEIGHT * two.standardise(second)


class Kept:
    """A way that remembers its scores: others are made of them."""

    def __init__(self, way: Way) -> None:
        self.name, self._way = way.name, way
        self._found: dict[tuple[int, bytes], Floats] = {}

    def scores(self, posts: Posts, train: Mask) -> Floats:
        """Return what the way scores, worked out once."""
        key = (id(posts), train.tobytes())
        if key not in self._found:
            self._found[key] = self._way.scores(posts, train)
        return self._found[key]


WAYS: Mapping[str, Way] = {
    "words": WordList(),
    "first-old": FirstStage("first stage, no ordinary posts", ordinary=False),
    "first": Kept(FirstStage("first stage", ordinary=True)),
    "minilm": Embedding(),
    "second": Kept(SecondStage()),
    "all-read": BothStages(read_share=1.0),
    "both": BothStages(),
}
