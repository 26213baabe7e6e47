"""Put thresholds to the heads of a stage, and say what they promise, from out-of-fold scores.

Every labelled post calibrates: its score is of a twin that learned from no post of its fold, and
the head that is kept is the mean of the twins. The count is Clopper and Pearson's. For posts held
out that is exact; for out-of-fold scores it holds as far as twins score alike: asymptotically,
where refitting is stable (Bayle, Bayle, Janson and Mackey, 2020, "Cross-validation confidence
intervals for test error"; Austern and Zhou, 2020), and with a share of misses twice as large
whatever the fit (CV+: Barber, Candes, Ramdas and Tibshirani, 2021, on the average; Bian and Barber,
2023, for one training). How often it holds is counted by tests/benchmarks/certificates.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weir.transforms.arrays import Floats, Mask
from weir.transforms.screen.certificate import (
    Certificate,
    calibration_hash,
    certified_threshold,
    misses_allowed,
    open_threshold,
    positives_needed,
)
from weir.transforms.screen.precision import PrecisionCertificate
from weir.transforms.screen.training.corpus import Corpus
from weir.transforms.screen.training.cross_fit import count_folds
from weir.transforms.screen.training.labelled import LabelledSet
from weir.transforms.screen.training.precision_fit import precision_certificate
from weir.transforms.screen.training.settings import TrainingSettings


@dataclass(frozen=True, eq=False)
class Calibrated:
    """The thresholds of one stage, or of both together, and what is promised of them."""

    thresholds: Floats  # (heads,)
    certificates: tuple[Certificate, ...]  # one a head
    provisional: tuple[PrecisionCertificate, ...]  # at most one a head


def calibrated(
    scores: Floats,
    corpus: Corpus,
    heads: Sequence[int],
    sets: Sequence[LabelledSet],
    settings: TrainingSettings,
    spent: Sequence[int] | None = None,
) -> Calibrated:
    """Return what (posts, heads) out-of-fold scores allow; NaN are of posts without any.

    ``spent`` says for each head how many cuts were made before, see `certified_threshold`.
    """
    certificates = [
        _certificate(scores[:, column], corpus, head, sets, settings, before)
        for column, (head, before) in enumerate(zip(heads, spent or [0] * len(heads), strict=True))
    ]
    precise = [
        precision_certificate(
            scores[:, column], corpus, head, asked, calibration_set(sets, corpus.policy_ids[head])
        )
        for asked in ([settings.asked] if settings.asked else [])
        for column, head in enumerate(heads)
    ]
    return Calibrated(
        np.array([each.threshold for each in certificates]),
        tuple(certificates),
        tuple(each for each in precise if each is not None),
    )


def _certificate(
    scores: Floats,
    corpus: Corpus,
    head: int,
    sets: Sequence[LabelledSet],
    settings: TrainingSettings,
    spent: int,
) -> Certificate:
    policy_id, labels = corpus.policy_ids[head], corpus.labels[:, head]
    scored = ~np.isnan(scores)
    violating = positives(scores, corpus, head)
    recall, confidence = settings.certifiable(len(violating)), settings.confidence
    needed = positives_needed(recall, confidence)
    threshold = certified_threshold(violating, recall, confidence, spent)
    certified = threshold is not None
    if threshold is None:
        threshold = open_threshold(scores[corpus.ordinary(head) & scored], settings.budget)
    basis = corpus.certification_posts(head) if certified else corpus.calibrates
    rows = np.flatnonzero(basis & scored & ~np.isnan(labels))
    texts: list[str] = corpus.texts.take(rows).to_pylist()
    return Certificate(
        policy_id=policy_id,
        certified=certified,
        threshold=threshold,
        recall=recall,
        confidence=confidence,
        positives=len(violating),
        misses_allowed=misses_allowed(len(violating), recall, confidence),
        positives_needed=needed,
        labels_needed=max(0, needed - len(violating)),
        calibration_set=calibration_set(
            [each for each in sets if each.certifies or not certified], policy_id
        ),
        calibration_sha256=calibration_hash(texts, [bool(label) for label in labels[rows]]),
        calibration_posts=len(rows),
        escalation_rate=float((scores[rows] >= threshold).mean()) if len(rows) else 1.0,
        budget=None if certified else settings.budget,
        folds=count_folds(corpus),
    )


def positives(scores: Floats, corpus: Corpus, head: int) -> Floats:
    """Return the scores that calibrate a head: one for a cluster of its violating posts."""
    violating = corpus.certification_posts(head) & (corpus.labels[:, head] == 1)
    return lowest_of_clusters(scores, corpus, violating & ~np.isnan(scores))


def calibration_set(sets: Sequence[LabelledSet], policy_id: str) -> str:
    """Return the names of the sets with violating posts, which are what a recall is about."""
    traffic = [labelled for labelled in sets if labelled.calibrates]
    with_violating = [
        labelled
        for labelled in traffic
        if any(post.labels.get(policy_id) for post in labelled.posts)
    ]
    return ", ".join(labelled.name for labelled in with_violating or traffic)


def lowest_of_clusters(scores: Floats, corpus: Corpus, rows: Mask) -> Floats:
    """Return the lowest score in each cluster of the rows.

    Near-duplicates are not exchangeable with posts of their own: forty copies of one message would
    count as forty. A cluster counts once, and as caught only if all of it is.
    """
    lowest = np.full(len(scores), np.inf)
    np.minimum.at(lowest, corpus.cluster[rows], scores[rows])
    return np.asarray(lowest[np.isfinite(lowest)], np.float64)
