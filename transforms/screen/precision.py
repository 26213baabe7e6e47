"""From which score on a flag may go out before anybody has judged it: a certified precision.

For a threshold that is fixed before a calibration post is seen, of the n calibration posts at it
or above each violates with the same probability, the threshold's precision. Were that below p, k
of the n or more would violate with probability at most P(Bin(n, p) >= k): the upper tail that the
bound of Clopper and Pearson is made of. Several thresholds are tried, from the highest downwards,
and each only while all before it have passed at the full level: fixed-sequence testing, by which
Learn then Test (Angelopoulos et al., 2021, section 4) keeps the chance that any threshold passes
wrongly below 1 - confidence, however the thresholds depend on each other.

A precision is one of posts that come as the labelled set did, its share of violating posts
included, and traffic has far fewer of them than sets that were made to be labelled. Where the
scores of violating posts and those of safe ones are distributed as in the set, the odds of the
precision are to the odds of the prevalence as they are in the set; see `at_prevalence`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import bdtrc

from weir.transforms.arrays import Floats
from weir.transforms.screen.certificate import MOST_POSTS, positives_needed

Truth = npt.NDArray[np.bool_]

_KINDS = {"str": (str,), "int": (int,), "float": (int, float), "float | None": (int, float)}


def precision_threshold(
    candidates: Floats,
    scores: Floats,
    violates: Truth,
    precision: float,
    confidence: float,
) -> float | None:
    """Return the lowest of the thresholds that all pass, tried in their order; None: none does.

    ``candidates`` descend, and neither they nor their number may depend on the calibration posts,
    whose ``scores`` and labels the others are. Posts are independent: one for a cluster of
    near-duplicates.
    """
    passed = None
    for threshold in candidates.tolist():
        flagged = scores >= threshold
        count, right = int(flagged.sum()), int(violates[flagged].sum())
        if not count or bdtrc(right - 1, count, precision) > 1 - confidence:
            break
        passed = threshold
    return passed


def candidates(
    scores: Floats, calibration_posts: int, precision: float, confidence: float
) -> Floats:
    """Return thresholds to try, from scores of posts that are no calibration posts; descending.

    Testing ends at the first that fails, and with too few posts above it any does. So it begins
    where about twice as many calibration posts are to be expected as a certificate takes.
    """
    descending = np.sort(scores)[::-1]
    wanted = 2 * positives_needed(precision, confidence)
    first = int(np.ceil(wanted * len(scores) / max(1, calibration_posts))) - 1
    return np.unique(descending[max(0, first) :])[::-1]


def at_prevalence(precision: float, known: float, other: float) -> float:
    """Return the precision where a share ``other`` violates, of one where ``known`` does.

    By odds, which are multiplied; it holds where the share alone differs. Shares are in (0, 1).
    """
    if precision in (0, 1):
        return precision
    odds = precision / (1 - precision) * (other / (1 - other)) / (known / (1 - known))
    return odds / (1 + odds)


@dataclass(frozen=True)
class PrecisionCertificate:
    """From ``threshold`` on, at least the share ``precision`` violates, with ``confidence``.

    Of posts exchangeable with the calibration posts, of which the share ``prevalence`` violates.
    Where ``stream_prevalence`` is given, the precision asked for is one of a stream with that
    share, and ``precision`` what it takes for that among the calibration posts.
    """

    policy_id: str
    threshold: float
    precision: float
    confidence: float
    prevalence: float
    stream_prevalence: float | None
    posts: int  # labelled calibration posts, near-duplicates counted once
    flagged: int  # of them, at the threshold or above
    right: int  # of those, violating
    test_flagged: int  # the same of the test posts, that decided nothing
    test_right: int
    calibration_set: str  # the names of the sets that they come from

    def __post_init__(self) -> None:
        """Raise ValueError for a certificate that contradicts itself."""
        shares = (self.precision, self.confidence, self.prevalence, self.stream_prevalence or 0.5)
        if not 0 <= self.threshold <= 1 or not all(0 < share < 1 for share in shares):
            raise ValueError(f"The precision of {self.policy_id} has a share outside 0 and 1.")
        if not (0 <= self.right <= self.flagged <= self.posts <= MOST_POSTS) or not (
            0 <= self.test_right <= self.test_flagged <= MOST_POSTS
        ):
            raise ValueError(f"The precision of {self.policy_id} counts what cannot be.")
        tail = float(bdtrc(self.right - 1, self.flagged, self.precision))
        if self.flagged == 0 or tail > 1 - self.confidence + 1e-12:
            raise ValueError(f"The precision of {self.policy_id} is more than its posts show.")

    def at(self, prevalence: float) -> float:
        """Return the precision where that share violates; an estimate, and no certificate."""
        return at_prevalence(self.precision, self.prevalence, prevalence)

    def __str__(self) -> str:
        """Return the claim in one sentence, with what becomes of it where one in 100 violates."""
        return (
            f"{self.policy_id}: precision at least {self.precision:.4g} with confidence "
            f"{self.confidence:g} from a score of {self.threshold:.4f}, on posts like those of "
            f"{self.calibration_set}, of which {self.prevalence:.1%} violate "
            f"({self.right} of {self.flagged}); about {self.at(0.01):.2g} where 1% do"
        )


def to_bytes(certificates: Sequence[PrecisionCertificate]) -> bytes:
    """Return certificates as JSON; equal ones give equal bytes."""
    return json.dumps([asdict(each) for each in certificates], ensure_ascii=False).encode()


def from_bytes(content: bytes) -> tuple[PrecisionCertificate, ...]:
    """Return the certificates in JSON of `to_bytes`; ValueError or TypeError if unsound."""
    rows: list[dict[str, Any]] = json.loads(content)
    if not isinstance(rows, list):
        raise TypeError("certificates are a list")
    for row in rows:
        for field in fields(PrecisionCertificate):
            value, optional = row[field.name], field.name == "stream_prevalence"
            if isinstance(value, bool) or not (
                (optional and value is None) or isinstance(value, _KINDS[_name(field.type)])
            ):
                raise TypeError(f"{field.name} is of another kind")
    return tuple(PrecisionCertificate(**row) for row in rows)


def _name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind)
