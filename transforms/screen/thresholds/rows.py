"""Thresholds and deferrals as rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import expit

from weir.transforms.identity import decision_ids
from weir.transforms.records import DEFERRED, THRESHOLD
from weir.transforms.screen.route import ScreenSettings
from weir.transforms.screen.thresholds.group import Move
from weir.transforms.screen.thresholds.stream import Standing


def threshold_rows(
    content: pa.RecordBatch,
    decided: Sequence[tuple[Standing, str, Move]],
    *,
    screen_version: str,
    settings: ScreenSettings,
    decided_at: datetime,
) -> pa.RecordBatch:
    """Return a THRESHOLD row for each threshold of a language's, with its policy's id.

    Their position is that of the first post of ``content``: what they decide about begins there.
    """
    first = content.slice(0, 1)
    rows = [
        {
            "decision_id": decision_ids(
                first,
                cluster=settings.cluster,
                stage="threshold",
                version=f"{each.version}:{policy_id}",
                run=settings.run,
            )[0].as_py(),
            "run": settings.run,
            "topic": first["topic"][0].as_py(),
            "partition": first["partition"][0].as_py(),
            "offset": first["offset"][0].as_py(),
            "threshold_version": each.version,
            "screen_version": screen_version,
            "policy_id": policy_id,
            "language": each.language,
            "reason": str(move.reason),
            "threshold": float(expit(move.cut)),
            "share": move.share,
            "share_above": None if np.isnan(move.above) else move.above,
            "posts": move.posts,
            "decided_at": decided_at,
        }
        for each, policy_id, move in decided
    ]
    return pa.RecordBatch.from_pylist(rows, schema=THRESHOLD)


def deferrals(
    escalations: pa.RecordBatch, settings: ScreenSettings, deferred_at: datetime
) -> pa.RecordBatch:
    """Return the ESCALATION rows of a batch as DEFERRED ones, with the ids that a judge gives."""
    ids = np.full(escalations.num_rows, None, object)
    versions: Any = escalations["policy_version"]
    for version in versions.unique().to_pylist():
        rows = np.flatnonzero(np.asarray(versions.to_pylist(), object) == version)
        ids[rows] = decision_ids(
            escalations.take(pa.array(rows)),
            cluster=settings.cluster,
            stage="defer",
            version=version,
            run=settings.run,
        ).to_pylist()
    origin = {"run": settings.run, "cluster": settings.cluster, "mode": str(settings.mode)}
    decided: dict[str, Any] = {
        "decision_id": pa.array(ids.tolist(), pa.string()),
        "deferred_at": pa.repeat(
            pa.scalar(deferred_at, DEFERRED.field("deferred_at").type), escalations.num_rows
        ),
        **{name: pa.repeat(value, escalations.num_rows) for name, value in origin.items()},
    }
    return pa.RecordBatch.from_arrays(
        [
            decided[field.name] if field.name in decided else escalations[field.name]
            for field in DEFERRED
        ],
        schema=DEFERRED,
    )
