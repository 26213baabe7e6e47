"""The Kafka source: a splittable DoFn whose restriction is a range of one partition's offsets."""

import time
from collections.abc import Generator, Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.runners.direct.direct_runner import SwitchingDirectRunner
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Duration, Timestamp
from kafka import TopicPartition
from kafka.errors import OffsetOutOfRangeError

from weir.transforms import coders
from weir.transforms.accounts import account_for_messages
from weir.transforms.counts import counter, lag_gauge
from weir.transforms.kafka.commits import ADVICE
from weir.transforms.kafka.partition_reader import READERS, PartitionReader
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.process.backlog import WAITING
from weir.transforms.process.draining import STOPPING
from weir.transforms.process.offset_ledger import PROGRESS, Settled
from weir.transforms.read.bounds import Start, Stop
from weir.transforms.read.discovery import LATER, DiscoverPartitions, DiscoverTopics
from weir.transforms.read.find_slices import NEVER, Slice, read_once
from weir.transforms.read.topics import is_pattern

coders.register()

# These run a step only when what comes before it has ended, so a search for new partitions that
# goes on for ever would keep them from reading any.
_IN_PROCESS = (FnApiRunner, SwitchingDirectRunner)
_IDLE_DELAY = Duration(micros=200_000)
# An idle partition's watermark follows the clock at this distance.
_IDLE_LAG = Duration(seconds=1)

# A part takes seconds to screen, so that workers end together; its reader's start takes a tenth.
PART_OFFSETS = 250_000
_LEAST_OFFSETS = 10_000  # of what a runner splits off later


class SliceTracker(OffsetRestrictionTracker):
    """Tracks one slice; it can be cut where it stands, but not in two: one reader a partition."""

    def is_bounded(self) -> bool:
        """Return whether the slice has an end."""
        return self.current_restriction().stop != NEVER  # type: ignore[no-any-return]  # Beam has no types

    def try_split(self, fraction_of_remainder: float) -> Any:
        """Split off the rest for a self-checkpoint; refuse any other split."""
        return super().try_split(0) if fraction_of_remainder == 0 else None


class SliceRestrictions(RestrictionProvider):
    """Makes the restriction of a slice: its offsets."""

    def initial_restriction(self, element: Slice) -> OffsetRange:
        """Return the offsets of the slice."""
        return OffsetRange(element.start, element.stop)

    def create_tracker(self, restriction: OffsetRange) -> SliceTracker:
        """Return the tracker of a restriction."""
        return SliceTracker(restriction)

    def restriction_size(self, element: Slice, restriction: OffsetRange) -> int:  # noqa: ARG002 - Beam's signature
        """Return the offsets left; 1 where they have no end."""
        return 1 if restriction.stop == NEVER else int(restriction.size())

    def truncate(self, element: Slice, restriction: OffsetRange) -> OffsetRange | None:  # noqa: ARG002 - Beam's signature
        """On drain, finish what has an end and leave what has none."""
        return None if restriction.stop == NEVER else restriction


class PartTracker(SliceTracker):
    """Tracks a slice with an end, of which a runner may give any rest to another worker."""

    def try_claim(self, position: int) -> bool:
        """Claim up to a position; one beyond the end is refused, and less may be claimed then."""
        # Beam's own takes a refused claim down, and what was read up to the cut could not be kept.
        return position < self._range.stop and bool(super().try_claim(position))

    def try_split(self, fraction_of_remainder: float) -> Any:
        """Split off the rest for a self-checkpoint, or a share of it that is worth a reader."""
        left = self._range.stop - (self._last_claim_attempt or self._range.start)
        if (
            fraction_of_remainder
            and left * min(fraction_of_remainder, 1 - fraction_of_remainder) < _LEAST_OFFSETS
        ):
            return None
        return OffsetRestrictionTracker.try_split(self, fraction_of_remainder)


class PartRestrictions(SliceRestrictions):
    """Makes the restrictions of a slice with an end: parts that workers can read side by side."""

    def create_tracker(self, restriction: OffsetRange) -> PartTracker:
        """Return the tracker of a restriction."""
        return PartTracker(restriction)

    def split(self, element: Slice, restriction: OffsetRange) -> Iterator[OffsetRange]:  # noqa: ARG002 - Beam's signature
        """Give the parts, before any of them is read."""
        yield from restriction.split(PART_OFFSETS)


class _ReadSlice(beam.DoFn):
    """Reads a slice, a bundle at a time."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        accept_loss: bool,
        max_poll_records: int,
        bundle_rows: int,
        bundle_seconds: float,
        group: str | None = None,
    ) -> None:
        self._settings = settings
        self._group = group
        self._accept_loss = accept_loss
        self._max_poll_records = max_poll_records
        self._bundle_rows = bundle_rows
        self._bundle_seconds = bundle_seconds
        self._lost = counter("lost_messages")

    def teardown(self) -> None:
        READERS.close()

    def _read(self, element: Slice, tracker: Any, watermark: Any) -> Iterator[TimestampedValue]:
        partition = TopicPartition(element.topic, element.partition)
        reader = READERS.take(self._settings, partition)
        reader.expect(element.topic_id)
        goes_on = False
        try:
            goes_on = yield from self._read_bundle(element, reader, tracker, watermark)
        finally:
            lag = reader.lag()
            if lag is not None:
                lag_gauge(element.topic, element.partition).set(lag)
            if goes_on:
                READERS.give(self._settings, partition, reader)
            else:
                reader.close()

    def _read_bundle(
        self, element: Slice, reader: PartitionReader, tracker: Any, watermark: Any
    ) -> Generator[TimestampedValue, None, bool]:
        # Returns whether the slice goes on in another bundle.
        restriction = tracker.current_restriction()
        position, stop = restriction.start, restriction.stop
        place = element.topic, element.partition
        PROGRESS.at(*place, position, element.topic_id, element.start)
        if self._group is not None:
            ADVICE.at(self._settings, self._group, *place, Settled(position, element.topic_id))
        deadline, rows = time.monotonic() + self._bundle_seconds, 0
        reader.seek(position)
        while position < stop:
            if STOPPING.is_set():
                return not tracker.try_claim(stop - 1)
            if WAITING.full():
                reader.look()
                tracker.defer_remainder(_IDLE_DELAY)
                return True
            try:
                batch, after = reader.poll(self._max_poll_records, READERS.poll_ms())
            except OffsetOutOfRangeError as error:
                batch, after = None, self._after_loss(reader, error, stop)
            # Claimed by position, not by the last message: what lies between them (transaction
            # markers, compacted messages, lost ones) is done with as well.
            before, end = position, min(after, stop)
            while end > position and not tracker.try_claim(end - 1):
                # The runner has given the rest away meanwhile.
                stop = tracker.current_restriction().stop
                end = min(end, stop)
            if end == position < after:
                return True
            position = end
            if batch is not None and after > stop:
                batch = batch.filter(pc.less(batch["offset"], stop))
            if position > before:
                account_for_messages(*place, batch, position)
            if batch is not None:
                if batch.num_rows:
                    rows += batch.num_rows
                    yield TimestampedValue(batch, _advance(watermark, _latest(batch)))
            elif reader.caught_up():
                _advance(watermark, Timestamp.now() - _IDLE_LAG)
            if position >= stop:
                break
            if batch is None:
                tracker.defer_remainder(_IDLE_DELAY)
                return True
            if rows >= self._bundle_rows or time.monotonic() >= deadline:
                tracker.defer_remainder()
                return True
        return False

    def _after_loss(self, reader: PartitionReader, error: OffsetOutOfRangeError, stop: int) -> int:
        gap = reader.gap(error)
        if not self._accept_loss:
            raise gap.error() from error
        self._lost.inc(min(gap.next, stop) - gap.first)
        reader.seek(gap.next)
        return gap.next


def _latest(batch: pa.RecordBatch) -> Timestamp | None:
    latest = pc.max(batch["timestamp"]).cast(pa.int64()).as_py()
    return None if latest is None else Timestamp(micros=latest)


def _advance(watermark: Any, event_time: Timestamp | None) -> Timestamp:
    """Advance the watermark to the event time, and return the time to stamp a batch with.

    A batch bears the latest time in it, never one in the future (whoever writes to the topic
    chooses it) and never one before the watermark, so that no batch is ever late.
    """
    now, current = Timestamp.now(), watermark.current_watermark()
    reached = min(event_time, now) if event_time is not None else current or now
    if current is not None and current > reached:
        return current
    watermark.set_watermark(reached)
    return reached


_WATERMARK = beam.DoFn.WatermarkEstimatorParam(ManualWatermarkEstimator.default_provider())


class ReadToStop(_ReadSlice):
    """Reads slices that end."""

    def process(
        self,
        element: Slice,
        tracker: Any = beam.DoFn.RestrictionParam(SliceRestrictions()),
        watermark: Any = _WATERMARK,
    ) -> Iterator[Any]:
        """Give the messages of a slice, one batch a poll."""
        return self._read(element, tracker, watermark)


class ReadParts(_ReadSlice):
    """Reads slices that end, and that may be split within a partition."""

    def process(
        self,
        element: Slice,
        tracker: Any = beam.DoFn.RestrictionParam(PartRestrictions()),
        watermark: Any = _WATERMARK,
    ) -> Iterator[Any]:
        """Give the messages of a part, one batch a poll."""
        return self._read(element, tracker, watermark)


class ReadForEver(_ReadSlice):
    """Reads slices that never end."""

    @beam.DoFn.unbounded_per_element()
    def process(
        self,
        element: Slice,
        tracker: Any = beam.DoFn.RestrictionParam(SliceRestrictions()),
        watermark: Any = _WATERMARK,
    ) -> Iterator[Any]:
        """Give the messages of a slice, one batch a poll."""
        return self._read(element, tracker, watermark)


class FindSlices(beam.DoFn):
    """Finds, once, what there is to read."""

    def __init__(
        self, settings: KafkaSettings, topics: tuple[str, ...], start: Start, stop: Stop
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._start = start
        self._stop = stop
        self._behind = counter("behind_transactions")

    def process(self, element: bytes) -> list[Slice]:  # noqa: ARG002 - the impulse says nothing
        """Give one slice for each partition that has something to read."""
        found, behind = read_once(self._settings, self._topics, self._start, self._stop)
        self._behind.inc(behind)
        return found


class ReadFromKafka(beam.PTransform):
    """Reads topics from a start to a stop as MESSAGE batches, each of one partition.

    Not as a member of a group: the runner's checkpoint holds the offsets. How far it has come is
    committed to ``group``, where that is given, for lag tools alone. With a stop the result is
    bounded; without one, partitions that appear later, and topics that match a pattern later, are
    read from their beginning (on any runner but the in-process one). A bundle ends after
    ``bundle_rows`` rows or ``bundle_seconds``. Raises LostMessagesError where retention was faster
    than the reader, unless ``accept_loss``: then ``lost_messages`` counts them.

    ``parts``, where given, is what is read, whatever start and stop say: slices that end, of which
    several workers may read one partition.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topics: tuple[str, ...],
        start: Start,
        stop: Stop,
        *,
        accept_loss: bool = False,
        max_poll_records: int = 4000,
        bundle_rows: int = 20_000,
        bundle_seconds: float = 1.0,
        discover_seconds: float = 30.0,
        group: str | None = None,
        parts: tuple[Slice, ...] | None = None,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._topics = topics
        self._parts = parts
        self._start = start
        self._stop = stop
        self._discover_seconds = discover_seconds
        self._reading: dict[str, Any] = {
            "group": group,
            "accept_loss": accept_loss,
            "max_poll_records": max_poll_records,
            "bundle_rows": bundle_rows,
            "bundle_seconds": bundle_seconds,
        }

    def expand(self, pbegin: Any) -> Any:
        """Return the PCollection of batches."""
        live = self._stop.at == "never" and self._parts is None
        if self._parts is not None:
            slices = (
                pbegin
                | "Parts" >> beam.Create(self._parts)
                | "SpreadParts" >> beam.Reshuffle().with_output_types(Slice)
            )
        elif live and not isinstance(pbegin.pipeline.runner, _IN_PROCESS):
            slices = self._discovered(pbegin)
        else:
            slices = (
                pbegin
                | "Impulse" >> beam.Impulse()
                | "FindPartitions"
                >> beam.ParDo(FindSlices(self._settings, self._topics, self._start, self._stop))
                # Or one worker would read all of them.
                | "SpreadPartitions" >> beam.Reshuffle()
            )
        whole = ReadForEver if live else ReadToStop
        read = ReadParts if self._parts is not None else whole
        reader = read(self._settings, **self._reading)
        messages = slices | "ReadPartitions" >> beam.ParDo(reader)
        messages.element_type = pa.RecordBatch
        return messages

    def _discovered(self, pbegin: Any) -> Any:
        named = [topic for topic in self._topics if not is_pattern(topic)]
        patterns = [topic for topic in self._topics if is_pattern(topic)]
        names = pbegin | "Topics" >> beam.Create(named)
        if not patterns:
            return names | "DiscoverPartitions" >> self._partitions(self._start)
        there, later = (
            pbegin
            | "Patterns" >> beam.Create(patterns)
            | "DiscoverTopics"
            >> beam.ParDo(DiscoverTopics(self._settings, self._discover_seconds)).with_outputs(
                LATER, main="there"
            )
        )
        # What was written to a new topic before it was found is read as well.
        new = later | "DiscoverLaterPartitions" >> self._partitions(Start("earliest"))
        found = (names, there) | "Named" >> beam.Flatten()
        old = found | "DiscoverPartitions" >> self._partitions(self._start)
        return (old, new) | "Discovered" >> beam.Flatten()

    def _partitions(self, start: Start) -> Any:
        discover = DiscoverPartitions(self._settings, start, self._discover_seconds)
        return beam.ParDo(discover).with_output_types(Slice)
