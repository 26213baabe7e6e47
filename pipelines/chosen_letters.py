"""Some letters of the dead-letter topic, by the ids that their rows have: read, or sent back.

A chosen letter is looked for from shortly before it died on, and goes back as ``weir redrive``
sends it. Nothing is remembered for a consumer group: ``sent_letters`` knows what was sent before.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, TopicAuthorizationFailedError

from weir.pipelines.redrive import (
    RedriveError,
    RedriveReport,
    count_refused,
    letter_consumer,
    open_letters,
    original,
    partitions_there,
    said_of,
    send_letters,
)
from weir.transforms.dead_letters import REDRIVEN_FROM
from weir.transforms.kafka.outbox import Record
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.read import Start, Stop, check_source
from weir.transforms.read.find_slices import partitions_of, slices
from weir.transforms.write.dead_letter_topic import DECISION

MOST_SECONDS = 60.0
_IDLE_MS = 500
# A letter is on the topic after its row says that it died; clocks of brokers and workers differ.
_EARLIER = timedelta(minutes=5)

Polls = Iterator[list[tuple[TopicPartition, Any]]]


@dataclass(frozen=True)
class Chosen:
    """Letters by their decision ids, none of which died before ``since``."""

    ids: frozenset[str]
    since: datetime


@dataclass(frozen=True)
class ChosenReport:
    """What became of the chosen letters.

    ``passed`` are those that ``weir redrive`` had come past before, so that it sent them or left
    them; they are sent only where asked for again. ``missing`` were not found on the topic.
    """

    report: RedriveReport
    passed: int
    missing: int
    in_time: bool  # whether all of the topic was looked through, or all of them found
    sent: frozenset[str] = frozenset()  # ids of those whose message is back; would be, of a dry run

    def __str__(self) -> str:
        """Return one sentence a count that is not zero."""
        parts = [
            (self.passed, "left: weir redrive had come past them before"),
            (
                self.missing if self.in_time else 0,
                "not on the topic: retention removed them, or their run had another one",
            ),
            (0 if self.in_time else self.missing, "not looked for in time: send again for these"),
        ]
        told = [f"{count} {what}" for count, what in parts if count]
        return "; ".join([str(self.report), *told])


@dataclass(frozen=True)
class Redriven:
    """What of all that was looked for is back, and of what nobody can tell, by where that was."""

    back: frozenset[str] = frozenset()
    unknown: Mapping[str, str] = field(default_factory=dict)
    in_time: bool = True  # whether all of the topics was looked through, or all of it found


class _Search:
    """Looks through topics for the chosen messages, until all are found, or for so long.

    ``named`` is the header that says which message it is.
    """

    def __init__(
        self, consumer: KafkaConsumer, chosen: Chosen, seconds: float, named: str = DECISION
    ) -> None:
        self.found: set[str] = set()
        self.in_time = True
        self._consumer, self._chosen, self._named = consumer, chosen, named
        self._deadline = time.monotonic() + seconds

    def letters(self, places: Sequence[TopicPartition]) -> Polls:
        parts = slices(self._consumer, places, Start(self._chosen.since - _EARLIER), Stop("latest"))
        left = {TopicPartition(p.topic, p.partition): p for p in parts if p.start < p.stop}
        if not left:
            return
        self._consumer.assign(list(left))
        for place, part in left.items():
            self._consumer.seek(place, part.start)
        while self.found < self._chosen.ids:
            if time.monotonic() > self._deadline:
                self.in_time = False
                return
            polled = self._consumer.poll(_IDLE_MS)
            yield [
                (place, letter)
                for place, letters in polled.items()
                for letter in letters
                if letter.offset < left[place].stop and self._is_chosen(letter)
            ]
            if not polled and all(self._consumer.position(p) >= left[p].stop for p in left):
                return

    def _is_chosen(self, letter: Any) -> bool:
        name = said_of(letter, self._named)
        if name not in self._chosen.ids:
            return False
        self.found.add(name)
        return True


def redrive_chosen(
    settings: KafkaSettings,
    dead_letter_topic: str,
    topics: Collection[str],
    chosen: Chosen,
    *,
    max_attempts: int = 5,
    dry_run: bool = False,
    again: bool = False,
    seconds: float = MOST_SECONDS,
) -> ChosenReport:
    """Send chosen letters back to the topic and partition that each names, byte for byte.

    ``again`` sends also those that ``weir redrive`` had come past. SourceError, as ``redrive``.
    """
    counts: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    places: dict[str, bytes] = {}
    left: set[bytes] = set()

    def refuse(record: Record) -> None:
        count_refused(counts, record)
        left.add(record.headers[-1][1])

    with open_letters(settings, dead_letter_topic, topics, refuse) as (consumer, outbox):
        search = _Search(consumer, chosen, seconds)
        there = partitions_there(consumer, topics)
        polls = search.letters(partitions_of(consumer, settings, (dead_letter_topic,)))
        kept = polls if again else _not_passed(polls, consumer, passed)
        noted = _noted(kept, places, max_attempts, there)
        for _ in send_letters(noted, outbox, counts, there, max_attempts, dry_run=dry_run):
            pass
    return ChosenReport(
        RedriveReport(**counts, dry_run=dry_run),
        passed["letters"],
        len(chosen.ids - search.found),
        search.in_time,
        frozenset(name for name, place in places.items() if place not in left),
    )


def find_letter(
    settings: KafkaSettings, dead_letter_topic: str, chosen: Chosen, seconds: float
) -> Any | None:
    """Return one chosen letter as Kafka's client has it; None where the topic has none.

    SourceError where Kafka does not answer, or has no such topic.
    """
    check_source(settings, (dead_letter_topic,))
    try:
        with closing(letter_consumer(settings)) as consumer:
            search = _Search(consumer, chosen, seconds)
            places = partitions_of(consumer, settings, (dead_letter_topic,))
            for letters in search.letters(places):
                if letters:
                    return letters[0][1]
    except KafkaError as error:
        raise RedriveError(
            f"{dead_letter_topic} cannot be read ({type(error).__name__}); try again once the "
            "brokers answer"
        ) from error
    return None


def find_redriven(
    settings: KafkaSettings, places: Collection[str], since: datetime, seconds: float
) -> Redriven:
    """Return of which places, as ``TOPIC/PARTITION/OFFSET``, a message was sent back since.

    Nobody can tell of a partition that is gone, that this user may not read, or of which retention
    removed what came since. SourceError.
    """
    if not places:
        return Redriven()
    check_source(settings, ())
    of = {place: place.rpartition("/")[0] for place in places}
    partitions = [_partition(name) for name in sorted(set(of.values()))]
    topics = sorted({each.topic for each in partitions})
    try:
        with closing(letter_consumer(settings)) as consumer:
            numbers = partitions_there(consumer, topics)
            there = [each for each in partitions if each.partition in numbers[each.topic]]
            kept = kept_since(consumer, there, since - _EARLIER) if there else set()
            search = _Search(consumer, Chosen(frozenset(places), since), seconds, REDRIVEN_FROM)
            for _ in search.letters(there):
                pass
    except TopicAuthorizationFailedError:
        return Redriven(unknown=of)
    except KafkaError as error:
        raise RedriveError(
            f"{', '.join(topics)} cannot be read ({type(error).__name__}); try again once the "
            "brokers answer"
        ) from error
    unknown = {
        place: name
        for place, name in of.items()
        if place not in search.found and _partition(name) not in kept
    }
    return Redriven(frozenset(search.found), unknown, search.in_time)


def _partition(name: str) -> TopicPartition:
    topic, _, number = name.rpartition("/")
    return TopicPartition(topic, int(number))


def kept_since(
    consumer: KafkaConsumer, partitions: Sequence[TopicPartition], since: datetime
) -> set[TopicPartition]:
    """Return the partitions of which nothing was removed that came since: they have older ones."""
    first, end = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    at = int(since.timestamp() * 1000)
    later = consumer.offsets_for_times(dict.fromkeys(partitions, at))
    return {
        each
        for each in partitions
        if first[each] == 0 or first[each] < (later[each].offset if later[each] else end[each])
    }


def _not_passed(polls: Polls, consumer: KafkaConsumer, passed: Counter[str]) -> Polls:
    committed: dict[TopicPartition, int] = {}
    for letters in polls:
        for place in {place for place, _ in letters} - committed.keys():
            committed[place] = consumer.committed(place) or 0
        kept = [(place, letter) for place, letter in letters if letter.offset >= committed[place]]
        passed["letters"] += len(letters) - len(kept)
        yield kept


def _noted(
    polls: Polls,
    places: dict[str, bytes],
    max_attempts: int,
    partitions: Mapping[str, Collection[int]],
) -> Polls:
    """Pass on the polls, and note where each letter goes that can be sent."""
    for letters in polls:
        for _, letter in letters:
            record = original(letter, max_attempts, partitions)
            if isinstance(record, Record):
                places[said_of(letter, DECISION)] = record.headers[-1][1]
        yield letters


def without(chosen: Chosen, ids: Collection[str]) -> Chosen:
    """Return the chosen letters less some."""
    return replace(chosen, ids=chosen.ids - frozenset(ids))
