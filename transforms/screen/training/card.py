"""The card beside a screen: what it was made from, and how well it does on posts new to it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.metrics import average_precision_score

from weir.transforms.arrays import Floats
from weir.transforms.screen.archive import FORMAT
from weir.transforms.screen.certificate import Certificate
from weir.transforms.screen.model import Screen
from weir.transforms.screen.precision import PrecisionCertificate
from weir.transforms.screen.training.calibrate import Calibrated
from weir.transforms.screen.training.corpus import Corpus
from weir.transforms.screen.training.cross_fit import count_folds
from weir.transforms.screen.training.labelled import LabelledSet
from weir.transforms.text import features
from weir.transforms.text.normalise import normalise

_CAUTION = (
    "A certificate holds for posts that come as its calibration set did, and for no other traffic. "
    "Measure the recall on yours with the audit sample, and train on your own labels."
)
_PRECISION_CAUTION = (
    "The precision holds at the prevalence of the calibration posts. Where fewer posts violate it "
    "is lower, by the odds of the two prevalences; what stands for other shares is that estimate."
)
_FOLDS = (
    " folds by clusters of near-duplicates and a hash of their text: every figure is of "
    "scores by twins of the heads that learned from the other folds; the heads are their means"
)


@dataclass(frozen=True, eq=False)
class Stage:
    """The (posts, heads) out-of-fold scores up to a stage, and the thresholds put to them."""

    name: str
    scores: Floats
    calibrated: Calibrated


@dataclass(frozen=True)
class Figures:
    """How a head does at its threshold, on posts new to it; shares in [0, 1], None: of no post."""

    average_precision: float | None  # of the labelled posts
    threshold: float
    recall: float | None
    safe_escalated: float | None  # share of the posts that are labelled safe
    ordinary_escalated: float | None  # of posts presumed to violate nothing, unlabelled


def figures(scores: Floats, corpus: Corpus, head: int, threshold: float) -> Figures:
    """Return the figures of one head.

    They rest on traffic, or on written examples where there is nothing else.
    """
    scored, measured = ~np.isnan(scores), measured_on(corpus, head)
    labels = corpus.labels[:, head]
    truth, gone = labels == 1, scores >= threshold
    return Figures(
        average_precision=average_precision(truth[measured & scored], scores[measured & scored]),
        threshold=threshold,
        recall=_share(gone[measured & scored & truth]),
        safe_escalated=_share(gone[measured & scored & ~truth]),
        ordinary_escalated=_share(gone[corpus.weak.all(axis=1) & scored]),
    )


def measured_on(corpus: Corpus, head: int) -> npt.NDArray[np.bool_]:
    """Return the labelled posts that a head's figures speak of."""
    labelled = ~np.isnan(corpus.labels[:, head])
    traffic = labelled & corpus.calibrates
    return traffic if (corpus.labels[traffic, head] == 1).any() else labelled


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
    corpus: Corpus,
    heads: Sequence[int],
    stages: Sequence[Stage],
    date: str | None,
) -> Mapping[str, Any]:
    """Return what stands in card.json; the first of the ``stages`` is that of ``screen``."""
    return {
        "screen_version": screen.version,
        "format": FORMAT,
        "features": features.VERSION,
        "date": date,
        "caution": _CAUTION,
        "folds": f"{count_folds(corpus)}{_FOLDS}",
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
        "any_policy": _any_policy(corpus, heads, stages[0].scores),
        "heads": [
            _head(corpus, head, sets) | _stages(corpus, column, head, stages)
            for column, head in enumerate(heads)
        ],
    }


def _any_policy(corpus: Corpus, heads: Sequence[int], scores: Floats) -> dict[str, Any]:
    labels = corpus.labels[:, heads]
    rows = corpus.calibrates & ~np.isnan(labels).all(axis=1) & ~np.isnan(scores).any(axis=1)
    truth = np.nansum(labels[rows], axis=1) > 0
    return {
        "posts": int(rows.sum()),
        "violating": int(truth.sum()),
        "average_precision": average_precision(truth, any_policy(scores[rows])),
    }


def _head(corpus: Corpus, head: int, sets: Sequence[LabelledSet]) -> dict[str, Any]:
    """Return what a head learned from, and which posts its figures speak of."""
    policy_id, labels = corpus.policy_ids[head], corpus.labels[:, head]
    measured = measured_on(corpus, head)
    return {
        "policy_id": policy_id,
        "violating": int((labels == 1).sum()),
        "safe": int((labels == 0).sum()),
        "presumed_safe": int(corpus.weak[:, head].sum()),
        "likely_violating": int((corpus.likely[:, head] > 0).sum()),
        "suspected": int((corpus.suspected(head) & corpus.to_read).sum()),
        "measured_on": ", ".join(_labelling(sets, policy_id, corpus.texts.filter(measured))),
        "measured_posts": int(measured.sum()),
        "measured_prevalence": _share(labels[measured] == 1),
    }


def _labelling(sets: Sequence[LabelledSet], policy_id: str, texts: pa.StringArray) -> Iterator[str]:
    """Yield the names of the sets that label any of these normalised texts for a policy."""
    for labelled in sets:
        known = [post.text for post in labelled.posts if policy_id in post.labels]
        if pc.any(pc.is_in(normalise(pa.array(known, pa.string())), texts)).as_py():
            yield labelled.name


def _stages(corpus: Corpus, column: int, head: int, stages: Sequence[Stage]) -> dict[str, Any]:
    """Return what each stage does and promises; at the top, what the first one does alone."""
    told: dict[str, Any] = {}
    for stage in stages:
        promised = stage.calibrated.certificates[column]
        found = figures(stage.scores[:, column], corpus, head, promised.threshold)
        precise = {each.policy_id: each for each in stage.calibrated.provisional}
        told[stage.name] = asdict(found) | {
            "certificate": asdict(promised),
            **_provisional(promised, precise),
        }
    return {"certificate": asdict(stages[0].calibrated.certificates[column])} | told


def _provisional(
    promised: Certificate, precise: Mapping[str, PrecisionCertificate]
) -> dict[str, Any]:
    """Return what a head's provisional flags hold; nothing for a stage without any."""
    if not precise:
        return {}
    found = precise.get(promised.policy_id)
    if found is None:
        return {"provisional": None}
    rates = {f"{share:g}": round(found.at(share), 4) for share in (0.1, 0.01, 0.001)}
    return {
        "provisional": asdict(found)
        | {"caution": _PRECISION_CAUTION, "precision_where_this_share_violates": rates}
    }


def _share(values: npt.NDArray[np.bool_]) -> float | None:
    return round(float(values.mean()), 4) if len(values) else None
