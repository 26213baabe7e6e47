"""The rows that screening gives: one a post, and one for each post and policy to judge."""

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from weir.policies.policy import PolicySet, Status
from weir.transforms.arrays import Floats
from weir.transforms.identity import decision_ids
from weir.transforms.records import ESCALATION, SCREENING, post_bytes
from weir.transforms.screen.provisional import Ids
from weir.transforms.screen.route import AUDIT, LESSON, ROUTES, Codes, ScreenSettings, goes_to_judge
from weir.transforms.text.languages import GROUPS, Groups

ESCALATION_ROWS = 32
_ESCALATION_BYTES = 4 << 20  # of posts in one batch of escalations, unless one alone is larger
_ORIGIN = ("run", "cluster", "mode")  # of an escalation that leaves this job
_ROUTE_NAMES = pa.array([route.value for route in ROUTES], pa.string())
_GROUP_NAMES = pa.array(GROUPS, pa.string())


@lru_cache(maxsize=16)
def _policy_column(policy_ids: tuple[str, ...], rows: int) -> tuple[Any, Any]:
    """Return the list offsets and the ids of ``rows`` lists with one entry a policy."""
    offsets = np.arange(rows + 1, dtype=np.int32) * len(policy_ids)
    ids = np.tile(np.arange(len(policy_ids), dtype=np.int32), rows)
    return pa.array(offsets), take(pa.array(policy_ids, pa.string()), ids)


def screenings(
    content: pa.RecordBatch,
    scores: Floats,
    codes: Codes,
    *,
    screen_version: str,
    policies: PolicySet,
    settings: ScreenSettings,
    screened_at: datetime,
    stages: npt.NDArray[np.integer],
    recorded: Floats | None = None,
    languages: Groups | None = None,
    threshold_versions: npt.NDArray[np.object_] | None = None,
) -> pa.RecordBatch:
    """Return one SCREENING row per post from (rows, policies) scores and routes.

    ``stages`` is how many stages of the screen read each post. ``recorded`` is each row's chance to
    be stored; by default that of ``recording`` these codes. ``languages`` and
    ``threshold_versions`` are (rows,); null where they are not given.
    """
    rows = content.num_rows
    policy_ids = tuple(policy.policy_id for policy in policies.policies)
    offsets, ids = _policy_column(policy_ids, rows)
    flat = scores.ravel()
    entries: Any = pa.StructArray.from_arrays(
        [ids, pa.array(flat, mask=np.isnan(flat)), take(_ROUTE_NAMES, codes.ravel())],
        names=["policy_id", "score", "route"],
    )
    columns = {
        "decision_id": decision_ids(
            content,
            cluster=settings.cluster,
            stage="screen",
            version=f"{screen_version}:{policies.version}",
            run=settings.run,
        ),
        "run": pa.repeat(settings.run, rows),
        "screened_at": pa.repeat(pa.scalar(screened_at, SCREENING.field("screened_at").type), rows),
        "screen_version": pa.repeat(screen_version, rows),
        "policy_set": pa.repeat(policies.version, rows),
        "policies": pa.ListArray.from_arrays(offsets, entries),
        "mode": pa.repeat(str(settings.mode), rows),
        "shadow_policies": _in_shadow(policies, rows),
        "recorded_probability": pa.array(
            recorded_probability(settings, codes) if recorded is None else recorded
        ),
        "record_cleared": pa.repeat(settings.record_cleared, rows),
        "stages": pa.array(stages, pa.int64()),
        "detected_language": pa.nulls(rows, pa.string())
        if languages is None
        else take(_GROUP_NAMES, languages),
        "threshold_version": pa.nulls(rows, pa.string())
        if threshold_versions is None
        else pa.array(threshold_versions, pa.string()),
        "audit_rate": pa.repeat(settings.audit_rate, rows),
    }
    return pa.RecordBatch.from_arrays(
        [columns[name] if name in columns else content[name] for name in SCREENING.names],
        schema=SCREENING,
    )


def recorded_probability(settings: ScreenSettings, *decided: Codes) -> Floats:
    """Return each post's chance to be stored: below 1 where all that was decided is to clear it."""
    cleared = ~np.logical_or.reduce([goes_to_judge(codes).any(axis=1) for codes in decided])
    return np.where(cleared, settings.record_cleared, 1.0)


def _in_shadow(policies: PolicySet, rows: int) -> Any:
    """Return ``rows`` lists of the policies that are in shadow; null where none is."""
    kind = SCREENING.field("shadow_policies").type
    found = [p.policy_id for p in policies.policies if p.status == Status.SHADOW]
    return pa.array([found] * rows, kind) if found else pa.nulls(rows, kind)


def escalations(
    content: pa.RecordBatch,
    scores: Floats,
    codes: Codes,
    *,
    screen_version: str,
    policies: PolicySet,
    settings: ScreenSettings,
    provisional: Ids | None = None,
    audit_rates: Floats | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield the posts to judge as ESCALATION batches, policy by policy or post by post.

    ``provisional`` holds the decision ids of what is flagged before that, ``audit_rates`` the
    chance of each pair to be audited, by default that of the settings.

    One policy's posts stay together because the judge reads the policy once for all of them; one
    post's policies do where the settings say that they are asked about at once.
    """
    sent = goes_to_judge(codes)
    if settings.together:
        row, policy = np.nonzero(sent)
    else:
        policy, row = np.nonzero(sent.T)
    if not len(row):
        return
    ids = pa.array([p.policy_id for p in policies.policies], pa.string())
    versions = pa.array([p.version for p in policies.policies], pa.string())
    sizes = post_bytes(content)[row]
    for start, stop in cuts(sizes, row if settings.together else np.arange(len(row))):
        rows, which = row[start:stop], policy[start:stop]
        taken = take(content, rows)
        score, code = scores[rows, which], codes[rows, which]
        rates = settings.audit_rate if audit_rates is None else audit_rates[rows, which]
        drawn = np.where(code == LESSON, settings.lesson_rate, np.where(code == AUDIT, rates, 1.0))
        yield pa.RecordBatch.from_arrays(
            [
                *taken.columns,
                take(ids, which),
                take(versions, which),
                pa.repeat(screen_version, len(rows)),
                take(_ROUTE_NAMES, code),
                pa.array(score, mask=np.isnan(score)),
                pa.array(drawn),
                *(pa.nulls(len(rows), pa.string()) for _ in _ORIGIN),
                pa.nulls(len(rows), pa.string())
                if provisional is None
                else pa.array(provisional[rows, which], pa.string()),
            ],
            schema=ESCALATION,
        )


def take(rows: Any, indices: npt.NDArray[Any]) -> Any:
    """Return the chosen rows of an Arrow array or batch."""
    return rows.take(pa.array(indices))


def cuts(sizes: npt.NDArray[np.int64], posts: npt.NDArray[np.integer]) -> Iterator[tuple[int, int]]:
    """Yield ranges of about ESCALATION_ROWS rows and _ESCALATION_BYTES.

    ``posts`` (rows,) says which post each row is about: the rows of one stay in one range, unless
    they are too many bytes.
    """
    start = size = 0
    for stop, row_size in enumerate(sizes.tolist()):
        between = stop > start and posts[stop] != posts[stop - 1]
        full = stop - start >= ESCALATION_ROWS and between
        if full or (stop > start and size + row_size > _ESCALATION_BYTES):
            yield start, stop
            start, size = stop, 0
        size += row_size
    yield start, len(sizes)
