"""Finds the topics that match a pattern, and the partitions of a topic, as they appear.

Partitions are numbered from 0 and never go away, so that the restriction is the range of
numbers, and what the runner has checkpointed of it is what was already handed out. Of a pattern it
is the names themselves, which have no order in time.
"""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.io.iobase import RestrictionProgress, RestrictionTracker
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import MIN_TIMESTAMP, Duration, Timestamp
from kafka.errors import KafkaError

from weir.transforms.kafka.errors import SourceError
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.process.draining import STOPPING
from weir.transforms.read.bounds import Start, Stop
from weir.transforms.read.find_slices import NEVER, Slice, find_names, find_slices

Find = Callable[[KafkaSettings, tuple[str, ...], Start, Stop], list[Slice]]

_log = logging.getLogger(__name__)
_NEVER_STOP = Stop("never")
_PAUSE_SECONDS = 0.05  # for runners that come back at once, whatever the delay asked for
# Not only when partitions are looked for: a job that is told to stop waits for this step.
# Flink cuts it to whole seconds.
_COME_BACK = Duration(micros=1_100_000)


class PartitionNumbers(OffsetRestrictionTracker):
    """Tracks how many partitions were handed out."""

    def is_bounded(self) -> bool:
        """Return False: more may appear."""
        return False

    def try_split(self, fraction_of_remainder: float) -> Any:
        """Split off the rest for a self-checkpoint; refuse any other split."""
        return super().try_split(0) if fraction_of_remainder == 0 else None


class TopicRestrictions(RestrictionProvider):
    """Makes the restriction of a topic: the numbers of its partitions."""

    def initial_restriction(self, element: str) -> OffsetRange:  # noqa: ARG002 - Beam's signature
        """Return all numbers there can be."""
        return OffsetRange(0, NEVER)

    def create_tracker(self, restriction: OffsetRange) -> PartitionNumbers:
        """Return the tracker of a restriction."""
        return PartitionNumbers(restriction)

    def restriction_size(self, element: str, restriction: OffsetRange) -> int:  # noqa: ARG002 - Beam's signature
        """Return 1: there is hardly any work in it."""
        return 1

    def truncate(self, element: str, restriction: OffsetRange) -> None:
        """On drain, look no further."""


class DiscoverPartitions(beam.DoFn):
    """Gives a slice without an end for each partition of a topic, now and as they appear."""

    def __init__(
        self,
        settings: KafkaSettings,
        start: Start,
        every_seconds: float,
        find: Find = find_slices,
    ) -> None:
        self._settings = settings
        self._start = start
        self._every_seconds = every_seconds
        self._find_slices = find
        self._due: dict[str, float] = {}

    @beam.DoFn.unbounded_per_element()
    def process(
        self,
        element: str,
        tracker: Any = beam.DoFn.RestrictionParam(TopicRestrictions()),
        watermark: Any = beam.DoFn.WatermarkEstimatorParam(
            ManualWatermarkEstimator.default_provider()
        ),
    ) -> Iterator[Any]:
        """Give the partitions that were not given yet; come back for more."""
        if STOPPING.is_set():
            tracker.try_claim(NEVER - 1)
            return
        known = tracker.current_restriction().start
        if known and time.monotonic() < self._due.get(element, 0.0):
            time.sleep(_PAUSE_SECONDS)
            found = []
        else:
            found = self._find(element, known)
            self._due[element] = time.monotonic() + self._every_seconds
        reached = watermark.current_watermark() or MIN_TIMESTAMP
        for each in found:
            if not tracker.try_claim(each.partition):
                return
            yield TimestampedValue(each, reached)
        _come_back(tracker, watermark, self._every_seconds)

    def _find(self, topic: str, known: int) -> list[Slice]:
        if not known:
            return self._find_slices(self._settings, (topic,), self._start, _NEVER_STOP)
        try:
            # What was written to a new partition before it was found is read as well.
            return [
                each
                for each in self._find_slices(
                    self._settings, (topic,), Start("earliest"), _NEVER_STOP
                )
                if each.partition >= known
            ]
        except (KafkaError, SourceError) as error:
            # The partitions that are known are read on, and the broker may come back.
            _log.warning("New partitions of %s were not looked for: %s", topic, error)
            return []


class NewNames(RestrictionTracker):
    """Tracks which topics of a pattern were handed out: their names are the restriction."""

    def __init__(self, known: tuple[str, ...]) -> None:
        self._known = known
        self._ended = False

    def current_restriction(self) -> tuple[str, ...]:
        """Return the names that were handed out."""
        return self._known

    def try_claim(self, position: str | None) -> bool:
        """Hand out a name; None ends the search."""
        if self._ended:
            return False
        if position is None:
            self._ended = True
        else:
            self._known = (*self._known, position)
        return True

    def try_split(self, fraction_of_remainder: float) -> Any:
        """Split off the search for others for a self-checkpoint; refuse any other split."""
        if fraction_of_remainder or self._ended:
            return None
        self._ended = True
        return self._known, self._known

    def check_done(self) -> None:
        """Raise ValueError where the search neither ended nor is to go on."""
        if not self._ended:
            raise ValueError("the search for topics was left without an end")

    def current_progress(self) -> RestrictionProgress:
        """Return none: nobody knows how many will come."""
        return RestrictionProgress(fraction=0.0)

    def is_bounded(self) -> bool:
        """Return False: more may appear."""
        return False


class PatternRestrictions(RestrictionProvider):
    """Makes the restriction of a pattern: no name yet."""

    def initial_restriction(self, element: str) -> tuple[str, ...]:  # noqa: ARG002 - Beam's signature
        """Return no name."""
        return ()

    def create_tracker(self, restriction: tuple[str, ...]) -> NewNames:
        """Return the tracker of a restriction."""
        return NewNames(restriction)

    def restriction_size(self, element: str, restriction: tuple[str, ...]) -> int:  # noqa: ARG002 - Beam's signature
        """Return 1: there is hardly any work in it."""
        return 1

    def truncate(self, element: str, restriction: tuple[str, ...]) -> None:
        """On drain, look no further."""


LATER = "later"


class DiscoverTopics(beam.DoFn):
    """Gives the names that match a pattern; those that appear later in the output LATER."""

    def __init__(
        self,
        settings: KafkaSettings,
        every_seconds: float,
        find: Callable[[KafkaSettings, str], list[str]] = find_names,
    ) -> None:
        self._settings = settings
        self._every_seconds = every_seconds
        self._find_names = find
        self._due: dict[str, float] = {}

    @beam.DoFn.unbounded_per_element()
    def process(
        self,
        element: str,
        tracker: Any = beam.DoFn.RestrictionParam(PatternRestrictions()),
        watermark: Any = beam.DoFn.WatermarkEstimatorParam(
            ManualWatermarkEstimator.default_provider()
        ),
    ) -> Iterator[Any]:
        """Give the names that were not given yet; come back for more."""
        if STOPPING.is_set():
            tracker.try_claim(None)
            return
        known = tracker.current_restriction()
        if known and time.monotonic() < self._due.get(element, 0.0):
            time.sleep(_PAUSE_SECONDS)
            found = []
        else:
            found = [name for name in self._find(element, known) if name not in known]
            self._due[element] = time.monotonic() + self._every_seconds
        reached = watermark.current_watermark() or MIN_TIMESTAMP
        for name in found:
            if not tracker.try_claim(name):
                return
            given = TimestampedValue(name, reached)
            yield beam.pvalue.TaggedOutput(LATER, given) if known else given
        _come_back(tracker, watermark, self._every_seconds)

    def _find(self, pattern: str, known: tuple[str, ...]) -> list[str]:
        try:
            return self._find_names(self._settings, pattern)
        except (KafkaError, SourceError) as error:
            if not known:
                raise
            _log.warning("New topics like %s were not looked for: %s", pattern, error)
            return []


def _come_back(tracker: Any, watermark: Any, every_seconds: float) -> None:
    # What appears later holds messages as old as the time since the last look.
    looked_back = Timestamp.now() - Duration(micros=int(2e6 * every_seconds))
    watermark.set_watermark(max(looked_back, watermark.current_watermark() or MIN_TIMESTAMP))
    tracker.defer_remainder(_COME_BACK)
