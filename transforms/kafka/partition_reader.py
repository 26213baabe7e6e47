"""Readers of single partitions: one for each that this process reads, kept between bundles.

A bundle lasts about a second, connecting takes a tenth of that, and a consumer that is kept has
already fetched what comes next.
"""

import resource
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache

import pyarrow as pa
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, OffsetOutOfRangeError

from weir.transforms.kafka.errors import LostMessagesError, TopicRecreatedError
from weir.transforms.kafka.fetched_records import Fetched
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.kafka.whole_batches import hand_out_whole_batches, topic_id

POLL_MS = 100  # also what a poll takes that finds only control records
OFFSETS_TIMEOUT_MS = 30_000
_LOOK_SECONDS = 5.0
_LOOK_MS = 2000
_IDLE_SECONDS = 120.0
_FETCH_BYTES = 4 << 20
# A runner reads a few partitions at once (Prism 8), so that a thousand idle ones polled for
# POLL_MS each would have every one wait for 12 seconds. What a short poll asked for is fetched
# all the same, and handed out by the next one.
_PATIENT_READERS = 16
_SHORTEST_POLL_MS = 5
# An answer is about every partition, so that a thousand readers that ask often do nothing else.
# The first few see for all that a topic was made anew; who leads a partition, errors tell.
_METADATA_SECONDS = 10
_SELDOM_SECONDS = 300
_FILES_A_READER = 8  # 3 or 4, and as many for all else


@dataclass(frozen=True)
class Gap:
    """Offsets that retention removed before they were read: from ``first`` up to ``next``."""

    topic: str
    partition: int
    first: int
    next: int

    @property
    def messages(self) -> int:
        """Return how many offsets are gone."""
        return self.next - self.first

    def error(self) -> LostMessagesError:
        """Return the error that says what is gone."""
        return LostMessagesError(
            f"{self.messages} messages of {self.topic}[{self.partition}] were lost: retention "
            f"removed offsets {self.first} to {self.next - 1} before they were read. Start at "
            "earliest, or go on with --accept-loss, which counts them."
        )


class PartitionReader:
    """Reads one partition from any offset, for one thread at a time."""

    def __init__(
        self, settings: KafkaSettings, partition: TopicPartition, metadata_seconds: int = 10
    ) -> None:
        self._partition = partition
        self._consumer: KafkaConsumer = settings.consumer(
            fetch_max_wait_ms=POLL_MS,
            max_partition_fetch_bytes=_FETCH_BYTES,
            allow_auto_create_topics=False,
            # That a topic was made anew shows only in what is asked for unprompted.
            metadata_max_age_ms=metadata_seconds * 1000,
        )
        # Where it will not, it polls record by record, at six times the cost.
        self.reads_whole_batches = hand_out_whole_batches(self._consumer)
        self._consumer.assign([partition])
        self._fetched: Fetched | None = None
        self._position: int | None = None
        self._topic_id: str | None = None
        self._end: int | None = None  # as of the last look
        self._look_again = 0.0
        self.idle_since = 0.0

    def expect(self, topic_id: str | None) -> None:
        """Say which topic the offsets are of; None is whichever has the name first."""
        self._topic_id = topic_id or self._topic_id

    def seek(self, offset: int) -> None:
        """Go to an offset; what was fetched stays if that is where the reader is."""
        if self._position != offset:
            self._consumer.seek(self._partition, offset)
            self._fetched = None
            self._position = offset

    def poll(self, rows: int, wait_ms: int = POLL_MS) -> tuple[pa.RecordBatch | None, int]:
        """Return the next messages, at most ``rows``, and the offset after them.

        None where there are none yet. The offset may grow without messages: transaction markers
        and compaction leave gaps.
        Raises OffsetOutOfRangeError where the broker no longer has, or does not have, the offset,
        and TopicRecreatedError where the topic is another than it was.
        """
        assert self._position is not None
        if not self._fetched:
            records = self._consumer.poll(wait_ms, max_records=rows).get(self._partition, ())
            self._require_same_topic()
            end = self._consumer.position(self._partition, timeout_ms=OFFSETS_TIMEOUT_MS)
            self._fetched = Fetched(self._partition, records, self._position, int(end))
        batch, self._position = self._fetched.take(rows)
        return batch, self._position

    def gap(self, error: OffsetOutOfRangeError) -> Gap:
        """Return what retention removed; raise the error again where that is not the reason."""
        (first,) = self._consumer.beginning_offsets(
            [self._partition], timeout_ms=OFFSETS_TIMEOUT_MS
        ).values()
        assert self._position is not None
        if first <= self._position:
            raise LostMessagesError(
                f"{self._partition.topic}[{self._partition.partition}] has no offset "
                f"{self._position}: it ends before it. The topic was truncated or made anew, "
                "so start again at earliest."
            ) from error
        return Gap(self._partition.topic, self._partition.partition, self._position, first)

    def _require_same_topic(self) -> None:
        # The client reads on in the new topic, at the offset of the old one.
        now = topic_id(self._consumer, self._partition.topic)
        self._topic_id = self._topic_id or now
        if now is not None and now != self._topic_id:
            raise TopicRecreatedError(
                f"The topic {self._partition.topic} was deleted and made anew while partition "
                f"{self._partition.partition} was read up to offset {self._position}: messages of "
                "both may be lost. Start again at earliest."
            )

    def lag(self) -> int | None:
        """Return how many offsets the partition goes on, as of the last fetch or look."""
        ends = [e for e in (self._consumer.highwater(self._partition), self._end) if e is not None]
        return max(0, max(ends) - self._position) if ends and self._position is not None else None

    def look(self) -> None:
        """See, every few seconds, where the partition ends: for one that is not polled for now."""
        if time.monotonic() < self._look_again:
            return
        self._look_again = time.monotonic() + _LOOK_SECONDS
        with suppress(KafkaError):  # the lag is then what it was
            ends = self._consumer.end_offsets([self._partition], timeout_ms=_LOOK_MS)
            self._end = int(ends[self._partition])

    def caught_up(self) -> bool:
        """Return whether the reader stands at the end, as far as the last fetch could see."""
        return bool(self._consumer.highwater(self._partition) == self._position)

    def close(self) -> None:
        """Hang up."""
        self._consumer.close(autocommit=False)


@cache
def _most_readers() -> int:
    """Return how many readers this process has files for, having asked for all it can get."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A thousand partitions need more than the usual limit of 1024, which few programs mind.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else max(8, soft // _FILES_A_READER)


@dataclass
class Readers:
    """Readers that wait for their next bundle, by cluster and partition.

    Where there are more than the process has files for, the one that waited longest hangs up.
    """

    connect: Callable[[KafkaSettings, TopicPartition, int], PartitionReader] = PartitionReader
    now: Callable[[], float] = time.monotonic
    most: Callable[[], int] = _most_readers
    _waiting: dict[tuple[str, TopicPartition], PartitionReader] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, settings: KafkaSettings, partition: TopicPartition) -> PartitionReader:
        """Return a reader for the caller alone: the one that waits, or a new one."""
        with self._lock:
            reader = self._waiting.pop((_name(settings), partition), None)
            expired = self._pop_expired()
            watch = len(self._waiting) < _PATIENT_READERS
        for each in expired:
            each.close()
        return reader or self.connect(
            settings, partition, _METADATA_SECONDS if watch else _SELDOM_SECONDS
        )

    def give(
        self, settings: KafkaSettings, partition: TopicPartition, reader: PartitionReader
    ) -> None:
        """Keep a reader for the next bundle; one that waits for the same partition is closed."""
        with self._lock:
            reader.idle_since = self.now()
            key = (_name(settings), partition)
            superfluous = self._waiting.pop(key, None)
            self._waiting[key] = reader
            if superfluous is None and len(self._waiting) > self.most():
                superfluous = self._waiting.pop(next(iter(self._waiting)))
        if superfluous is not None:
            superfluous.close()

    def poll_ms(self) -> int:
        """Return how long a poll may wait, so that no partition waits long for its turn."""
        idle = len(self._waiting)
        return max(_SHORTEST_POLL_MS, POLL_MS * _PATIENT_READERS // max(_PATIENT_READERS, idle))

    def close(self) -> None:
        """Close the readers that wait."""
        with self._lock:
            waiting, self._waiting = list(self._waiting.values()), {}
        for reader in waiting:
            reader.close()

    def _pop_expired(self) -> list[PartitionReader]:
        # A runner moves partitions between workers and says so to neither.
        oldest = self.now() - _IDLE_SECONDS
        keys = [key for key, reader in self._waiting.items() if reader.idle_since < oldest]
        return [self._waiting.pop(key) for key in keys]


def _name(settings: KafkaSettings) -> str:
    return repr(sorted(settings.client_config().items()))


READERS = Readers()
