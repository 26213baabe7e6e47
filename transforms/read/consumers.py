"""The consumers of this process: one for each partition that it reads, kept between bundles.

A bundle lasts about a second, connecting takes a tenth of that, and a consumer that is kept has
already fetched what comes next.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import OffsetOutOfRangeError

from transforms.kafka import KafkaSettings
from transforms.read.errors import LostMessagesError
from transforms.read.fetched import Fetched
from transforms.read.raw import hand_out_whole_batches

POLL_MS = 100  # also what a poll takes that finds only control records
OFFSETS_TIMEOUT_MS = 30_000
_IDLE_SECONDS = 120.0
_FETCH_BYTES = 4 << 20


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
            "earliest, or go on with --accept_loss, which counts them."
        )


class PartitionReader:
    """Reads one partition from any offset, for one thread at a time."""

    def __init__(self, settings: KafkaSettings, partition: TopicPartition) -> None:
        self._partition = partition
        self._consumer: KafkaConsumer = settings.consumer(
            fetch_max_wait_ms=POLL_MS,
            max_partition_fetch_bytes=_FETCH_BYTES,
            allow_auto_create_topics=False,
            # Who leads a partition may change at any time.
            metadata_max_age_ms=30_000,
        )
        # Where it will not, it polls record by record, at six times the cost.
        self.reads_whole_batches = hand_out_whole_batches(self._consumer)
        self._consumer.assign([partition])
        self._fetched: Fetched | None = None
        self._position: int | None = None
        self.idle_since = 0.0

    def seek(self, offset: int) -> None:
        """Go to an offset; what was fetched stays if that is where the reader is."""
        if self._position != offset:
            self._consumer.seek(self._partition, offset)
            self._fetched = None
            self._position = offset

    def poll(self, rows: int) -> tuple[pa.RecordBatch | None, int]:
        """Return the next messages, at most ``rows``, and the offset after them.

        None where there are none yet. The offset may grow without messages: transaction markers
        and compaction leave gaps.
        Raises OffsetOutOfRangeError where the broker no longer has, or does not have, the offset.
        """
        assert self._position is not None
        if not self._fetched:
            records = self._consumer.poll(POLL_MS, max_records=rows).get(self._partition, ())
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

    def caught_up(self) -> bool:
        """Return whether the reader stands at the end, as far as the last fetch could see."""
        return bool(self._consumer.highwater(self._partition) == self._position)

    def close(self) -> None:
        """Hang up."""
        self._consumer.close(autocommit=False)


@dataclass
class Readers:
    """Readers that wait for their next bundle, by cluster and partition."""

    connect: Callable[[KafkaSettings, TopicPartition], PartitionReader] = PartitionReader
    now: Callable[[], float] = time.monotonic
    _waiting: dict[tuple[str, TopicPartition], PartitionReader] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, settings: KafkaSettings, partition: TopicPartition) -> PartitionReader:
        """Return a reader for the caller alone: the one that waits, or a new one."""
        with self._lock:
            reader = self._waiting.pop((_name(settings), partition), None)
            expired = self._pop_expired()
        for each in expired:
            each.close()
        return reader or self.connect(settings, partition)

    def give(
        self, settings: KafkaSettings, partition: TopicPartition, reader: PartitionReader
    ) -> None:
        """Keep a reader for the next bundle; one that waits for the same partition is closed."""
        with self._lock:
            reader.idle_since = self.now()
            key = (_name(settings), partition)
            superfluous = self._waiting.get(key)
            self._waiting[key] = reader
        if superfluous is not None:
            superfluous.close()

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
