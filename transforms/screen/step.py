"""The step of the graph that screens: content in, screenings and escalations out."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from policies.policy import PolicySet
from transforms import coders as _coders  # noqa: F401 - registers the coder of RecordBatches
from transforms.counts import counter, policy_counter
from transforms.identity import decision_ids
from transforms.records import ESCALATION, SCREENING
from transforms.screen.model import Floats, ScreenSource, scores_of
from transforms.screen.route import (
    AUDIT,
    CLEAR,
    ROUTES,
    Codes,
    Heads,
    ScreenSettings,
    audited,
    routes,
)

ESCALATION_ROWS = 32
_ESCALATION_BYTES = 4 << 20  # of posts in one batch of escalations, unless one alone is larger
_ORIGIN = ("run", "cluster", "mode")  # of an escalation that leaves this job
_ROUTE_NAMES = pa.array([route.value for route in ROUTES], pa.string())


@lru_cache(maxsize=16)
def _policy_column(policy_ids: tuple[str, ...], rows: int) -> tuple[Any, Any]:
    """Return the list offsets and the ids of ``rows`` lists with one entry a policy."""
    offsets = np.arange(rows + 1, dtype=np.int32) * len(policy_ids)
    ids = np.tile(np.arange(len(policy_ids), dtype=np.int32), rows)
    return pa.array(offsets), _take(pa.array(policy_ids, pa.string()), ids)


def screenings(
    content: pa.RecordBatch,
    scores: Floats,
    codes: Codes,
    *,
    screen_version: str,
    policies: PolicySet,
    settings: ScreenSettings,
    screened_at: datetime,
) -> pa.RecordBatch:
    """Return one SCREENING row per post from (rows, policies) scores and routes."""
    rows = content.num_rows
    policy_ids = tuple(policy.policy_id for policy in policies.policies)
    offsets, ids = _policy_column(policy_ids, rows)
    flat = scores.ravel()
    entries: Any = pa.StructArray.from_arrays(
        [ids, pa.array(flat, mask=np.isnan(flat)), _take(_ROUTE_NAMES, codes.ravel())],
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
    }
    return pa.RecordBatch.from_arrays(
        [columns[name] if name in columns else content[name] for name in SCREENING.names],
        schema=SCREENING,
    )


def escalations(
    content: pa.RecordBatch,
    scores: Floats,
    codes: Codes,
    *,
    screen_version: str,
    policies: PolicySet,
    settings: ScreenSettings,
) -> Iterator[pa.RecordBatch]:
    """Yield the posts to judge as ESCALATION batches, policy by policy.

    One policy's posts stay together because the judge reads the policy once for all of them.
    """
    policy, row = np.nonzero(codes.T != CLEAR)
    if not len(row):
        return
    ids = pa.array([p.policy_id for p in policies.policies], pa.string())
    versions = pa.array([p.version for p in policies.policies], pa.string())
    sizes = _post_bytes(content)[row]
    for start, stop in _cuts(sizes):
        rows, which = row[start:stop], policy[start:stop]
        taken = _take(content, rows)
        score, code = scores[rows, which], codes[rows, which]
        yield pa.RecordBatch.from_arrays(
            [
                *taken.columns,
                _take(ids, which),
                _take(versions, which),
                pa.repeat(screen_version, len(rows)),
                _take(_ROUTE_NAMES, code),
                pa.array(score, mask=np.isnan(score)),
                pa.array(np.where(code == AUDIT, settings.audit_rate, 1.0)),
                *(pa.nulls(len(rows), pa.string()) for _ in _ORIGIN),
            ],
            schema=ESCALATION,
        )


def _post_bytes(content: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """Return about how many bytes each post takes in an escalation."""
    text: Any = content["text"]
    value: Any = content["value"]
    total = pc.add(pc.binary_length(text), pc.fill_null(pc.binary_length(value), 0))
    return np.asarray(total.to_numpy(zero_copy_only=False), np.int64)


def _take(rows: Any, indices: npt.NDArray[Any]) -> Any:
    """Return the chosen rows of an Arrow array or batch."""
    return rows.take(pa.array(indices))


def _cuts(sizes: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield ranges of at most ESCALATION_ROWS rows and about _ESCALATION_BYTES."""
    start = size = 0
    for stop, row_size in enumerate(sizes.tolist()):
        full = stop - start == ESCALATION_ROWS or size + row_size > _ESCALATION_BYTES
        if full and stop > start:
            yield start, stop
            start, size = stop, 0
        size += row_size
    yield start, len(sizes)


class _Screen(beam.DoFn):
    """Screens batches of CONTENT."""

    def __init__(
        self,
        source: ScreenSource,
        policies: PolicySet,
        settings: ScreenSettings,
        shadow: ScreenSource | None = None,
    ) -> None:
        self.source, self.policies, self.settings = source, policies, settings
        self.shadow = shadow

    def setup(self) -> None:
        sources = [self.source] if self.shadow is None else [self.source, self.shadow]
        self.screens = [source.screen() for source in sources]
        self.heads = [Heads.of(screen, self.policies) for screen in self.screens]
        self.screened, self.escalated = counter("screenings"), counter("escalations")
        self.audits = counter("audits")
        self.per_policy = [
            policy_counter(p.policy_id, "escalations") for p in self.policies.policies
        ]

    def process(self, content: pa.RecordBatch) -> Iterator[Any]:
        settings = self.settings
        texts: Any = content["text"]
        ids: Any = content["content_id"]
        found = zip(self.heads, scores_of(self.screens, texts), strict=True)
        scores, *shadow_scores = [heads.scores(each) for heads, each in found]
        sample = audited(ids, settings.audit_rate, settings.audit_salt)
        codes = routes(scores, self.heads[0], sample)
        self._count(codes)
        yield screenings(
            content,
            scores,
            codes,
            screen_version=self.screens[0].version,
            policies=self.policies,
            settings=settings,
            screened_at=datetime.now(UTC),
        )
        for batch in escalations(
            content,
            scores,
            codes,
            screen_version=self.screens[0].version,
            policies=self.policies,
            settings=settings,
        ):
            yield beam.pvalue.TaggedOutput("escalations", batch)
        for second in shadow_scores:
            yield beam.pvalue.TaggedOutput("shadow", self._shadowed(content, second))

    def _shadowed(self, content: pa.RecordBatch, scores: Floats) -> pa.RecordBatch:
        """Return what the second screen would have decided: nothing is judged because of it."""
        return screenings(
            content,
            scores,
            routes(scores, self.heads[1], np.zeros(content.num_rows, bool)),
            screen_version=self.screens[1].version,
            policies=self.policies,
            settings=self.settings,
            screened_at=datetime.now(UTC),
        )

    def _count(self, codes: Codes) -> None:
        self.screened.inc(len(codes))
        per_policy = (codes != CLEAR).sum(axis=0)
        self.escalated.inc(int(per_policy.sum()))
        self.audits.inc(int((codes == AUDIT).sum()))
        for count, metric in zip(per_policy.tolist(), self.per_policy, strict=True):
            if count:
                metric.inc(count)


class ScreenContent(beam.PTransform):
    """CONTENT -> ``screenings`` (one batch per batch) and ``escalations`` (at most 32 rows each).

    A policy without a head in the screen is not cleared by anything: its route is ``forced``.
    ``shadow`` is a second screen, whose screenings come out as ``shadow``, to be compared: whatever
    it says changes nothing else. Both score the same features, so it costs a fraction of the first.
    """

    def __init__(
        self,
        source: ScreenSource,
        policies: PolicySet,
        settings: ScreenSettings,
        shadow: ScreenSource | None = None,
    ) -> None:
        super().__init__()
        self.source, self.policies, self.settings = source, policies, settings
        self.shadow = shadow

    def expand(self, content: Any) -> Any:
        """Apply the step to a PCollection of CONTENT batches."""
        step = _Screen(self.source, self.policies, self.settings, self.shadow)
        outputs = content | "Screen" >> beam.ParDo(step).with_outputs(
            "escalations", "shadow", main="screenings"
        )
        outputs.screenings.element_type = pa.RecordBatch
        outputs.escalations.element_type = pa.RecordBatch
        outputs.shadow.element_type = pa.RecordBatch
        return outputs
