"""Which posts are flagged before they are judged, and the rows that say so.

Only what is escalated, so that a verdict follows for every flag: under the flag's decision id,
whichever version of the policy is in force by then.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from weir.policies.policy import PolicySet, Status
from weir.transforms.arrays import Floats
from weir.transforms.decode import DecodeSettings, attributes
from weir.transforms.identity import decision_ids
from weir.transforms.records import PROVISIONAL, Mode, Route, Stage
from weir.transforms.screen.model import Screen
from weir.transforms.screen.route import ESCALATE, Codes, ScreenSettings

Ids = npt.NDArray[np.object_]  # (rows, policies): a decision id, or None where nothing is flagged


@dataclass(frozen=True)
class ProvisionalSettings:
    """How the attributes of a post are read, and what verdicts are for."""

    decode: DecodeSettings
    mode: Mode = Mode.ENFORCE


def thresholds(screen: Screen, policies: PolicySet, mode: Mode) -> Floats:
    """Return the score from which each policy of a set flags at once, infinite where it never does.

    Verdicts that are not enforced flag nothing, so neither do their policies before them.
    """
    known = {each.policy_id: each.threshold for each in screen.provisional}
    return np.array(
        [
            known.get(policy.policy_id, np.inf)
            if mode == Mode.ENFORCE and policy.status != Status.SHADOW
            else np.inf
            for policy in policies.policies
        ]
    )


def any_flags(screen: Screen, policies: PolicySet, mode: Mode) -> bool:
    """Return whether any policy of a set ever flags at once."""
    return bool(np.isfinite(thresholds(screen, policies, mode)).any())


def provisional_ids(
    content: pa.RecordBatch,
    scores: Floats,
    codes: Codes,
    lowest: Floats,
    policies: PolicySet,
    settings: ScreenSettings,
) -> Ids:
    """Return the decision id of each flag: the one that its verdict will have."""
    flagged = (codes == ESCALATE) & (scores >= lowest)
    ids = np.full(flagged.shape, None, object)
    for column in np.flatnonzero(flagged.any(axis=0)):
        rows = np.flatnonzero(flagged[:, column])
        ids[rows, column] = decision_ids(
            content.take(pa.array(rows)),
            cluster=settings.cluster,
            stage=Stage.JUDGE,
            version=policies.policies[column].version,
            run=settings.run,
        ).to_pylist()
    return ids


def provisional_flags(
    content: pa.RecordBatch,
    scores: Floats,
    ids: Ids,
    *,
    screen_version: str,
    policies: PolicySet,
    settings: ScreenSettings,
    decode: DecodeSettings,
    flagged_at: datetime,
) -> pa.RecordBatch:
    """Return a PROVISIONAL row for each flag."""
    row, policy = np.nonzero(ids)
    taken = content.take(pa.array(row))
    count = len(row)
    decided: dict[str, Any] = {
        "decision_id": ids[row, policy].tolist(),
        "run": [settings.run] * count,
        "attributes": attributes(taken["value"], decode),
        "policy_id": [policies.policies[each].policy_id for each in policy],
        "policy_version": [policies.policies[each].version for each in policy],
        "screen_version": [screen_version] * count,
        "route": [str(Route.ESCALATE)] * count,
        "score": scores[row, policy],
        "flagged_at": [flagged_at] * count,
    }
    return pa.RecordBatch.from_arrays(
        [
            pa.array(decided[field.name], field.type)
            if field.name in decided
            else taken[field.name]
            for field in PROVISIONAL
        ],
        schema=PROVISIONAL,
    )
