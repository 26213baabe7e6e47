"""The step of the graph that screens: content in, screenings and escalations out."""

import logging
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from weir.policies.policy import PolicySet
from weir.policies.source import PolicySource
from weir.transforms import coders as _coders  # noqa: F401 - registers the coder of RecordBatches
from weir.transforms.accounts import (
    account_for_deferrals,
    account_for_escalations,
    account_for_further_rows,
)
from weir.transforms.arrays import Floats
from weir.transforms.counts import ages, counter, latency, surges
from weir.transforms.process.garbage import freeze_objects
from weir.transforms.process.reloading import RELOADS, Reloading
from weir.transforms.records import Route
from weir.transforms.screen.beside import Beside
from weir.transforms.screen.loaded import LoadedScreen, ReloadedScreen
from weir.transforms.screen.model import ScreenSource, score_all
from weir.transforms.screen.provisional import (
    Ids,
    ProvisionalSettings,
    provisional_flags,
    provisional_ids,
    thresholds,
)
from weir.transforms.screen.route import (
    CLEAR,
    EMPTY,
    ESCALATE,
    Codes,
    ScreenSettings,
    goes_to_judge,
)
from weir.transforms.screen.rows import escalations, recorded_probability, screenings
from weir.transforms.screen.thresholds.decide import (
    Applied,
    Decided,
    StreamShares,
    routed_posts,
    stream_time,
)
from weir.transforms.screen.thresholds.group import Reason
from weir.transforms.screen.thresholds.rows import deferrals, threshold_rows
from weir.transforms.traces import TraceSettings

_LOG = logging.getLogger(__name__)
_SURGE = (
    "a surge: %.0f%% of the latest posts in %s are above the threshold of %s, which is open for "
    "%.0f%%. It stays where it is, and what is above three times that share is deferred; the "
    "table thresholds has the rows"
)


class _Screen(beam.DoFn):
    """Screens batches of CONTENT, each with one screen and one set of policies."""

    def __init__(
        self,
        source: Reloading[LoadedScreen],
        policies: Reloading[PolicySet],
        settings: ScreenSettings,
        shadow: Reloading[LoadedScreen] | None = None,
        provisional: ProvisionalSettings | None = None,
        shares: StreamShares | None = None,
        traces: TraceSettings | None = None,
    ) -> None:
        self.sources, self.settings = (policies, source, shadow), settings
        self.provisional, self.shares, self.traces = provisional, shares, traces

    def setup(self) -> None:
        policies, source, shadow = self.sources
        self.policies_here = RELOADS.acquire(policies)
        self.screen_here = RELOADS.acquire(source)
        self.second_here = None if shadow is None else RELOADS.acquire(shadow)
        self.screened = counter("screenings")
        self.untouched, self.empty = counter("untouched"), counter("nothing_to_read")
        self._seen: tuple[Any, ...] = (None, None, None)
        self._told: set[str] = set()  # versions of thresholds whose rows have gone out
        self._take()
        freeze_objects("screen")

    def teardown(self) -> None:
        self.applied: list[Applied] = []  # so that nothing holds their thresholds
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
        loaded = [each.value for each in (screen, second) if each is not None]
        # What is taught begins in shadow as a copy of what decides: nothing is to be compared.
        several = len({each.trained for each in loaded})
        self.screens = [each.screen for each in loaded[:several]]
        run, rate = self.settings.run, self.settings.audit_rate + self.settings.lesson_rate
        self.applied = [
            Applied(each, self.policies, self.shares, run, rate) for each in self.screens
        ]
        self.beside = Beside(self.policies) if self.settings.together else None
        if self.provisional is not None:
            self.precise = thresholds(self.screens[0], self.policies, self.provisional.mode)

    def process(self, content: pa.RecordBatch) -> Iterator[Any]:
        began = time.time_ns()
        self._take()
        settings = self.settings
        texts: Any = content["text"]
        contents: Any = content["content_id"]
        read = score_all(self.screens, texts)
        routed = routed_posts(contents, self.applied, read, settings, stream_time(content))
        (decided, *shadows), codes, shadow_codes = routed.decided, routed.codes, routed.shadow_codes
        scores, rates = decided.scores, routed.audit_rates
        over = decided.over & (codes == ESCALATE)
        if self.beside is not None:
            codes = self.beside.taken(texts, codes, over)
        self._count(codes)
        self._time(content, codes)
        ids = None
        if self.provisional is not None:
            ids = provisional_ids(
                content, scores, codes, self.precise, self.policies, self.settings
            )
            yield from self._flagged(content, scores, ids, self.provisional)
        yield from self._thresholds(content, [decided, *shadows])
        if over.any():
            yield from self._deferred(content, scores, np.where(over, codes, CLEAR), ids)
        for batch in escalations(
            content,
            scores,
            np.where(over, CLEAR, codes),
            screen_version=self.screens[0].version,
            policies=self.policies,
            settings=settings,
            provisional=ids,
            audit_rates=rates,
        ):
            account_for_escalations(batch)
            yield beam.pvalue.TaggedOutput("escalations", batch)
        recorded = recorded_probability(settings, codes, *shadow_codes)
        rows = [
            screenings(
                content,
                each.scores,
                each_codes,
                screen_version=screen.version,
                policies=self.policies,
                settings=settings,
                screened_at=datetime.now(UTC),
                stages=screen.stages(of_heads).max(axis=1),
                recorded=recorded,
                languages=read.languages,
                threshold_versions=each.versions,
            )
            for screen, of_heads, each, each_codes in zip(
                self.screens,
                read.scores,
                [decided, *shadows],
                [codes, *shadow_codes],
                strict=True,
            )
        ]
        for shadow in rows[1:]:
            account_for_further_rows(shadow)
            yield beam.pvalue.TaggedOutput("shadow", shadow)
        if self.traces is not None:
            self.traces.screened(content, settings.run, began)
        yield rows[0]  # last: it is what the messages owe, and all else of them is accounted for

    def _thresholds(self, content: pa.RecordBatch, decided: Sequence[Decided]) -> Iterator[Any]:
        """Give the rows of thresholds that this instance decides with for the first time."""
        for screen, applied, each in zip(self.screens, self.applied, decided, strict=True):
            news = [s for version, s in each.standing.items() if version not in self._told]
            if not news:
                continue
            self._told.update(standing.version for standing in news)
            told = [(standing, *moved) for standing in news for moved in applied.moves_of(standing)]
            for standing, policy_id, move in told:
                if move.reason == Reason.SURGE:
                    above, share = 100 * move.above, 100 * move.share
                    _LOG.warning(_SURGE, above, standing.language, policy_id, share)
            rows = threshold_rows(
                content,
                told,
                screen_version=screen.version,
                settings=self.settings,
                decided_at=datetime.now(UTC),
            )
            account_for_further_rows(rows)
            yield beam.pvalue.TaggedOutput("thresholds", rows)
        surges(sum(applied.surges for applied in self.applied))

    def _deferred(
        self, content: pa.RecordBatch, scores: Floats, codes: Codes, ids: Ids | None
    ) -> Iterator[Any]:
        """Give what is beyond the bound of a surge, to be judged by a later run."""
        for batch in escalations(
            content,
            scores,
            codes,
            screen_version=self.screens[0].version,
            policies=self.policies,
            settings=self.settings,
            provisional=ids,
        ):
            rows = deferrals(batch, self.settings, datetime.now(UTC))
            account_for_escalations(batch)
            account_for_deferrals(rows)
            yield beam.pvalue.TaggedOutput("deferred", rows)

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
            account_for_further_rows(flags)
            yield beam.pvalue.TaggedOutput("provisional", flags)

    def _time(self, content: pa.RecordBatch, codes: Codes) -> None:
        cleared = ~goes_to_judge(codes).any(axis=1)
        times: Any = content["timestamp"].filter(pa.array(cleared))
        latency(Route.CLEAR).update_all(ages(times, time.time_ns() // 1000))

    def _count(self, codes: Codes) -> None:
        self.screened.inc(len(codes))
        self.untouched.inc(int((~goes_to_judge(codes).any(axis=1)).sum()))
        self.empty.inc(int((codes == EMPTY).all(axis=1).sum()) if codes.shape[1] else 0)


_OUTPUTS = ("escalations", "shadow", "provisional", "thresholds", "deferred")


class ScreenContent(beam.PTransform):
    """CONTENT -> ``screenings`` (one batch per batch) and ``escalations`` (at most 32 rows each).

    A policy without a head in the screen is not cleared by anything: its route is ``forced``.
    ``provisional`` turns provisional flags on: PROVISIONAL batches come out under that name.
    ``shadow`` is a second screen, whose screenings come out as ``shadow``, to be compared: whatever
    it says changes nothing else. Both score the same features, so it costs a fraction of the first.
    With ``shares`` the heads that are not certified are open for a share of the stream: THRESHOLD
    batches come out as ``thresholds``, and DEFERRED ones as ``deferred``: what a surge brings
    beyond a bound. With ``traces`` sampled posts have spans.

    What is given as a Reloading is read again while the job runs.
    """

    def __init__(
        self,
        source: ScreenSource | Reloading[LoadedScreen],
        policies: PolicySet | Reloading[PolicySet],
        settings: ScreenSettings,
        shadow: ScreenSource | Reloading[LoadedScreen] | None = None,
        provisional: ProvisionalSettings | None = None,
        shares: StreamShares | None = None,
        traces: TraceSettings | None = None,
    ) -> None:
        super().__init__()
        if isinstance(policies, PolicySet):
            policies = Reloading(PolicySource(policies))
        second = None if shadow is None else _reloading(shadow)
        self._dofn = _Screen(
            _reloading(source), policies, settings, second, provisional, shares, traces
        )

    def expand(self, content: Any) -> Any:
        """Apply the step to a PCollection of CONTENT batches."""
        outputs = content | "Screen" >> beam.ParDo(self._dofn).with_outputs(
            *_OUTPUTS, main="screenings"
        )
        outputs.screenings.element_type = pa.RecordBatch
        for name in _OUTPUTS:
            outputs[name].element_type = pa.RecordBatch
        return outputs


def _reloading(screen: ScreenSource | Reloading[LoadedScreen]) -> Reloading[LoadedScreen]:
    if isinstance(screen, ScreenSource):
        return Reloading(ReloadedScreen(screen, fixed=True))
    return screen
