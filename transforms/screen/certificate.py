"""What a threshold guarantees, by counting: how many violating posts it may miss.

A post escalates from the threshold on. Let the threshold be the (k+1)-th lowest score of n
violating posts that the head has not learned from. Were its recall below r, each of the n would
lie below it with probability above 1 - r, so that k or fewer do with probability at most
P(Bin(n, 1 - r) <= k). Where that is at most 1 - confidence, the recall is at least r with that
confidence, for every post that comes as those n came (is exchangeable with them), and for no
other. That is the lower confidence bound of Clopper and Pearson, and Learn then Test (Angelopoulos
et al., 2021) for one monotone risk; k is chosen before a score is seen.
"""

import hashlib
import json
import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import bdtr, betaincinv  # scipy.stats takes seconds to import

from weir.transforms.arrays import Floats

MOST_POSTS = 10**9  # that a certificate counts: beyond it the binomials take minutes, or overflow


@lru_cache(maxsize=4096)
def misses_allowed(positives: int, recall: float, confidence: float) -> int:
    """Return k, how many of the positives may lie below the threshold; -1: too few positives.

    For a recall of .95, .98 and .99 at a confidence of .95 and 1,000 positives: 38, 12 and 4.
    """
    _check(recall, confidence)
    if positives < 1:
        return -1
    risk = 1 - confidence
    allowed, too_many = -1, positives
    while too_many - allowed > 1:
        misses = (allowed + too_many) // 2
        if bdtr(misses, positives, 1 - recall) > risk:
            too_many = misses
        else:
            allowed = misses
    return allowed


@lru_cache(maxsize=256)
def positives_needed(recall: float, confidence: float) -> int:
    """Return the least number of positives that certifies: none may be missed, recall^n <= risk.

    For .95, .98 and .99 at a confidence of .95: 59, 149 and 299.
    """
    _check(recall, confidence)
    needed = max(1, math.floor(math.log(1 - confidence) / math.log(recall)))
    while misses_allowed(needed, recall, confidence) < 0:
        needed += 1
    return needed


def supported_recall(positives: int, recall: float, confidence: float) -> float:
    """Return the recall, in thousandths, that is certified where about ``recall`` is reached.

    The lower bound of Clopper and Pearson where the share 1 - ``recall`` of the positives is
    missed; 0 without positives. For a recall of .95 at a confidence of .95 and 30, 80, 400 and
    4,000 positives: .851, .889, .928 and .943.
    """
    _check(recall, confidence)
    if positives < 1:
        return 0.0
    misses = int((1 - recall) * positives + 1e-9)
    bound = float(betaincinv(positives - misses, misses + 1, 1 - confidence))
    return math.floor(bound * 1000) / 1000


def certified_threshold(
    positives: Floats, recall: float, confidence: float, spent: int = 0
) -> float | None:
    """Return the highest threshold in [0, 1] with the guarantee, from scores of positives.

    None where there are too few. Scores are of independent violating posts: one score for a
    cluster of near-duplicates, the lowest of it, because copies say nothing new. ``spent`` says how
    many cuts were made before, each at the lowest of the same posts by another score: what lies
    below all cuts together is as many of Tukey's (1947) statistically equivalent blocks, whose
    share of the posts to come has the same distribution whatever the scores.
    """
    k = misses_allowed(len(positives), recall, confidence) - spent
    return None if k < 0 else float(np.partition(positives, k)[k])


def open_threshold(background: Floats, budget: float) -> float:
    """Return the lowest threshold that at most a share ``budget`` of the scores reaches.

    A gate without a certificate opens that far. Without a background it lets everything pass.
    """
    allowed = int(budget * len(background) + 1e-9)
    if allowed >= len(background):
        return 0.0
    descending = np.sort(background)[::-1]
    return min(1.0, float(np.nextafter(descending[allowed], 2.0)))


def _check(recall: float, confidence: float) -> None:
    if not (0 < recall < 1 and 0 < confidence < 1):
        raise ValueError(
            f"The recall {recall} and the confidence {confidence} must lie between 0 and 1, "
            "such as 0.95; nothing can be certified at 1."
        )


@dataclass(frozen=True)
class Certificate:
    """What is promised of one head, and of which posts. It is part of the screen's file.

    Where ``certified``, the recall is at least ``recall`` with confidence ``confidence`` on posts
    exchangeable with the calibration set. Otherwise nothing is promised, and the threshold lets
    about the share ``budget`` of the calibration set's safe posts through.
    """

    policy_id: str
    certified: bool
    threshold: float  # the head's, from which on a post is judged
    recall: float
    confidence: float
    positives: int  # violating calibration posts, near-duplicates counted once
    misses_allowed: int  # of them; -1 where they are too few
    positives_needed: int  # the least that certifies
    labels_needed: int  # about how many more violating posts to label; 0 where certified
    calibration_set: str  # the names of the sets that its violating posts come from
    calibration_sha256: str  # of its posts with their labels, see `calibration_hash`
    calibration_posts: int
    escalation_rate: float  # share of the calibration posts at the threshold or above
    budget: float | None  # None where certified
    folds: int = 0  # of which twins scored the posts, each by what the others say; 0: held out

    def __post_init__(self) -> None:
        """Raise ValueError for a certificate that contradicts itself."""
        _check(self.recall, self.confidence)
        counts = (
            *(self.positives, self.positives_needed, self.labels_needed),
            *(self.calibration_posts, self.folds),
        )
        shares = (self.threshold, self.escalation_rate, self.budget or 0.0)
        if (
            min(counts) < 0
            or max(counts) > MOST_POSTS
            or not all(0 <= share <= 1 for share in shares)
        ):
            raise ValueError(
                f"The certificate of {self.policy_id} counts or shares what cannot be."
            )
        allowed = misses_allowed(self.positives, self.recall, self.confidence)
        if self.misses_allowed != allowed or (self.certified and allowed < 0):
            raise ValueError(f"The certificate of {self.policy_id} promises what it cannot.")

    def __str__(self) -> str:
        """Return the claim in one sentence."""
        if self.certified:
            return (
                f"{self.policy_id}: recall at least {self.recall:g} with confidence "
                f"{self.confidence:g} on posts like those of {self.calibration_set} "
                f"({self.positives} violating, at most {self.misses_allowed} missed)"
            )
        return (
            f"{self.policy_id}: not certified ({self.positives} violating calibration posts, "
            f"{self.positives_needed} are needed: label about {self.labels_needed} more)"
        )


def calibration_hash(texts: Sequence[str], violates: Sequence[bool | None]) -> str:
    """Return the SHA-256, in hex, of calibration posts with their labels, in any order.

    A line per post: the SHA-256 of its normalised text, then 1, 0 or nothing. Lines are sorted.
    """
    marks = {True: "1", False: "0", None: ""}
    lines = sorted(
        f"{hashlib.sha256(text.encode()).hexdigest()},{marks[label]}\n"
        for text, label in zip(texts, violates, strict=True)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def to_bytes(certificates: Sequence[Certificate]) -> bytes:
    """Return certificates as JSON; equal ones give equal bytes."""
    return json.dumps([asdict(each) for each in certificates], ensure_ascii=False).encode()


def from_bytes(content: bytes) -> tuple[Certificate, ...]:
    """Return the certificates in JSON of `to_bytes`; ValueError or TypeError if unsound."""
    rows: list[dict[str, Any]] = json.loads(content)
    if not isinstance(rows, list):
        raise TypeError("certificates are a list")
    return tuple(_certificate(row) for row in rows)


_KINDS = {str: (str,), bool: (bool,), int: (int,), float: (int, float)}


def open_gates(
    certificates: Sequence[Certificate], policy_ids: Collection[str]
) -> tuple[Certificate, ...]:
    """Return the certificates, those of these policies for a threshold that every post reaches."""
    return tuple(
        replace(each, threshold=0.0, escalation_rate=1.0) if each.policy_id in policy_ids else each
        for each in certificates
    )


def _certificate(row: dict[str, Any]) -> Certificate:
    for field in fields(Certificate):
        value = row[field.name] if field.name != "folds" else row.get("folds", 0)
        if field.name == "budget":
            sound = value is None or isinstance(value, int | float)
        else:
            sound = type(value) in _KINDS[field.type]  # type: ignore[index]  # a class here, no name
        if not sound:
            raise TypeError(f"{field.name} is of another kind")
    return Certificate(**row)
