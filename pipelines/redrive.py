"""Redrive: dead letters go back, byte for byte, to those of the topics that they came from.

Each call takes up where the last one that sent anything left off, by offsets committed for a
consumer group, and ends where the dead-letter topic ended when it began: letters of posts that
fail again wait for the next call. A call that is cut short can send what it sent since the last
commit once more; a redriven post is a new message with an offset of its own, so its decisions
stand beside the earlier ones.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from weir.transforms.dead_letters import ATTEMPTS_HEADER, REDRIVEN_FROM, count_of
from weir.transforms.kafka.outbox import MAX_RECORD_BYTES, Outbox, ProduceError, Record
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.read import SourceError, check_source
from weir.transforms.records import Stage
from weir.transforms.write.dead_letter_topic import (
    DECISION,
    OFFSET,
    PARTITION,
    STAGE,
    TOPIC,
    VALUE,
    original_headers,
)

GROUP = "weir-redrive"
_IDLE_MS = 500


class RedriveError(SourceError):
    """Dead letters cannot be sent; the message says where and the way out."""


@dataclass(frozen=True)
class RedriveReport:
    """What became of the letters that were read; the counts add up to ``read``."""

    read: int = 0
    redriven: int = 0
    chosen: int = 0  # somebody had chosen them before, and sent them through the console
    unknown: int = 0  # the same, but that was cut short, and the topics do not tell
    repeated: int = 0  # another letter of a post that this call had redriven
    exhausted: int = 0  # failed as often as allowed
    foreign: int = 0  # names a topic that is not one of those to send to
    gone: int = 0  # its topic, or the partition of it, is no longer there
    refused: int = 0  # its topic takes no message so large, or none from this user
    rows: int = 0  # BigQuery refused a row: sending the post again would not mend it
    unsendable: int = 0  # the letter holds no whole message, or not where it came from
    dry_run: bool = False

    @property
    def all_left(self) -> bool:
        """Return whether there were letters that were not back already, and none can be sent."""
        return self.read > self.chosen and self.redriven == 0

    def __str__(self) -> str:
        """Return one sentence a count that is not zero."""
        would = "would be sent back" if self.dry_run else "sent back to their topics"
        parts = [
            (self.redriven, would),
            (self.chosen, "sent back before, through the console"),
            (
                self.unknown,
                "left: perhaps sent before, in the console, where they can be sent again",
            ),
            (self.repeated, "of posts that were sent back already"),
            (self.exhausted, "left: failed as often as --max-attempts allows"),
            (self.foreign, "left: they name a topic that is not among --topics"),
            (self.gone, "left: their topic, or its partition, is gone"),
            (self.refused, "left: their topic takes none so large, or none from this user"),
            (self.rows, "left: rows that BigQuery refused, to be mended there"),
            (self.unsendable, "left: the letter holds no whole message"),
        ]
        told = "; ".join(f"{count} {what}" for count, what in parts if count)
        letters = "1 dead letter" if self.read == 1 else f"{self.read} dead letters"
        return f"{letters} read" + (f": {told}" if told else "")


def redrive(
    settings: KafkaSettings,
    dead_letter_topic: str,
    topics: Collection[str],
    *,
    max_attempts: int = 5,
    limit: int | None = None,
    dry_run: bool = False,
    again: bool = False,
    chosen: Mapping[str, str] = MappingProxyType({}),
    max_record_bytes: int = MAX_RECORD_BYTES,
) -> RedriveReport:
    """Send what can be processed anew back to its topic and partition, as often as allowed.

    A letter is a message like any other, so it may name any topic: only ``topics`` are sent to.
    What cannot be sent is counted, and stays where it is.
    ``limit`` ends the call after so many messages sent, ``dry_run`` only counts, and ``again``
    starts at the beginning of the dead-letter topic. ``chosen`` are left: the decision ids of
    letters, each with the count of the report that it falls under. SourceError where Kafka does
    not answer, has no such topic, or does not take the messages.
    """
    counts: Counter[str] = Counter()
    refused = partial(count_refused, counts)
    with open_letters(settings, dead_letter_topic, topics, refused, max_record_bytes) as opened:
        consumer, outbox = opened
        polls = _polls(consumer, dead_letter_topic, again)
        there = partitions_there(consumer, topics)
        for done in send_letters(
            polls, outbox, counts, there, max_attempts, limit=limit, dry_run=dry_run, chosen=chosen
        ):
            # A call that sent nothing, for a topic misspelled or too few attempts, is as if never
            # made.
            if counts["redriven"] and not dry_run:
                consumer.commit({p: OffsetAndMetadata(at, "", -1) for p, at in done.items()})
        return RedriveReport(**counts, dry_run=dry_run)


@contextmanager
def open_letters(
    settings: KafkaSettings,
    dead_letter_topic: str,
    topics: Collection[str],
    refused: Callable[[Record], None],
    max_record_bytes: int = MAX_RECORD_BYTES,
) -> Iterator[tuple[KafkaConsumer, Outbox]]:
    """Give what reads the dead-letter topic, and what sends to ``topics``.

    ``refused`` gets what these do not take. SourceError, as ``redrive``.
    """
    if not topics or dead_letter_topic in topics:
        raise RedriveError("Name the topics that the run reads, and not that of the dead letters")
    check_source(settings, (dead_letter_topic,))
    outbox = Outbox(settings, max_record_bytes=max_record_bytes, refused=refused)
    try:
        with closing(letter_consumer(settings)) as consumer:
            yield consumer, outbox
    except (ProduceError, KafkaError) as error:
        raise RedriveError(
            f"Redriving {dead_letter_topic} stopped ({error or type(error).__name__}). What was "
            "sent is remembered, so run it again once the brokers take messages"
        ) from error
    finally:
        outbox.close()


def letter_consumer(settings: KafkaSettings) -> KafkaConsumer:
    """Return a consumer of the group that remembers how far a redrive came."""
    return settings.consumer(
        group_id=GROUP, auto_offset_reset="earliest", allow_auto_create_topics=False
    )


def partitions_there(consumer: KafkaConsumer, topics: Collection[str]) -> dict[str, set[int]]:
    """Return the partitions of each topic, none of one that is gone."""
    return {topic: consumer.partitions_for_topic(topic) or set() for topic in topics}


def count_refused(counts: Counter[str], _: Record) -> None:
    """Count a record as refused that was counted as redriven."""
    counts.update(redriven=-1, refused=1)


def said_of(message: Any, header: str) -> str:
    """Return what a header of a message says, empty where it has none."""
    values = (value for name, value in message.headers if name == header and value is not None)
    return next((value.decode("utf-8", "replace") for value in values), "")


def original(
    letter: Any, max_attempts: int, partitions: Mapping[str, Collection[int]]
) -> Record | str:
    """Return the message that a dead letter holds, or the count of the report that it falls under.

    ``letter`` is a kafka-python ConsumerRecord; ``partitions`` are those of each topic that may be
    sent to.
    """
    headers = dict(letter.headers)
    try:
        topic = headers[TOPIC].decode()
        partition, offset = int(headers[PARTITION]), int(headers[OFFSET])
    except (KeyError, ValueError, AttributeError):
        return "unsendable"
    if headers.get(STAGE) == Stage.WRITE.encode():
        return "rows"
    # Neither key nor value: Kafka's Python client cannot produce it again.
    if headers.get(VALUE) is not None:
        return "unsendable"
    if topic not in partitions:
        return "foreign"
    if partition not in partitions[topic]:
        return "gone"
    tried = count_of(headers.get(ATTEMPTS_HEADER))
    if tried >= max_attempts:
        return "exhausted"
    return Record(
        topic=topic,
        partition=partition,
        key=letter.key,
        value=letter.value,
        headers=(
            *original_headers(letter.headers),
            (ATTEMPTS_HEADER, str(tried + 1).encode()),
            (REDRIVEN_FROM, f"{topic}/{partition}/{offset}".encode()),
        ),
    )


def send_letters(
    polls: Iterator[list[tuple[TopicPartition, Any]]],
    outbox: Outbox,
    counts: Counter[str],
    partitions: Mapping[str, Collection[int]],
    max_attempts: int,
    *,
    limit: int | None = None,
    dry_run: bool = False,
    chosen: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[dict[TopicPartition, int]]:
    """Send what letters hold, or only count it, and yield behind each poll where to go on."""
    seen: set[bytes] = set()
    done: dict[TopicPartition, int] = {}
    for letters in polls:
        for partition, letter in letters:
            if limit is not None and counts["redriven"] >= limit:
                break
            done[partition] = letter.offset + 1
            counts["read"] += 1
            count = chosen.get(said_of(letter, DECISION))
            record = count or original(letter, max_attempts, partitions)
            if isinstance(record, str):
                counts[record] += 1
            elif record.headers[-1][1] in seen:
                counts["repeated"] += 1
            else:
                counts["redriven"] += 1
                seen.add(record.headers[-1][1])
                if not dry_run:
                    outbox.send(record)
        if not dry_run:
            outbox.flush()
        yield done
        if limit is not None and counts["redriven"] >= limit:
            break


def _polls(
    consumer: KafkaConsumer, topic: str, again: bool
) -> Iterator[list[tuple[TopicPartition, Any]]]:
    """Yield what each poll returns until every partition is read to its end as of now."""
    partitions = [
        TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))
    ]
    consumer.assign(partitions)
    if again:
        consumer.seek_to_beginning(*partitions)
    ends = consumer.end_offsets(partitions)
    watermarks: dict[TopicPartition, int] = {}
    while True:
        polled = consumer.poll(_IDLE_MS)
        for partition in partitions:
            mark = consumer.highwater(partition)
            if mark is not None:
                watermarks.setdefault(partition, mark)
        letters = [
            (partition, letter)
            for partition, records in polled.items()
            for letter in records
            if letter.offset < max(ends[partition], watermarks.get(partition, 0))
        ]
        if letters:
            yield letters
        # An open transaction ends what can be read before the watermark: an idle poll says so.
        if not letters and all(consumer.position(p) >= ends[p] for p in partitions):
            return
