"""How the heads of a screen rank streams that they were not fitted to; part of the screen's file.

Nothing is promised by it: it says which languages the head's scores mean something in, and what a
share of a stream buys, so that requests can be divided among heads.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

# The shares of a stream at which recall is measured, ascending.
SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

LEAST_WORTH = 0.02
_POINT = 0.01  # of recall


@dataclass(frozen=True)
class Selectivity:
    """Of one head: the ``languages`` (names of languages.GROUPS) that it has seen violations in.

    ``recall`` is what it finds when it is open for each of SHARES of ordinary posts, in [0, 1], of
    posts of sets that taught it nothing; None where nobody measured it. ``violating`` is the share
    of the stream that violates the policy, as verdicts of the stream have it; None before any.
    """

    policy_id: str
    languages: tuple[str, ...]
    recall: tuple[float, ...] | None = None
    violating: float | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a curve or a share that is none."""
        if self.violating is not None and not 0 <= self.violating <= 1:
            raise ValueError(f"The violating share of {self.policy_id} is none.")
        if self.recall is None:
            return
        if len(self.recall) != len(SHARES) or not all(
            math.isfinite(each) and 0 <= each <= 1 for each in self.recall
        ):
            raise ValueError(f"The recall of {self.policy_id} is not one of each share.")

    def found(self, shares: Sequence[float]) -> list[float]:
        """Return the recall at each of ``shares``, between the measured ones on a straight line."""
        return [float(each) for each in np.interp(shares, SHARES, self.recall or ())]

    def share_of_a_point(self, share: float) -> float | None:
        """Return what share of a stream more finds a hundredth more than ``share`` in [0, 1] does.

        None where nobody measured it, and where nothing finds so much.
        """
        if self.recall is None:
            return None
        shares, found = (0.0, *SHARES), np.maximum.accumulate((0.0, *self.recall))
        wanted = float(np.interp(share, shares, found)) + _POINT
        place = int(np.searchsorted(found, wanted))
        if place == len(found):
            return None
        low, high = place - 1, place
        part = (wanted - found[low]) / (found[high] - found[low])
        return float(shares[low] + part * (shares[high] - shares[low]) - share)


def to_bytes(heads: Sequence[Selectivity]) -> bytes:
    """Return what is known of heads as JSON; equal ones give equal bytes."""
    return json.dumps([_row(each) for each in heads], ensure_ascii=False).encode()


def worth(heads: Sequence[Selectivity | None]) -> list[tuple[float, ...] | None]:
    """Return what each head finds at SHARES in a unit that all have in common, None as measured.

    That is violations, where verdicts told how many there are: a point of recall is worth more
    where more is violated. Of a head that no verdict speaks of there are as many as of the others
    on average, and of none fewer than LEAST_WORTH of the most, or what begins would go unseen.
    """
    known = [each.violating for each in heads if each and each.violating is not None]
    least = LEAST_WORTH * max(known, default=0.0)
    mean = sum(known) / len(known) if known else 1.0
    return [
        None
        if each is None or each.recall is None
        else tuple(_weight(each.violating, mean, least) * found for found in each.recall)
        for each in heads
    ]


def _weight(violating: float | None, mean: float, least: float) -> float:
    return mean if violating is None else max(violating, least)


def _row(head: Selectivity) -> dict[str, Any]:
    """Return a head as a row, in which a share that nobody knows is left out."""
    return {k: v for k, v in asdict(head).items() if k != "violating" or v is not None}


def from_bytes(content: bytes) -> tuple[Selectivity, ...]:
    """Return what ``to_bytes`` wrote; ValueError, KeyError or TypeError if it is unsound."""
    rows: list[dict[str, Any]] = json.loads(content)
    if not isinstance(rows, list):
        raise TypeError("what is known of heads is a list")
    return tuple(_selectivity(row) for row in rows)


def _selectivity(row: dict[str, Any]) -> Selectivity:
    languages, recall = row["languages"], row["recall"]
    names = [row["policy_id"], *languages]
    if not isinstance(languages, list) or not all(isinstance(name, str) for name in names):
        raise TypeError("languages are a list of names")
    violating = row.get("violating")
    numbers = [*(recall or ()), *([] if violating is None else [violating])]
    if not all(type(each) in (int, float) for each in numbers):
        raise TypeError("recalls and shares are numbers")
    found = None if recall is None else tuple(map(float, recall))
    return Selectivity(row["policy_id"], tuple(languages), found, violating)
