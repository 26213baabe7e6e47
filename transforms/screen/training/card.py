"""The card beside a screen: what it was made from, and how well it does on posts held out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score

from weir.transforms.screen.archive import FORMAT
from weir.transforms.screen.model import Floats, Screen
from weir.transforms.screen.training.corpus import Corpus
from weir.transforms.screen.training.labelled import LabelledSet
from weir.transforms.screen.training.split import TEST_SHARE, HeadSplit, Part
from weir.transforms.text import features

_CAUTION = (
    "A certificate holds for posts that come as its calibration set did, and for no other traffic. "
    "Measure the recall on yours with the audit sample, and train on your own labels."
)
_PRECISION_CAUTION = (
    "The precision holds at the prevalence of the calibration posts. Where fewer posts violate it "
    "is lower, by the odds of the two prevalences; what stands for other shares is that estimate."
)
_SPLIT = (
    f"by clusters of near-duplicates and a hash of their text: {TEST_SHARE:.0%} test, the rest "
    "training and, as far as each head can spare violating posts, calibration"
)


@dataclass(frozen=True)
class HeadReport:
    """What one head learned from and how it does on the test posts; shares are in [0, 1].

    The figures rest on traffic, or on written examples where there is nothing else; None where
    there are no violating posts.
    """

    policy_id: str
    train_positives: int
    train_negatives: int
    train_weak_negatives: int
    test_positives: int
    test_negatives: int
    test_average_precision: float | None
    test_recall: float | None
    test_recall_interval: tuple[float, float] | None  # Clopper-Pearson, 95 %
    test_escalation_rate: float | None  # of the test posts labelled for this policy
    traffic_escalation_rate: float | None  # of all test posts


def report(
    scores: Floats, corpus: Corpus, head: int, split: HeadSplit, threshold: float
) -> HeadReport:
    """Return the figures of one head from the scores of all posts."""
    labels, weak = corpus.labels[:, head], corpus.weak[:, head]
    train, test = split.part == Part.TRAIN, split.part == Part.TEST
    measured = test & ~np.isnan(labels)
    truth, gone = labels[measured] == 1, scores[measured] >= threshold
    return HeadReport(
        policy_id=corpus.policy_ids[head],
        train_positives=int((train & (labels == 1)).sum()),
        train_negatives=int((train & (labels == 0)).sum()),
        train_weak_negatives=int((train & weak).sum()),
        test_positives=int(truth.sum()),
        test_negatives=int((~truth).sum()),
        test_average_precision=average_precision(truth, scores[measured]),
        test_recall=_mean(gone[truth]),
        test_recall_interval=_interval(int(gone[truth].sum()), int(truth.sum())),
        test_escalation_rate=_mean(gone),
        traffic_escalation_rate=_mean(scores[test & corpus.calibrates] >= threshold),
    )


def any_policy(scores: Floats) -> Floats:
    """Return (rows,) from (rows, heads): the score that a post violates any policy.

    One less the product of the heads' chances that it does not; they are not independent, so it
    ranks, and is no probability.
    """
    return np.asarray(1 - np.prod(1 - scores, axis=1), np.float64)


def average_precision(truth: npt.NDArray[np.bool_], scores: Floats) -> float | None:
    """Return the area under precision over recall, in [0, 1]; None without violating posts."""
    return round(float(average_precision_score(truth, scores)), 4) if truth.any() else None


def card(
    screen: Screen,
    sets: Sequence[LabelledSet],
    reports: Sequence[HeadReport],
    corpus: Corpus,
    labels: Floats,
    scores: Floats,
    date: str | None,
) -> Mapping[str, Any]:
    """Return what stands in card.json; ``labels`` and ``scores`` are (posts, heads)."""
    test = (corpus.draw >= 1 - TEST_SHARE) & corpus.calibrates & ~np.isnan(labels).all(axis=1)
    truth = np.nansum(labels[test], axis=1) > 0
    return {
        "screen_version": screen.version,
        "format": FORMAT,
        "features": features.VERSION,
        "date": date,
        "caution": _CAUTION,
        "split": _SPLIT,
        "sets": [
            {
                "name": labelled.name,
                "source": labelled.source,
                "licence": labelled.licence,
                "sha256": labelled.sha256,
                "posts": len(labelled.posts),
                "calibrates": labelled.certifies,
            }
            for labelled in sets
        ],
        "distinct_posts": len(corpus.texts),
        "clusters": len(np.unique(corpus.cluster)),
        "conflicting_labels": corpus.conflicts,
        "any_policy": {
            "test_posts": int(test.sum()),
            "test_positives": int(truth.sum()),
            "test_average_precision": average_precision(truth, any_policy(scores[test])),
        },
        "heads": [
            asdict(each) | {"certificate": asdict(certificate)} | _provisional(screen, each)
            for each, certificate in zip(reports, screen.certificates, strict=True)
        ],
    }


def _provisional(screen: Screen, head: HeadReport) -> dict[str, Any]:
    """Return what a head's provisional flags hold; nothing for a screen without any."""
    if not screen.provisional:
        return {}
    found = {each.policy_id: each for each in screen.provisional}.get(head.policy_id)
    if found is None:
        return {"provisional": None}
    rates = {f"{share:g}": round(found.at(share), 4) for share in (0.1, 0.01, 0.001)}
    return {
        "provisional": asdict(found)
        | {"caution": _PRECISION_CAUTION, "precision_where_this_share_violates": rates}
    }


def _mean(values: npt.NDArray[np.bool_]) -> float | None:
    return round(float(values.mean()), 4) if len(values) else None


def _interval(hits: int, count: int) -> tuple[float, float] | None:
    if not count:
        return None
    found = binomtest(hits, count).proportion_ci(0.95, method="exact")
    return round(float(found.low), 4), round(float(found.high), 4)
