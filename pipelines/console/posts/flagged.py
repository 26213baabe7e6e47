"""Copies of a post on the flagged topic, found by the time at which it was judged."""

import time
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from weir.errors import WeirError
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.write.flagged import EVENT_TYPE, PROVISIONAL_TYPE, WITHDRAWAL_TYPE

_SECONDS = 4.0  # that somebody waits for it
_MESSAGES = 50_000  # looked at
_EARLIER_MS = 120_000  # a clock may be late, and a flag goes out before its verdict
_KINDS = {
    EVENT_TYPE: "violation",
    PROVISIONAL_TYPE: "flag before the verdict",
    WITHDRAWAL_TYPE: "withdrawal",
}


class FlaggedError(WeirError):
    """The flagged topic cannot be read; the message says why."""


@dataclass(frozen=True)
class Copy:
    """A message about a decision."""

    decision_id: str
    kind: str
    partition: int
    offset: int
    at: datetime | None


@dataclass(frozen=True)
class Copies:
    """What was found among so many messages; ``whole`` where all of the time was looked through."""

    found: tuple[Copy, ...]
    looked_at: int
    whole: bool


def copies(settings: KafkaSettings, topic: str, decisions: set[str], since: datetime) -> Copies:
    """Return the messages about these decisions that came since a time, a bounded look long."""
    try:
        with closing(settings.consumer(auto_offset_reset="earliest")) as consumer:
            return _read(consumer, topic, decisions, since)
    except KafkaError as error:
        raise FlaggedError(
            f"The topic {topic} cannot be read ({type(error).__name__}): look whether its brokers "
            "answer, and open this part again"
        ) from error


def _read(consumer: KafkaConsumer, topic: str, decisions: set[str], since: datetime) -> Copies:
    until = time.monotonic() + _SECONDS
    partitions = [
        TopicPartition(topic, each) for each in consumer.partitions_for_topic(topic) or ()
    ]
    if not partitions:
        raise FlaggedError(f"There is no topic {topic} (weir console --flagged-topic)")
    consumer.assign(partitions)
    at = int(since.timestamp() * 1000) - _EARLIER_MS
    begin = consumer.offsets_for_times(dict.fromkeys(partitions, at))
    ends = consumer.end_offsets(partitions)
    for partition in partitions:
        consumer.seek(partition, begin[partition].offset if begin[partition] else ends[partition])
    found: list[Copy] = []
    looked_at, idle = 0, 0
    while idle < 2 and looked_at < _MESSAGES and time.monotonic() < until:
        polled = consumer.poll(timeout_ms=300)
        idle = 0 if polled else idle + 1
        for messages in polled.values():
            looked_at += len(messages)
            found += [copy for each in messages if (copy := _copy(each, decisions))]
        if {copy.decision_id for copy in found} >= decisions:
            return Copies(tuple(found), looked_at, whole=True)
    return Copies(tuple(found), looked_at, whole=idle >= 2)


def _copy(message: Any, decisions: set[str]) -> Copy | None:
    headers = {name: value or b"" for name, value in message.headers}
    said = headers.get("ce_id", b"").decode("utf-8", "replace")
    if said not in decisions:
        return None
    kind = headers.get("ce_type", b"").decode("utf-8", "replace")
    at = (
        datetime.fromtimestamp(message.timestamp / 1000).astimezone() if message.timestamp else None
    )
    return Copy(said, _KINDS.get(kind, "message"), message.partition, message.offset, at)
