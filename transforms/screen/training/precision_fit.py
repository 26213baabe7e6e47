"""Certify the precision of a head's highest scores, on posts that it has not learned from."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weir.transforms.arrays import Floats
from weir.transforms.screen.precision import (
    PrecisionCertificate,
    Truth,
    at_prevalence,
    candidates,
    precision_threshold,
)
from weir.transforms.screen.training.corpus import Corpus

_TRIED_SHARE = 0.2  # of the posts, whose scores are thresholds to try


@dataclass(frozen=True)
class Asked:
    """A precision with its confidence; of a stream, where its share of violating posts is given."""

    precision: float
    confidence: float
    stream_prevalence: float | None = None

    def among(self, prevalence: float) -> float:
        """Return the precision that it takes among posts of which that share violates."""
        if self.stream_prevalence is None:
            return self.precision
        return at_prevalence(self.precision, self.stream_prevalence, prevalence)


def precision_certificate(
    scores: Floats, corpus: Corpus, head: int, asked: Asked, name: str
) -> PrecisionCertificate | None:
    """Return the lowest threshold with the precision, None where none has it; ``name``s the set.

    ``scores`` are out-of-fold. The thresholds to try are those of a fifth of the posts, whose
    labels are not looked at for it; the others show whether a threshold has the precision.
    """
    labels, scored_at_all = corpus.labels[:, head], corpus.calibrates & ~np.isnan(scores)
    tries = corpus.draw >= 1 - _TRIED_SHARE
    test_scored, test_violates = one_per_cluster(
        scores, labels, corpus.cluster, scored_at_all & tries
    )
    scored, violates = one_per_cluster(scores, labels, corpus.cluster, scored_at_all & ~tries)
    if not len(scored) or not 0 < violates.mean() < 1:
        return None
    prevalence = float(violates.mean())
    precision = asked.among(prevalence)
    tried = candidates(test_scored, len(scored), precision, asked.confidence)
    threshold = precision_threshold(tried, scored, violates, precision, asked.confidence)
    if threshold is None:
        return None
    flagged, test_flagged = scored >= threshold, test_scored >= threshold
    return PrecisionCertificate(
        policy_id=corpus.policy_ids[head],
        threshold=threshold,
        precision=precision,
        confidence=asked.confidence,
        prevalence=prevalence,
        stream_prevalence=asked.stream_prevalence,
        posts=len(scored),
        flagged=int(flagged.sum()),
        right=int(violates[flagged].sum()),
        test_flagged=int(test_flagged.sum()),
        test_right=int(test_violates[test_flagged].sum()),
        calibration_set=name,
    )


def one_per_cluster(
    scores: Floats, labels: Floats, cluster: npt.NDArray[np.intp], rows: Truth
) -> tuple[Floats, Truth]:
    """Return one score and label for each cluster of near-duplicates among labelled rows.

    A cluster violates if all of it does, and counts with its lowest score then; otherwise with the
    highest of a safe post in it. Either way it says the least for a precision.
    """
    safe = np.full(len(scores), -np.inf)
    of_safe, of_bad = rows & (labels == 0), rows & (labels == 1)
    np.maximum.at(safe, cluster[of_safe], scores[of_safe])
    bad = np.full(len(scores), np.inf)
    np.minimum.at(bad, cluster[of_bad], scores[of_bad])
    violates = np.isfinite(bad) & ~np.isfinite(safe)
    there = np.isfinite(bad) | np.isfinite(safe)
    return np.where(violates, bad, safe)[there], violates[there]
