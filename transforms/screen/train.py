"""Train a screen from labelled posts, as ``weir screen train`` does.

Equal posts give equal bytes. Needs scikit-learn (the ``screen`` extra).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
import xxhash
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.preprocessing import normalize

from policies.loading import LIBRARY, load_policies
from transforms.screen import features
from transforms.screen.labelled import LabelledSet, golden_examples, public_sets
from transforms.screen.model import FORMAT, Floats, Screen
from transforms.screen.normalise import normalise

RECALL = 0.95
# With fewer calibration positives no recall of 0.95 can be certified at 95 % confidence.
ENOUGH_POSITIVES = 59
# Then the gate lets at least this share of unlabelled traffic through to the judge.
OPEN_SHARE = 0.2

_STRENGTH = 10.0  # C of the regressions
_WEAK_WEIGHT = 0.3

Labels = npt.NDArray[np.float64]


class Part(IntEnum):
    """What a post is used for, decided by its normalised text: duplicates are never split."""

    TRAIN = 0
    CALIBRATION = 1
    TEST = 2


@dataclass(frozen=True)
class HeadReport:
    """What is known of one head; every share and precision is in [0, 1]."""

    policy_id: str
    threshold: float
    threshold_rule: str
    train_positives: int
    train_negatives: int
    train_weak_negatives: int
    calibration_positives: int
    test_positives: int
    test_negatives: int
    test_average_precision: float | None
    test_recall: float | None
    test_escalation_rate: float | None
    traffic_escalation_rate: float  # of all test posts, labelled for this policy or not


@dataclass(frozen=True, eq=False)
class Corpus:
    """Distinct normalised posts with what is known of them: (posts, policies), NaN is unknown."""

    texts: pa.StringArray
    labels: Labels
    weak: npt.NDArray[np.bool_]  # (posts, policies): presumed, not labelled, to be safe
    part: npt.NDArray[np.int8]

    @classmethod
    def of(cls, sets: Sequence[LabelledSet], policy_ids: Sequence[str]) -> "Corpus":
        """Return the posts of all sets; where labels of equal texts differ, violates wins."""
        posts = [post for labelled in sets for post in labelled.posts]
        texts = normalise(pa.array([post.text for post in posts], pa.string())).to_pylist()
        row_of = {str(text): row for row, text in enumerate(dict.fromkeys(texts))}
        labels = np.full((len(row_of), len(policy_ids)), np.nan)
        weak = np.zeros(labels.shape, bool)
        for text, post in zip(texts, posts, strict=True):
            row = row_of[str(text)]
            for column, policy_id in enumerate(policy_ids):
                if policy_id in post.labels:
                    labels[row, column] = np.fmax(labels[row, column], post.labels[policy_id])
                weak[row, column] |= policy_id in post.weak
        weak &= np.isnan(labels)
        column = pa.array(list(row_of), pa.string())
        return cls(column, labels, weak, _parts(column))


def parts(texts: pa.StringArray) -> npt.NDArray[np.int8]:
    """Return the Part of each post, as it was or would be used to train a screen."""
    return _parts(normalise(texts))


def _parts(normalised: pa.StringArray) -> npt.NDArray[np.int8]:
    texts: list[str] = normalised.to_pylist()
    draws = np.array([xxhash.xxh3_64_intdigest(text.encode()) % 20 for text in texts])
    part = np.select([draws < 12, draws < 16], [Part.TRAIN, Part.CALIBRATION], Part.TEST)
    return part.astype(np.int8)


def train(
    sets: Sequence[LabelledSet], policy_ids: Sequence[str], *, date: str | None = None
) -> tuple[Screen, dict[str, Any]]:
    """Return a screen with one head per policy, and its card.

    Weights come from 12 of 20 parts of the posts, thresholds from 4, the card's figures from the
    other 4. ``date`` is written on the card as it is.
    """
    corpus = Corpus.of(sets, policy_ids)
    counts = features.matrix(corpus.texts)
    seen = corpus.part == Part.TRAIN
    inverse = _inverse_frequencies(counts[seen])
    scaled = normalize(counts @ sp.diags(inverse), copy=False)
    weights = np.zeros((features.BUCKETS, len(policy_ids)), np.float32)
    bias = np.zeros(len(policy_ids))
    for head, policy_id in enumerate(policy_ids):
        weights[:, head], bias[head] = _fit(scaled, corpus, head, policy_id)
    weights *= inverse[:, None]
    untuned = np.zeros(len(policy_ids))
    screen = Screen.of(tuple(policy_ids), weights, inverse**2, bias, untuned)
    scores = screen.score(corpus.texts)
    reports = [_report(scores[:, head], corpus, head, name) for head, name in enumerate(policy_ids)]
    screen = screen.with_thresholds(np.array([report.threshold for report in reports]))
    return screen, _card(screen, sets, reports, date)


def _inverse_frequencies(counts: sp.csr_matrix) -> npt.NDArray[np.float32]:
    """Return ln((1 + n) / (1 + df)) + 1 of every bucket; one that was seen once counts for nothing.

    Its weight would only remember the post it stood in.
    """
    posts = np.bincount(counts.indices, minlength=features.BUCKETS)
    inverse = np.where(posts < 2, 0.0, np.log((1 + counts.shape[0]) / (1 + posts)) + 1)
    return np.asarray(inverse, np.float32)


def _fit(
    scaled: sp.csr_matrix, corpus: Corpus, head: int, policy_id: str
) -> tuple[npt.NDArray[np.float32], float]:
    """Return the weights and the bias of one regularised logistic regression."""
    labels, weak = corpus.labels[:, head], corpus.weak[:, head]
    rows = np.flatnonzero((corpus.part == Part.TRAIN) & (~np.isnan(labels) | weak))
    target = labels[rows] == 1
    if target.all() or not target.any():
        raise ValueError(
            f"The policy {policy_id} has no violating or no safe posts to learn from; "
            "add golden examples of both."
        )
    sample_weight = np.where(weak[rows], _WEAK_WEIGHT, 1.0)
    model = LogisticRegression(
        C=_STRENGTH, solver="liblinear", class_weight="balanced", random_state=0, max_iter=1000
    ).fit(scaled[rows], target, sample_weight=sample_weight)
    return model.coef_[0].astype(np.float32), float(model.intercept_[0])


def _report(scores: Floats, corpus: Corpus, head: int, policy_id: str) -> HeadReport:
    labels, weak = corpus.labels[:, head], corpus.weak[:, head]
    train, tune, test = (corpus.part == part for part in Part)
    positives = np.sort(scores[tune & (labels == 1)])
    threshold, rule = _threshold(positives, scores[tune & (weak | (labels == 0))])
    measured = test & ~np.isnan(labels)
    truth, gone = labels[measured] == 1, scores[measured] >= threshold
    return HeadReport(
        policy_id=policy_id,
        threshold=threshold,
        threshold_rule=rule,
        train_positives=int((train & (labels == 1)).sum()),
        train_negatives=int((train & (labels == 0)).sum()),
        train_weak_negatives=int((train & weak).sum()),
        calibration_positives=len(positives),
        test_positives=int(truth.sum()),
        test_negatives=int((~truth).sum()),
        test_average_precision=_rounded(average_precision_score(truth, scores[measured]))
        if truth.any()
        else None,
        test_recall=_rounded(gone[truth].mean()) if truth.any() else None,
        test_escalation_rate=_rounded(gone.mean()) if len(gone) else None,
        traffic_escalation_rate=_rounded((scores[test] >= threshold).mean()),
    )


def _threshold(positives: Floats, background: Floats) -> tuple[float, str]:
    """Return the score to escalate from, and in words how it was found.

    The recall on the calibration posts is what was asked for; nothing is promised beyond them.
    """
    missed = int((1 - RECALL) * len(positives))
    recalls = float(positives[missed]) if len(positives) else 1.0
    if len(positives) >= ENOUGH_POSITIVES:
        return recalls, f"recall {RECALL} on the calibration posts, not certified"
    opened = float(np.quantile(background, 1 - OPEN_SHARE)) if len(background) else 0.0
    return min(recalls, opened), (
        f"open: {len(positives)} calibration positives are too few for a recall of {RECALL} "
        f"({ENOUGH_POSITIVES} are needed), so at least {OPEN_SHARE:.0%} of the safe calibration "
        "posts pass"
    )


def _rounded(value: float) -> float:
    return round(float(value), 4)


def _card(
    screen: Screen, sets: Sequence[LabelledSet], reports: Sequence[HeadReport], date: str | None
) -> dict[str, Any]:
    return {
        "screen_version": screen.version,
        "format": FORMAT,
        "features": features.VERSION,
        "date": date,
        "caution": (
            "Thresholds hold on the calibration posts and are not certified; recall falls on "
            "other traffic. Measure it there with the audit sample."
        ),
        "split": "by a hash of the normalised text: 12/20 train, 4/20 calibration, 4/20 test",
        "sets": [
            {
                "name": labelled.name,
                "source": labelled.source,
                "licence": labelled.licence,
                "sha256": labelled.sha256,
                "posts": len(labelled.posts),
            }
            for labelled in sets
        ],
        "heads": [asdict(report) for report in reports],
    }


def train_starter(data: Path, out: Path, date: str | None = None) -> None:
    """Train the starter screen into ``out`` from the public sets under ``data`` and the library."""
    policies = load_policies(LIBRARY)
    policy_ids = [policy.policy_id for policy in policies.policies]
    screen, card = train([*public_sets(data), golden_examples(policies)], policy_ids, date=date)
    screen.save(out, card)
