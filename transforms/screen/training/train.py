"""Train a screen from labelled posts, as ``weir screen train`` does.

Equal posts give equal bytes, in whatever order they come. Needs scikit-learn (``weir[screen]``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from weir.transforms.screen.certificate import (
    Certificate,
    Floats,
    calibration_hash,
    certified_threshold,
    misses_allowed,
    open_threshold,
    positives_needed,
)
from weir.transforms.screen.model import Screen
from weir.transforms.screen.precision import PrecisionCertificate
from weir.transforms.screen.selectivity import Selectivity
from weir.transforms.screen.training.card import HeadReport, card, report
from weir.transforms.screen.training.corpus import Corpus
from weir.transforms.screen.training.fit import WEAK_WEIGHT, fit_head, inverse_frequencies, scaled
from weir.transforms.screen.training.labelled import LabelledSet, LabelsError
from weir.transforms.screen.training.precision_fit import Asked, precision_certificate
from weir.transforms.screen.training.split import HeadSplit, Part, head_split
from weir.transforms.text import features
from weir.transforms.text.languages import GROUPS

Mask = npt.NDArray[np.bool_]

# Weights are multiples of it. Half of them become nothing, which halves the file; no average
# precision changes by more than .001. Thresholds are found with the weights that are stored.
_STEP = np.float32(1 / 256)


@dataclass(frozen=True)
class TrainingSettings:
    """What the thresholds have to hold.

    ``budget`` is the share of safe posts that a head without a certificate lets through to the
    judge; ``date`` is written on the card as it is.
    """

    recall: float = 0.95
    confidence: float = 0.95
    budget: float = 0.2
    date: str | None = None
    precision: float | None = None  # of provisional flags; None: there are none
    # Share of a stream that violates a policy, for which that precision is meant; None: that of
    # the labelled posts.
    provisional_prevalence: float | None = None

    def __post_init__(self) -> None:
        """Raise LabelsError for a share that means nothing."""
        for name in ("recall", "confidence"):
            if not 0.5 <= getattr(self, name) <= 0.9999:
                raise LabelsError(
                    f"The {name} is {getattr(self, name)}; give a share from 0.5 to 0.9999."
                )
        if not 0 <= self.budget <= 1:
            raise LabelsError(f"The budget is {self.budget}; give a share from 0 to 1.")
        if self.precision is not None and not 0.5 <= self.precision <= 0.9999:
            raise LabelsError(
                f"The precision is {self.precision}; give a share from 0.5 to 0.9999."
            )
        if self.provisional_prevalence is not None and not 0 < self.provisional_prevalence < 1:
            raise LabelsError(
                f"The prevalence is {self.provisional_prevalence}; give a share between 0 and 1."
            )

    @property
    def asked(self) -> Asked | None:
        """Return what provisional flags have to hold; None where there are none."""
        if self.precision is None:
            return None
        return Asked(self.precision, self.confidence, self.provisional_prevalence)


@dataclass(frozen=True, eq=False)
class Trained:
    """A screen, its card, and what a person should know of the labels, a sentence each."""

    screen: Screen
    card: Mapping[str, Any]
    warnings: tuple[str, ...]


def train(
    sets: Sequence[LabelledSet], policy_ids: Sequence[str], settings: TrainingSettings
) -> Trained:
    """Return a screen with one head for every policy that the sets know enough of.

    LabelsError where no policy has both violating and safe posts to learn from.
    """
    corpus = Corpus.of(sets, [p for p in policy_ids if _covered(sets, p)])
    asked = settings.asked
    shown_by = 2 * positives_needed(asked.precision, asked.confidence) if asked else 0
    splits = [
        head_split(corpus, head, settings.recall, settings.confidence, least=shown_by)
        for head in range(len(corpus.policy_ids))
    ]
    warnings = list(_label_warnings(sets, policy_ids, corpus))
    heads = []
    for head, split in enumerate(splits):
        if lacking := _lacking(corpus, head, split):
            warnings.append(lacking)
        else:
            heads.append(head)
    if not heads:
        raise LabelsError(
            f"No policy has both violating and safe posts to learn from ({len(corpus.texts):,} "
            "distinct posts); label more of them."
        )
    weights, inverse, bias = fit(corpus, {head: splits[head] for head in heads})
    names = tuple(corpus.policy_ids[head] for head in heads)
    untuned = Screen.of(names, weights, inverse**2, bias, np.zeros(len(heads)))
    scores = untuned.score(corpus.texts)
    certificates = [
        _certificate(
            scores[:, column],
            corpus,
            head,
            splits[head],
            sets,
            settings,
        )
        for column, head in enumerate(heads)
    ]
    reports = [
        report(scores[:, column], corpus, head, splits[head], certificates[column].threshold)
        for column, head in enumerate(heads)
    ]
    warnings.extend(_doubts(reports, certificates))
    thresholds = np.array([each.threshold for each in certificates])
    precise = []
    if asked is not None:
        found = [
            precision_certificate(
                scores[:, column],
                corpus,
                head,
                splits[head],
                asked,
                _calibration_set(sets, corpus.policy_ids[head]),
            )
            for column, head in enumerate(heads)
        ]
        precise = [each for each in found if each is not None]
        warnings.extend(_imprecise(names, precise, asked))
    screen = untuned.with_selectivity(
        [
            Selectivity(name, tuple(GROUPS[code] for code in corpus.seen(head)))
            for name, head in zip(names, heads, strict=True)
        ]
    ).with_thresholds(thresholds, certificates, precise)
    return Trained(
        screen, _card(screen, sets, corpus, heads, scores, reports, settings), tuple(warnings)
    )


def fit(
    corpus: Corpus, splits: Mapping[int, HeadSplit]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], Floats]:
    """Return weights (BUCKETS, heads), inverse frequencies (BUCKETS,) and biases of some heads.

    The frequencies come from posts that every head learns from: a post that one of them is
    calibrated with has to be as new to its head as the traffic will be.
    """
    learned = np.logical_and.reduce([split.part == Part.TRAIN for split in splits.values()])
    inverse = inverse_frequencies(corpus.counts[learned])
    rows = scaled(corpus.counts, inverse)
    weights = np.zeros((features.BUCKETS, len(splits)), np.float32)
    bias = np.zeros(len(splits))
    for column, (head, split) in enumerate(splits.items()):
        weights[:, column], bias[column] = _fit_one(rows, corpus, head, split)
    weights *= inverse[:, None]
    return np.round(weights / _STEP) * _STEP, inverse, bias


def _fit_one(
    rows: sp.csr_matrix, corpus: Corpus, head: int, split: HeadSplit
) -> tuple[npt.NDArray[np.float32], float]:
    used = np.flatnonzero((split.part == Part.TRAIN) & _known(corpus, head))
    weight = np.where(corpus.weak[used, head], WEAK_WEIGHT, 1.0)
    return fit_head(rows[used], corpus.labels[used, head] == 1, weight)


def _known(corpus: Corpus, head: int) -> Mask:
    return ~np.isnan(corpus.labels[:, head]) | corpus.weak[:, head]


def _covered(sets: Sequence[LabelledSet], policy_id: str) -> bool:
    """Return whether traffic says anything of a policy; written examples alone fit no head."""
    return any(
        policy_id in post.labels or policy_id in post.weak
        for labelled in sets
        if labelled.calibrates
        for post in labelled.posts
    )


def _lacking(corpus: Corpus, head: int, split: HeadSplit) -> str | None:
    labels = corpus.labels[:, head][split.part == Part.TRAIN]
    safe = (labels == 0) | corpus.weak[:, head][split.part == Part.TRAIN]
    missing = [
        kind for kind, there in (("violating", labels == 1), ("safe", safe)) if not there.any()
    ]
    if not missing:
        return None
    return (
        f"The policy {corpus.policy_ids[head]} has no {' and no '.join(missing)} posts to learn "
        "from, so it gets no head, and all of its posts go to the judge."
    )


def _label_warnings(
    sets: Sequence[LabelledSet], policy_ids: Sequence[str], corpus: Corpus
) -> Iterator[str]:
    if without := [p for p in policy_ids if p not in corpus.policy_ids]:
        yield (
            f"{len(without)} {'policy has' if len(without) == 1 else 'policies have'} no labels "
            f"({', '.join(without)}): no head, and all of its posts go to the judge."
        )
    if unknown := sorted(
        {p for labelled in sets for post in labelled.posts for p in post.labels}.difference(
            policy_ids
        )
    ):
        yield f"{len(unknown)} labelled policies are not there ({', '.join(unknown)}): left out."
    if corpus.conflicts:
        yield (
            f"{corpus.conflicts:,} labels contradict another label of the same post; it counts "
            "as violating."
        )


def _doubts(reports: Sequence[HeadReport], certificates: Sequence[Certificate]) -> Iterator[str]:
    for each, certificate in zip(reports, certificates, strict=True):
        interval = each.test_recall_interval
        if certificate.certified and interval and interval[1] < certificate.recall:
            yield (
                f"The recall of {each.policy_id} is {each.test_recall} on {each.test_positives} "
                f"test posts, below what its certificate says; one in "
                f"{round(1 / (1 - certificate.confidence))} may be wrong: label more posts."
            )


def _certificate(
    scores: Floats,
    corpus: Corpus,
    head: int,
    split: HeadSplit,
    sets: Sequence[LabelledSet],
    settings: TrainingSettings,
) -> Certificate:
    policy_id, labels = corpus.policy_ids[head], corpus.labels[:, head]
    certifying = corpus.certifying(head)
    basis = certifying if split.certifiable else corpus.calibrates
    held_out = (split.part == Part.CALIBRATION) & basis
    violating = held_out & certifying & (labels == 1)
    positives = lowest_of_clusters(scores, corpus, violating)
    threshold = certified_threshold(positives, settings.recall, settings.confidence)
    certified = threshold is not None
    if threshold is None:
        safe = held_out & _known(corpus, head) & (labels != 1)
        threshold = open_threshold(scores[safe], settings.budget)
    posts = scores[held_out]
    rows = np.flatnonzero(held_out)
    marks = [None if np.isnan(label) else bool(label) for label in labels[rows]]
    texts: list[str] = corpus.texts.take(rows).to_pylist()
    return Certificate(
        policy_id=policy_id,
        certified=certified,
        threshold=threshold,
        recall=settings.recall,
        confidence=settings.confidence,
        positives=len(positives),
        misses_allowed=misses_allowed(len(positives), settings.recall, settings.confidence),
        positives_needed=positives_needed(settings.recall, settings.confidence),
        labels_needed=split.labels_needed,
        calibration_set=_calibration_set(
            [each for each in sets if each.certifies or not split.certifiable], policy_id
        ),
        calibration_sha256=calibration_hash(texts, marks),
        calibration_posts=len(rows),
        escalation_rate=float((posts >= threshold).mean()) if len(posts) else 1.0,
        budget=None if certified else settings.budget,
    )


def _imprecise(
    names: Sequence[str], precise: Sequence[PrecisionCertificate], asked: Asked
) -> Iterator[str]:
    without = [name for name in names if name not in {each.policy_id for each in precise}]
    if without:
        yield (
            f"{len(without)} {'head has' if len(without) == 1 else 'heads have'} no threshold with "
            f"a precision of {asked.precision:g} ({', '.join(without)}): no provisional flags."
        )


def _calibration_set(sets: Sequence[LabelledSet], policy_id: str) -> str:
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


def _card(
    screen: Screen,
    sets: Sequence[LabelledSet],
    corpus: Corpus,
    heads: Sequence[int],
    scores: Floats,
    reports: Sequence[HeadReport],
    settings: TrainingSettings,
) -> Mapping[str, Any]:
    return card(screen, sets, reports, corpus, corpus.labels[:, heads], scores, settings.date)
