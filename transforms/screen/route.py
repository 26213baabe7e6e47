"""Decide, from scores alone, which posts are cleared and which are judged."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from weir.policies.policy import PolicySet
from weir.transforms.arrays import Floats
from weir.transforms.records import Mode, Route
from weir.transforms.screen.model import Screen

# By the code in an array.
ROUTES = (
    Route.CLEAR,
    Route.ESCALATE,
    Route.AUDIT,
    Route.FORCED,
    Route.EMPTY,
    Route.LESSON,
    Route.BESIDE,
)
CLEAR, ESCALATE, AUDIT, FORCED, EMPTY, LESSON, BESIDE = range(len(ROUTES))

Codes = npt.NDArray[np.int8]


@dataclass(frozen=True)
class ScreenSettings:
    """What a run adds to the screen.

    ``audit_rate`` is the share of posts, in [0, 1], whose cleared policies are judged all the
    same; ``audit_salt``, a secret, decides with their ids which. ``record_cleared`` is the share of
    the posts that every policy cleared whose screening is to be stored. ``lesson_rate`` is the
    share of cleared posts that is judged to teach a screen; they are no part of the audit.
    ``together`` says that the judge is asked about a post under several policies at once.
    """

    run: str
    cluster: str
    audit_rate: float = 0.01
    audit_salt: str = field(default="", repr=False)
    mode: Mode = Mode.ENFORCE
    record_cleared: float = 1.0
    lesson_rate: float = 0.0
    together: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.record_cleared <= 1:
            raise ValueError(f"The share to record is {self.record_cleared}; give one from 0 to 1.")
        for name in ("audit_rate", "lesson_rate"):
            if not 0 <= getattr(self, name) <= 1:
                what = name.replace("_", " ")
                raise ValueError(f"The {what} is {getattr(self, name)}; give a share from 0 to 1.")


@dataclass(frozen=True, eq=False)
class Heads:
    """Which head scores which policy of a set: ``column`` is -1 where a policy has none."""

    column: npt.NDArray[np.intp]  # one a policy, in the order of the set
    thresholds: Floats  # one a policy; 0 where there is no head

    @classmethod
    def of(cls, screen: Screen, policies: PolicySet) -> "Heads":
        """Return the heads of a policy set; heads of other policies are left out."""
        known = {policy_id: head for head, policy_id in enumerate(screen.policy_ids)}
        column = np.array([known.get(p.policy_id, -1) for p in policies.policies], np.intp)
        return cls(column, np.where(column < 0, 0.0, screen.thresholds[column]))

    def scores(self, scores: Floats) -> Floats:
        """Return (rows, policies) scores from (rows, heads) ones; NaN where there is no head."""
        chosen = scores[:, self.column]
        chosen[:, self.column < 0] = np.nan
        return chosen


def draw_posts(content_ids: pa.StringArray, rate: float, salt: str) -> npt.NDArray[np.bool_]:
    """Return which posts the random sample takes: the same ones however often they are read.

    Every id is taken with probability ``rate``, by a hash that nothing but id and salt decides.
    An author chooses the id, and who knows the salt can compute the draw.
    """
    if rate <= 0 or rate >= 1:
        return np.full(len(content_ids), rate >= 1)
    ids: list[Any] = content_ids.cast(pa.binary()).to_pylist()
    seed = xxhash.xxh3_64_intdigest(salt.encode("utf-8", "surrogatepass"))
    draw = xxhash.xxh3_64_intdigest
    draws = np.fromiter((draw(i, seed) for i in ids), np.uint64, len(ids))
    return draws < np.uint64(int(rate * 2**64))


def draw_pairs(content_ids: pa.StringArray, rates: Floats, salt: str) -> npt.NDArray[np.bool_]:
    """Return which pairs of a post and a policy the sample takes at their (rows, policies) rates.

    A post that is taken at a rate is taken at every higher one.
    """
    taken = np.zeros(rates.shape, bool)
    for rate in np.unique(rates).tolist():
        at_rate = rates == rate
        taken |= at_rate & draw_posts(content_ids, rate, salt)[:, None]
    return taken


def routes(
    scores: Floats,
    heads: Heads,
    audits: npt.NDArray[np.bool_],
    empty: npt.NDArray[np.bool_] | None = None,
    lessons: npt.NDArray[np.bool_] | None = None,
) -> Codes:
    """Return (rows, policies) codes of ROUTES for (rows, policies) scores.

    At the threshold or above a post escalates; below it is cleared, unless ``audits``, (rows,
    policies) or (rows, 1), took it, or ``lessons``, of the same shape, which is asked first: then
    the audit is a sample of the rest. What is ``empty`` (rows,) has nothing to be judged by.
    """
    codes = (scores >= heads.thresholds).astype(np.int8)
    if lessons is not None:
        codes[(codes == CLEAR) & lessons] = LESSON
    codes[(codes == CLEAR) & audits] = AUDIT
    codes[:, heads.column < 0] = FORCED
    if empty is not None:
        codes[empty] = EMPTY
    return codes


def goes_to_judge(codes: Codes) -> npt.NDArray[np.bool_]:
    """Return which pairs of post and policy go to the judge."""
    return np.asarray((codes != CLEAR) & (codes != EMPTY))
