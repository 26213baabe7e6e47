"""Offsets committed to a consumer group: for lag tools, and to start from (``--start=group``).

Beside each offset stands, as its metadata, what it means: ``weir done ID`` where all before it is
decided and stored (see ``offset_ledger``), ``weir read ID`` where it is only how far a runner
with checkpoints of its own had read. ID is the topic's. Only the first can be started from.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import AuthorizationError, KafkaError, RetriableError
from kafka.structs import OffsetAndMetadata

from weir.transforms.kafka.errors import SourceError
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.process.offset_ledger import Partition, Settled

DONE, READ = "done", "read"
Offsets = Mapping[Partition, Settled]

_LOG = logging.getLogger(__name__)
_EVERY_SECONDS = 3.0
_COMMIT_MS = 10_000
_ASK_SECONDS = 30.0
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Committed:
    """What stands in a group for one partition."""

    offset: int
    meaning: str  # done, read, or empty where somebody else set it
    topic_id: str | None

    @classmethod
    def of(cls, found: OffsetAndMetadata) -> "Committed":
        """Read what ``Committer`` wrote; an offset that somebody else set has no meaning."""
        match (found.metadata or "").split(" "):
            case ["weir", meaning, topic_id]:
                return cls(found.offset, meaning, topic_id if topic_id != "-" else None)
            case _:
                return cls(found.offset, "", None)

    def start(self, group: str, partition: TopicPartition, topic_id: str | None) -> int:
        """Return the offset to start from; SourceError where nothing safe can be said of it."""
        name = f"{partition.topic}[{partition.partition}]"
        if self.meaning == READ:
            raise SourceError(
                f"The group {group} knows how far {name} was read, not what was decided: a runner "
                "with checkpoints keeps that. Resume from its savepoint, decide all again by "
                "--start=earliest, or give another --run."
            )
        if self.topic_id and topic_id and self.topic_id != topic_id:
            raise SourceError(
                f"The topic {partition.topic} was deleted and made anew since the group {group} "
                "had offsets of it. Start at earliest, or under another --group."
            )
        return self.offset


def committed_offsets(
    settings: KafkaSettings, group: str, topics: set[str]
) -> dict[TopicPartition, Committed]:
    """Return what stands in a group for the partitions of some topics.

    SourceError where the brokers do not say, for half a minute: a new cluster makes the topic of
    its groups when it is first asked for one.
    """
    deadline = time.monotonic() + _ASK_SECONDS
    with closing(settings.admin()) as admin:
        while True:
            try:
                found = admin.list_group_offsets(group)[group]
                break
            except RetriableError as error:
                if time.monotonic() > deadline:
                    raise SourceError(
                        f"The Kafka brokers do not say what the group {group} holds "
                        f"({type(error).__name__}). Try again, or give --start an offset."
                    ) from error
            except AuthorizationError as error:
                raise SourceError(
                    f"The Kafka brokers do not let this user read the group {group}, which says "
                    "how far the run has got. Allow it, give another --group, or --group=none."
                ) from error
            time.sleep(_PAUSE_SECONDS)
    return {
        partition: Committed.of(each)
        for partition, each in found.items()
        if partition.topic in topics and each.offset >= 0
    }


class Advice:
    """How far this process has read, committed where decisions are made in other processes."""

    def __init__(self) -> None:
        self._offsets: dict[str, dict[Partition, Settled]] = {}
        self._committers: list[Committer] = []
        self._lock = threading.Lock()

    def at(
        self, settings: KafkaSettings, group: str, topic: str, partition: int, read: Settled
    ) -> None:
        """Say up to where a partition was read when the runner last took its place down."""
        with self._lock:
            known = self._offsets.get(group)
            if known is None:
                known = self._offsets[group] = {}
                committer = Committer(settings, group, READ, lambda: self._copy(group))
                committer.start()
                self._committers.append(committer)
            known[topic, partition] = read

    def close(self) -> None:
        """Commit what there is, and hang up."""
        for committer in self._committers:
            committer.close()

    def _copy(self, group: str) -> Offsets:
        with self._lock:
            return dict(self._offsets[group])


class Committer:
    """Commits offsets to a group from a thread of its own, every few seconds and at the end.

    A commit that fails is logged once and tried again: it holds nothing up.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        group: str,
        meaning: str,
        offsets: Callable[[], Offsets],
        every_seconds: float = _EVERY_SECONDS,
    ) -> None:
        self._settings, self._group, self._meaning = settings, group, meaning
        self._offsets, self._every_seconds = offsets, every_seconds
        self._committed: dict[Partition, int] = {}
        self._consumer: KafkaConsumer | None = None
        self._failing = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="weir-commits", daemon=True)

    def __enter__(self) -> "Committer":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Begin to commit."""
        self._thread.start()

    def close(self) -> None:
        """Commit what there is, and hang up."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_seconds):
            self._commit()
        self._commit()
        if self._consumer is not None:
            self._consumer.close(autocommit=False)

    def _commit(self) -> None:
        news = {
            key: each
            for key, each in self._offsets().items()
            if each.offset != self._committed.get(key)
        }
        if not news:
            return
        try:
            if self._consumer is None:
                self._consumer = self._settings.consumer(group_id=self._group)
            places = {TopicPartition(*key): self._described(each) for key, each in news.items()}
            self._consumer.assign(list(places))
            self._consumer.commit(places, timeout_ms=_COMMIT_MS)
        except KafkaError as error:
            if not self._failing:
                _LOG.warning(
                    "The offsets of the group %s were not committed (%s); the job goes on, and "
                    "tries again.",
                    self._group,
                    type(error).__name__,
                )
            self._failing = True
        else:
            self._failing = False
            self._committed |= {key: each.offset for key, each in news.items()}

    def _described(self, each: Settled) -> OffsetAndMetadata:
        return OffsetAndMetadata(each.offset, f"weir {self._meaning} {each.topic_id or '-'}", -1)


ADVICE = Advice()
