"""From bounds to offsets: what there is to replay of each partition, and what retention took."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import UnsupportedVersionError

from weir.pipelines.replay.options import Request
from weir.transforms.kafka.partition_reader import OFFSETS_TIMEOUT_MS
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.read import SourceError
from weir.transforms.read.find_slices import Slice, partitions_of, slices, source_consumer


@dataclass(frozen=True)
class Missing:
    """What is gone of one partition: so many offsets, or, of a slice by time, so long a stretch."""

    topic: str
    partition: int
    offsets: int = 0
    stretch: timedelta | None = None
    since: datetime | None = None  # when what is left begins; None where nothing is

    def __str__(self) -> str:
        """Return it as part of a sentence."""
        place = f"{self.topic}[{self.partition}]"
        if self.stretch is None:
            return f"{self.offsets:,} offsets of {place}"
        if self.since is None:
            return f"all {self.stretch} of {place}"
        return f"the first {self.stretch} of {place}, which begins at {self.since:%Y-%m-%dT%H:%M}Z"


@dataclass(frozen=True)
class History:
    """The slice, and what of it is gone."""

    slices: tuple[Slice, ...]
    missing: tuple[Missing, ...] = ()

    @property
    def offsets(self) -> int:
        """Return how many offsets there are to read."""
        return sum(each.stop - each.start for each in self.slices)

    def complete(self, *, partial: bool) -> "History":
        """Return the slice; SourceError where something of it is gone, or nothing is in it."""
        if self.missing and not partial:
            shown = "; ".join(map(str, self.missing[:3]))
            more = len(self.missing) - 3
            others = f" (and of {more} more partitions)" if more > 0 else ""
            raise SourceError(
                f"Retention has removed {shown}{others}: give --accept-loss to replay the rest, "
                "or begin later."
            )
        if not self.offsets:
            raise SourceError(
                "The slice is empty: no message of the topics lies in it. Check --from and --to."
            )
        return self


def find_history(kafka: KafkaSettings, request: Request) -> History:
    """Return what there is now between the bounds; SourceError where they do not fit the topics."""
    with source_consumer(kafka) as consumer:
        partitions = partitions_of(consumer, kafka, request.topics)
        found = slices(consumer, partitions, request.start, request.stop)
        if isinstance(request.start.at, datetime):
            until = request.stop.at if isinstance(request.stop.at, datetime) else datetime.now(UTC)
            gone = _gone_by_time(consumer, partitions, request.start.at, until)
            return History(tuple(found), tuple(gone))
        return _without_removed(consumer, found)


def still_there(kafka: KafkaSettings, parts: Sequence[Slice]) -> History:
    """Return what is left of slices that were found before."""
    with source_consumer(kafka) as consumer:
        partitions_of(consumer, kafka, sorted({each.topic for each in parts}))
        return _without_removed(consumer, parts)


def _without_removed(consumer: KafkaConsumer, parts: Iterable[Slice]) -> History:
    parts = list(parts)
    places = {TopicPartition(each.topic, each.partition) for each in parts}
    firsts = _firsts(consumer, places)
    left, missing = [], []
    for each in parts:
        first = firsts[TopicPartition(each.topic, each.partition)]
        gone = min(first, each.stop) - each.start
        if gone > 0:
            missing.append(Missing(each.topic, each.partition, gone))
        if first < each.stop:
            left.append(each._replace(start=max(first, each.start)))
    return History(tuple(left), tuple(missing))


def _gone_by_time(
    consumer: KafkaConsumer, partitions: Sequence[TopicPartition], start: datetime, stop: datetime
) -> list[Missing]:
    """Return the partitions that have lost messages, and begin after the slice does."""
    firsts = _firsts(consumer, set(partitions))
    cut = [p for p in partitions if firsts[p] > 0]
    try:
        found: Mapping[TopicPartition, Any] = (
            consumer.offsets_for_times(dict.fromkeys(cut, 0), timeout_ms=OFFSETS_TIMEOUT_MS)
            if cut
            else {}
        )
    except UnsupportedVersionError:
        return []  # slices() has said so already
    missing = []
    for partition in cut:
        oldest = found.get(partition)
        since = None if oldest is None else datetime.fromtimestamp(oldest.timestamp / 1000, UTC)
        reach = stop if since is None else min(since, stop)
        if reach > start:
            stretch = timedelta(seconds=int((reach - start).total_seconds()))
            missing.append(
                Missing(
                    partition.topic,
                    partition.partition,
                    stretch=stretch,
                    since=since if reach == since else None,
                )
            )
    return missing


def _firsts(
    consumer: KafkaConsumer, partitions: set[TopicPartition]
) -> Mapping[TopicPartition, int]:
    if not partitions:
        return {}
    found: Mapping[TopicPartition, int] = consumer.beginning_offsets(
        sorted(partitions), timeout_ms=OFFSETS_TIMEOUT_MS
    )
    return found
