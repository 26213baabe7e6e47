"""Which decision a page is about, as it stands in an address: no word of a post is in it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from weir.pipelines.console.visit import RefusedError
from weir.policies.policy import is_policy_id

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = 4_102_444_800_000_000  # the year 2100 in microseconds
_LONGEST_ID = 1_024


@dataclass(frozen=True)
class Reference:
    """A decision on a post by a policy; ``created_at`` names the one partition that it is in."""

    decision_id: str
    policy_id: str
    created_at: datetime

    def __str__(self) -> str:
        """Return it as ``parse`` takes it."""
        return f"{self.decision_id}~{self.policy_id}~{self._microseconds}"

    @property
    def _microseconds(self) -> int:
        return (self.created_at - _BEGINNING) // timedelta(microseconds=1)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what a text names; RefusedError where it is none."""
        decision_id, policy_id, at = (*text.rsplit("~", 2), "", "")[:3]
        good = (
            0 < len(decision_id) <= _LONGEST_ID
            and decision_id.isprintable()
            and " " not in decision_id
            and is_policy_id(policy_id)
            and at.isascii()
            and at.isdecimal()
            and int(at[:17]) < _LAST
        )
        if not good:
            raise RefusedError(
                "This address names no decision; begin again with a queue, which has them all"
            )
        return cls(decision_id, policy_id, _BEGINNING + timedelta(microseconds=int(at[:17])))


def parse_all(text: str) -> tuple[Reference, ...]:
    """Return the decisions that a text names, with blanks between; RefusedError."""
    return tuple(Reference.parse(each) for each in text.split())


def joined(references: Iterable[Reference]) -> str:
    """Return decisions as ``parse_all`` takes them."""
    return " ".join(map(str, references))
