"""The step of the graph that screens: content in, screenings and escalations out."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from weir.policies.policy import PolicySet, Status
from weir.policies.source import PolicySource
from weir.transforms import coders as _coders  # noqa: F401 - registers the coder of RecordBatches
from weir.transforms.counts import ages, counter, latency, policy_counter
from weir.transforms.identity import decision_ids
from weir.transforms.process.backlog import WAITING
from weir.transforms.process.garbage import settle
from weir.transforms.process.offset_ledger import PROGRESS, positions
from weir.transforms.process.reloading import RELOADS, Reloading
from weir.transforms.records import ESCALATION, SCREENING, Route, post_bytes
from weir.transforms.screen.loaded import LoadedScreen, ReloadedScreen
from weir.transforms.screen.model import Floats, ScreenSource, scored
from weir.transforms.screen.provisional import (
    Ids,
    ProvisionalSettings,
    provisional_flags,
    provisional_ids,
    thresholds,
)
from weir.transforms.screen.route import (
    AUDIT,
    EMPTY,
    ROUTES,
    Codes,
    Heads,
    ScreenSettings,
    audited,
    judged,
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
    stages: Codes,
    recorded: Floats | None = None,
) -> pa.RecordBatch:
    """Return one SCREENING row per post from (rows, policies) scores and routes.

    ``stages`` is how many stages of the screen read each post. ``recorded`` is each row's chance to
    be stored; by default that of ``recording`` these codes.
    """
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
        "mode": pa.repeat(str(settings.mode), rows),
        "shadow_policies": _in_shadow(policies, rows),
        "recorded_probability": pa.array(
            recording(settings, codes) if recorded is None else recorded
        ),
        "record_cleared": pa.repeat(settings.record_cleared, rows),
        "stages": pa.array(stages, pa.int64()),
    }
    return pa.RecordBatch.from_arrays(
        [columns[name] if name in columns else content[name] for name in SCREENING.names],
        schema=SCREENING,
    )


def recording(settings: ScreenSettings, *decided: Codes) -> Floats:
    """Return each post's chance to be stored: below 1 where all that was decided is to clear it."""
    cleared = ~np.logical_or.reduce([judged(codes).any(axis=1) for codes in decided])
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
) -> Iterator[pa.RecordBatch]:
    """Yield the posts to judge as ESCALATION batches, policy by policy.

    ``provisional`` holds the decision ids of what is flagged before that.

    One policy's posts stay together because the judge reads the policy once for all of them.
    """
    policy, row = np.nonzero(judged(codes).T)
    if not len(row):
        return
    ids = pa.array([p.policy_id for p in policies.policies], pa.string())
    versions = pa.array([p.version for p in policies.policies], pa.string())
    sizes = post_bytes(content)[row]
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
                pa.nulls(len(rows), pa.string())
                if provisional is None
                else pa.array(provisional[rows, which], pa.string()),
            ],
            schema=ESCALATION,
        )


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
    """Screens batches of CONTENT, each with one screen and one set of policies."""

    def __init__(
        self,
        source: Reloading[LoadedScreen],
        policies: Reloading[PolicySet],
        settings: ScreenSettings,
        shadow: Reloading[LoadedScreen] | None = None,
        provisional: ProvisionalSettings | None = None,
    ) -> None:
        self.sources, self.settings = (policies, source, shadow), settings
        self.provisional = provisional

    def setup(self) -> None:
        policies, source, shadow = self.sources
        self.policies_here = RELOADS.acquire(policies)
        self.screen_here = RELOADS.acquire(source)
        self.second_here = None if shadow is None else RELOADS.acquire(shadow)
        self.screened, self.escalated = counter("screenings"), counter("escalations")
        self.audits = counter("audits")
        self.untouched, self.empty = counter("untouched"), counter("nothing_to_read")
        self._seen: tuple[Any, ...] = (None, None, None)
        self._take()
        settle("screen")

    def teardown(self) -> None:
        for source in self.sources:
            if source is not None:
                RELOADS.release(source)

    def _take(self) -> None:
        """Take what is in force now, for the batch that begins."""
        policies, screen = self.policies_here.now, self.screen_here.now
        second = None if self.second_here is None else self.second_here.now
        now = (policies, screen, second)
        if all(each is seen for each, seen in zip(now, self._seen, strict=True)):
            return
        self._seen = now
        for here in (self.policies_here, self.screen_here):
            here.count()
        self.policies = policies.value
        self.screens = [each.value.screen for each in (screen, second) if each is not None]
        self.heads = [Heads.of(each, self.policies) for each in self.screens]
        if self.provisional is not None:
            self.precise = thresholds(self.screens[0], self.policies, self.provisional.mode)
        self.per_policy = [
            policy_counter(p.policy_id, "escalations") for p in self.policies.policies
        ]

    def process(self, content: pa.RecordBatch) -> Iterator[Any]:
        self._take()
        settings = self.settings
        texts: Any = content["text"]
        contents: Any = content["content_id"]
        read = scored(self.screens, texts)
        found = zip(self.heads, read.scores, strict=True)
        scores, *shadow_scores = [heads.scores(each) for heads, each in found]
        sample = audited(contents, settings.audit_rate, settings.audit_salt)
        codes = routes(scores, self.heads[0], sample, read.empty)
        self._count(codes)
        self._time(content, codes)
        escalated, _ = np.nonzero(judged(codes))
        PROGRESS.hold(_take(positions(content), escalated))  # before the screenings are let go
        ids = None
        if self.provisional is not None:
            ids = provisional_ids(
                content, scores, codes, self.precise, self.policies, self.settings
            )
            yield from self._flagged(content, scores, ids, self.provisional)
        unaudited = np.zeros(len(codes), bool)
        shadow_codes = [
            routes(each, heads, unaudited, read.empty)
            for heads, each in zip(self.heads[1:], shadow_scores, strict=True)
        ]
        for _ in shadow_codes:
            PROGRESS.hold(positions(content))  # a row more each
        recorded = recording(settings, codes, *shadow_codes)
        rows = [
            screenings(
                content,
                each_scores,
                each_codes,
                screen_version=screen.version,
                policies=self.policies,
                settings=settings,
                screened_at=datetime.now(UTC),
                stages=screen.stages(of_heads).max(axis=1),
                recorded=recorded,
            )
            for screen, of_heads, each_scores, each_codes in zip(
                self.screens,
                read.scores,
                [scores, *shadow_scores],
                [codes, *shadow_codes],
                strict=True,
            )
        ]
        yield rows[0]
        for batch in escalations(
            content,
            scores,
            codes,
            screen_version=self.screens[0].version,
            policies=self.policies,
            settings=settings,
            provisional=ids,
        ):
            WAITING.add(batch)
            yield beam.pvalue.TaggedOutput("escalations", batch)
        for shadow in rows[1:]:
            yield beam.pvalue.TaggedOutput("shadow", shadow)

    def _flagged(
        self, content: pa.RecordBatch, scores: Floats, ids: Ids, provisional: ProvisionalSettings
    ) -> Iterator[Any]:
        """Give what is flagged at once, before anything else: what is fused with it sends it."""
        flags = provisional_flags(
            content,
            scores,
            ids,
            screen_version=self.screens[0].version,
            policies=self.policies,
            settings=self.settings,
            decode=provisional.decode,
            flagged_at=datetime.now(UTC),
        )
        if flags.num_rows:
            PROGRESS.hold(flags)
            yield beam.pvalue.TaggedOutput("provisional", flags)

    def _time(self, content: pa.RecordBatch, codes: Codes) -> None:
        cleared = ~judged(codes).any(axis=1)
        times: Any = content["timestamp"].filter(pa.array(cleared))
        latency(Route.CLEAR).update_all(ages(times, time.time_ns() // 1000))

    def _count(self, codes: Codes) -> None:
        self.screened.inc(len(codes))
        sent = judged(codes)
        self.untouched.inc(int((~sent.any(axis=1)).sum()))
        self.empty.inc(int((codes == EMPTY).all(axis=1).sum()) if codes.shape[1] else 0)
        per_policy = sent.sum(axis=0)
        self.escalated.inc(int(per_policy.sum()))
        self.audits.inc(int((codes == AUDIT).sum()))
        for count, metric in zip(per_policy.tolist(), self.per_policy, strict=True):
            if count:
                metric.inc(count)


class ScreenContent(beam.PTransform):
    """CONTENT -> ``screenings`` (one batch per batch) and ``escalations`` (at most 32 rows each).

    A policy without a head in the screen is not cleared by anything: its route is ``forced``.
    ``provisional`` turns provisional flags on: PROVISIONAL batches come out under that name.
    ``shadow`` is a second screen, whose screenings come out as ``shadow``, to be compared: whatever
    it says changes nothing else. Both score the same features, so it costs a fraction of the first.

    What is given as a Reloading is read again while the job runs.
    """

    def __init__(
        self,
        source: ScreenSource | Reloading[LoadedScreen],
        policies: PolicySet | Reloading[PolicySet],
        settings: ScreenSettings,
        shadow: ScreenSource | Reloading[LoadedScreen] | None = None,
        provisional: ProvisionalSettings | None = None,
    ) -> None:
        super().__init__()
        if isinstance(policies, PolicySet):
            policies = Reloading(PolicySource(policies))
        second = None if shadow is None else _reloading(shadow)
        self._dofn = _Screen(_reloading(source), policies, settings, second, provisional)

    def expand(self, content: Any) -> Any:
        """Apply the step to a PCollection of CONTENT batches."""
        outputs = content | "Screen" >> beam.ParDo(self._dofn).with_outputs(
            "escalations", "shadow", "provisional", main="screenings"
        )
        outputs.screenings.element_type = pa.RecordBatch
        outputs.escalations.element_type = pa.RecordBatch
        outputs.shadow.element_type = pa.RecordBatch
        outputs.provisional.element_type = pa.RecordBatch
        return outputs


def _reloading(screen: ScreenSource | Reloading[LoadedScreen]) -> Reloading[LoadedScreen]:
    if isinstance(screen, ScreenSource):
        return Reloading(ReloadedScreen(screen, fixed=True))
    return screen
