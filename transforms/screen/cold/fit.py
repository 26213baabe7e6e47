"""Fit a head to a few labelled posts, and to unlabelled ones of the stream it will rank.

For a policy that was written this morning, and again for the same policy once some verdicts are
in. What it finds is measured by ``tests/benchmarks/cold_start.py``; nothing is certified.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
import xxhash

from weir.policies.policy import Policy
from weir.transforms.arrays import Floats
from weir.transforms.screen.archive import ScreenError
from weir.transforms.screen.certificate import open_threshold
from weir.transforms.screen.cold.extra_heads import ExtraHead, Reranking, norms, rerank
from weir.transforms.screen.model import Screen, Weights, log_odds
from weir.transforms.screen.second_stage.encoder import Encoder, Vectors
from weir.transforms.text import features

# Unlabelled posts that stand as safe ones: more of them changed nothing (.523 for .520).
WEAK = 400
# Of them and of those that set the threshold, together: fewer say too little about a tenth.
LEAST_STREAM = 200
RERANKED_SHARE = 0.3  # of the traffic; beyond it there is little left to find
_STRENGTH = 1.0  # C of the regressions: .3 and 3 are within a point
_TEACHING = 0.3  # ridge of the head that imitates the encoder
_HASHED_SHARE = 0.5  # of the plain hashed head in what the encoder's head teaches
# Of a head: 100 kB each way. The n-grams that no example holds, left out too, cost one point.
_NGRAMS = 16_384
_TAUGHT_NGRAMS = 32_768

# Recall where a tenth of the traffic may be judged and a twentieth violates: labelled examples ->
# hashed head, the same taught by the encoder, and reranked by it. Means over seven tasks and five
# seeds, by tests/benchmarks/cold_start.py.
EXPECTED = (
    (10, 0.38, 0.44, 0.52),
    (20, 0.43, 0.49, 0.59),
    (40, 0.49, 0.53, 0.62),
    (100, 0.56, 0.58, 0.67),
)

Truth = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ColdSettings:
    """How much of the traffic a cold head may send to the judge, and what it may use.

    ``budget`` is a share in (0, 1] of the posts, the audit sample of share ``audit_rate`` included.
    """

    budget: float = 0.1
    audit_rate: float = 0.01
    reranks: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.budget <= 1:
            raise ValueError(f"The budget is {self.budget}; give a share above 0, at most 1.")
        if self.audit_rate >= self.budget:
            raise ValueError(
                f"The audit sample ({self.audit_rate}) takes the whole budget ({self.budget}); "
                "raise the budget or lower the audit rate."
            )

    @property
    def escalated(self) -> float:
        """Return the share above the threshold, so that the sample of the rest fills the budget."""
        return (self.budget - self.audit_rate) / (1 - self.audit_rate)


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labelled posts of one policy."""

    texts: tuple[str, ...]
    violates: Truth

    @classmethod
    def of(cls, policy: Policy) -> "Labelled":
        """Return a policy's own examples."""
        kinds = np.array([example.violates for example in policy.examples], bool)
        return cls(tuple(example.text for example in policy.examples), kinds)

    def __add__(self, other: "Labelled") -> "Labelled":
        return Labelled(
            (*self.texts, *other.texts), np.concatenate([self.violates, other.violates])
        )

    @property
    def one_kind(self) -> str | None:
        """Return what is missing for a head: violating or safe posts; None where both are there."""
        if not self.violates.any():
            return "violating"
        return "safe" if self.violates.all() else None


@dataclass(frozen=True, eq=False)
class Stream:
    """Unlabelled posts of a stream: the first ``weak`` teach, the others set thresholds.

    Ordered by a hash, so that the order they came in decides nothing and equal posts are never on
    both sides.
    """

    texts: tuple[str, ...]
    weak: int

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Stream":
        """Return a sample as a stream; ScreenError where it is too small."""
        if len(texts) < LEAST_STREAM:
            raise ScreenError(
                f"There are {len(texts)} posts of the stream, and a cold start needs "
                f"{LEAST_STREAM} to find the threshold of its budget; name more, or wait for them."
            )
        texts = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        ordered = sorted(texts, key=lambda text: (xxhash.xxh3_64_intdigest(text.encode()), text))
        weak = min(WEAK, len(ordered) // 2)
        while weak < len(ordered) - 1 and ordered[weak] == ordered[weak - 1]:
            weak += 1
        return cls(tuple(ordered), weak)

    @cached_property
    def counts(self) -> sp.csr_matrix:
        """Return the features of the posts."""
        return features.matrix(self.texts)

    @cached_property
    def inverse(self) -> Weights:
        """Return ln((1 + n) / (1 + df)) + 1 of every bucket: what is common here says little here.

        The screen's own, of other posts, finds two points less.
        """
        posts = np.bincount(self.counts.indices, minlength=features.BUCKETS)
        inverse = np.log((1 + len(self.texts)) / (1 + posts)) + 1
        return np.asarray(inverse, np.float32)


@dataclass(frozen=True)
class ColdReport:
    """What a card says of a cold head; shares are in [0, 1]."""

    policy_id: str
    kind: str
    certified: bool
    expectation: str
    expected_recall: float
    budget: float
    audit_rate: float
    threshold: float
    threshold_rule: str
    violating: int
    safe: int
    stream_posts: int
    ngrams: int
    encoder_version: str | None
    reranks: bool

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON's types."""
        return asdict(self)


class ColdStarter:
    """Fits heads for one screen and one sample of a stream, whose features are taken once.

    ``scale`` is the screen's. With an encoder, what it knows is taught to the head. Needs
    scikit-learn (the ``screen`` extra).
    """

    def __init__(self, scale: Weights, stream: Stream, encoder: Encoder | None = None) -> None:
        self.scale, self.stream, self.encoder = scale, stream, encoder

    @cached_property
    def _background(self) -> sp.csr_matrix:
        return self._rows(self.stream.counts)

    @cached_property
    def _meanings(self) -> Vectors:
        assert self.encoder is not None
        return self.encoder.embed(self.stream.texts)

    def head(
        self,
        policy_id: str,
        examples: Labelled,
        settings: ColdSettings,
        verdicts: Labelled | None = None,
    ) -> ExtraHead:
        """Return the head of labelled posts: examples alone, or with a judge's verdicts.

        Equal posts give equal heads. ScreenError where the posts are all of one kind.
        """
        labelled = examples if verdicts is None else examples + verdicts
        if missing := labelled.one_kind:
            raise ScreenError(
                f"The policy {policy_id} has no {missing} posts to learn from; add some to its "
                "examples.csv."
            )
        counts = features.matrix(labelled.texts)
        # Verdicts hold safe posts of the stream, so that nothing has to stand for them.
        weak = self.stream.weak if verdicts is None else 0
        head = self._hashed(policy_id, counts, labelled.violates, weak)
        meaning: tuple[Weights, float] | None = None
        if self.encoder is not None:
            head, meaning = self._taught(head, counts, labelled, weak)
        return self._thresholded(head, settings, meaning if settings.reranks else None)

    def _rows(self, counts: sp.csr_matrix) -> sp.csr_matrix:
        """Return counts by this stream's frequencies, rows as long as the screen's norm says."""
        rows = counts @ sp.diags(self.stream.inverse)
        return sp.csr_matrix(sp.diags((1 / norms(counts, self.scale)).astype(np.float32)) @ rows)

    def _hashed(
        self, policy_id: str, counts: sp.csr_matrix, violates: Truth, weak: int
    ) -> ExtraHead:
        known = np.zeros(features.BUCKETS, np.float32)
        known[counts.indices] = 1
        rows = sp.vstack([self._rows(counts), self._background[:weak]], format="csr")
        coefficients, bias = regression(rows @ sp.diags(known), violates, weak)
        return self._sparse(policy_id, coefficients, bias, _NGRAMS)

    def _sparse(self, policy_id: str, coefficients: Floats, bias: float, most: int) -> ExtraHead:
        """Return the head of coefficients on this stream's features, with the largest alone."""
        weights = (coefficients * self.stream.inverse).astype(np.float16)
        sizes = np.abs(weights.astype(np.float32))
        largest = np.argsort(-sizes, kind="stable")[:most]
        buckets = np.sort(largest[sizes[largest] > 0]).astype(np.int32)
        return ExtraHead(policy_id, buckets, weights[buckets].astype(np.float32), bias, 1.0)

    def _taught(
        self, plain: ExtraHead, counts: sp.csr_matrix, labelled: Labelled, weak: int
    ) -> tuple[ExtraHead, tuple[Weights, float]]:
        """Return a hashed head that imitates the encoder's, and the encoder's own.

        The encoder's head, standardised over the stream, is learned with half of the plain one by
        ridge regression over all posts at hand.
        """
        from sklearn.linear_model import Ridge

        assert self.encoder is not None
        own = self.encoder.embed(labelled.texts)
        rows = np.vstack([own, self._meanings[:weak]])
        coefficients, _ = regression(rows, labelled.violates, weak)
        reading = self._meanings @ coefficients
        middle, spread = float(reading.mean()), _spread(reading)
        vector = (coefficients / spread).astype(np.float32)
        all_counts = sp.vstack([counts, self.stream.counts], format="csr")
        hashed = linear(plain, all_counts, self.scale)
        of_stream = hashed[len(labelled.texts) :]
        target = np.concatenate([own, self._meanings]) @ vector - middle / spread
        target += _HASHED_SHARE * (hashed - of_stream.mean()) / _spread(of_stream)
        model = Ridge(alpha=_TEACHING, solver="sparse_cg", tol=1e-3)
        model.fit(sp.vstack([self._rows(counts), self._background], format="csr"), target)
        bias = float(model.intercept_)
        taught = self._sparse(plain.policy_id, model.coef_, bias, _TAUGHT_NGRAMS)
        return taught, (vector, -middle / spread)

    def _thresholded(
        self, head: ExtraHead, settings: ColdSettings, meaning: tuple[Weights, float] | None
    ) -> ExtraHead:
        """Return the head with the threshold of its budget, on posts that taught it nothing.

        The posts that were learned from would be the first to be cleared.
        """
        held_out = pa.array(self.stream.texts[self.stream.weak :], pa.string())
        # By the screen itself: of a long post it takes the highest of its windows.
        scores = _alone(head, self.scale).score(held_out)[:, 0]
        linears = log_odds(scores)
        if meaning is not None:
            assert self.encoder is not None
            vector, offset = meaning
            reranking = Reranking(
                gate=open_threshold(scores, max(RERANKED_SHARE, settings.escalated)),
                vector=vector,
                slope=_HASHED_SHARE / _spread(linears),
                offset=offset - _HASHED_SHARE * float(linears.mean()) / _spread(linears),
                encoder_version=self.encoder.version,
            )
            rows = np.flatnonzero(scores >= reranking.gate)
            vectors = self._meanings[self.stream.weak :][rows]
            scores = rerank(scores, reranking, rows, vectors)
            head = replace(head, reranking=reranking)
        return replace(head, threshold=open_threshold(scores, settings.escalated))

    def report(
        self, head: ExtraHead, labelled: Labelled, settings: ColdSettings, kind: str = "cold start"
    ) -> ColdReport:
        """Return what the card says of a head."""
        reranks, encoder = head.reranking is not None, self.encoder
        recall = expected_recall(len(labelled.texts), taught=encoder is not None, reranked=reranks)
        return ColdReport(
            policy_id=head.policy_id,
            kind=kind,
            certified=False,
            expectation=(
                f"{kind}: expect a recall of about {recall:.2f} where a tenth of the traffic is "
                "judged and a twentieth violates; not promised (mean of seven public tasks that "
                "differ widely, 0.3 to 0.9; tests/benchmarks/cold_start.py)"
            ),
            expected_recall=recall,
            budget=settings.budget,
            audit_rate=settings.audit_rate,
            threshold=head.threshold,
            threshold_rule=(
                f"at most {settings.escalated:.4f} of {len(self.stream.texts) - self.stream.weak} "
                "unlabelled posts of the stream are above it"
            ),
            violating=int(labelled.violates.sum()),
            safe=int((~labelled.violates).sum()),
            stream_posts=len(self.stream.texts),
            ngrams=len(head.buckets),
            encoder_version=encoder.version if encoder else None,
            reranks=reranks,
        )


def _alone(head: ExtraHead, scale: Weights) -> Screen:
    """Return a head as the only one of a screen."""
    return Screen.scoring(
        (head.policy_id,), head.dense()[:, None], scale, np.array([head.bias], np.float64)
    )


def linear(head: ExtraHead, counts: sp.csr_matrix, scale: Weights) -> Floats:
    """Return a head's scores before the logistic function, as the folded screen computes them."""
    sums = (counts @ head.dense()).astype(np.float64)
    return np.asarray(sums / norms(counts, scale) + head.bias, np.float64)


def expected_recall(labelled: int, *, taught: bool, reranked: bool) -> float:
    """Return what EXPECTED says of so many labelled posts, by the logarithm between its rows."""
    column = 3 if reranked else 2 if taught else 1
    sizes = np.log([row[0] for row in EXPECTED])
    found = np.interp(np.log(max(1, labelled)), sizes, [row[column] for row in EXPECTED])
    return round(float(found), 2)


def _spread(values: Floats) -> float:
    return max(float(values.std()), 1e-9)


def regression(rows: Any, violates: Truth, weak: int) -> tuple[Floats, float]:
    """Return coefficients and bias of labelled rows, and of ``weak`` presumably safe ones below.

    Half of the weight is on the violating posts; the safe and the presumably safe share the rest.
    """
    from sklearn.linear_model import LogisticRegression  # takes seconds to import

    count, positives = len(violates), int(violates.sum())
    of_safe = 0.5 * count / (count - positives)
    labelled = np.where(violates, 0.5 * count / positives, of_safe / 2 if weak else of_safe)
    weights = np.concatenate([labelled, np.full(weak, 0.25 * count / max(1, weak))])
    target = np.concatenate([violates, np.zeros(weak, bool)])
    model = LogisticRegression(C=_STRENGTH, solver="liblinear", random_state=0, max_iter=1000)
    model.fit(rows, target, sample_weight=weights)
    return np.asarray(model.coef_[0], np.float64), float(model.intercept_[0])
