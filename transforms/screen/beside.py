"""What the screen cleared of posts that the judge is asked about under several policies at once.

One answer about a post has a verdict for every policy of a group, so that those which the screen
cleared cost nothing more: each such pair is an audit with probability 1. Whether a pair is one
depends on what escalates, never on a coin, so the chance of every cleared pair is known: 1 where
its group is asked about the post, else that of the audit.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from weir.policies.group import POST_TOKENS, groups_of
from weir.policies.policy import PolicySet
from weir.transforms.arrays import Mask
from weir.transforms.judge.harmony.windows import fits
from weir.transforms.screen.route import AUDIT, BESIDE, CLEAR, ESCALATE, FORCED, LESSON, Codes

_CLEARED = (CLEAR, AUDIT, LESSON)
_SENT = (ESCALATE, FORCED)


class Beside:
    """The groups in which the judge is asked about the policies of a set."""

    def __init__(self, policies: PolicySet) -> None:
        versions = [policy.version for policy in policies.policies]
        groups = {group.version: group for group in groups_of(policies.policies).values()}
        members = [{each.version for each in group.members} for group in groups.values()]
        self._members = [np.array([v in each for v in versions]) for each in members]

    def taken(self, texts: pa.StringArray, codes: Codes, over: Mask) -> Codes:
        """Return the (rows, policies) codes with BESIDE for what is judged beside the rest.

        That is what was cleared of a post of which two policies of the group or more escalate,
        those that are ``over`` a surge's bound left aside. A post that is too long is asked about
        policy by policy. A pair that the audit or a lesson drew as well is beside all the same.
        """
        sent = np.isin(codes, _SENT) & ~over
        codes = codes.copy()
        for members in self._members:
            together = np.flatnonzero(sent[:, members].sum(axis=1) > 1)
            short = [fits(text, POST_TOKENS) for text in _strings(texts, together)]
            of_group = np.ix_(together[np.array(short, bool)], np.flatnonzero(members))
            part = codes[of_group]
            codes[of_group] = np.where(np.isin(part, _CLEARED), np.int8(BESIDE), part)
        return codes


def _strings(texts: pa.StringArray, rows: npt.NDArray[np.intp]) -> list[str]:
    found: list[str] = texts.take(pa.array(rows)).to_pylist()
    return found
