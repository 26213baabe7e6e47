"""The dead-letter topic: the message as it came, and in headers why it stopped and where."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

import pyarrow as pa

from weir.transforms.dead_letters import ATTEMPTS_HEADER, REDRIVEN_FROM
from weir.transforms.kafka.outbox import MAX_RECORD_BYTES, Record
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.kafka.sink import ProduceToKafka

DECISION, RUN, STAGE, REASON, ERROR, TOPIC, PARTITION, OFFSET = (
    f"weir-{name}"
    for name in ("decision-id", "run", "stage", "reason", "error", "topic", "partition", "offset")
)
# What a null value became, since Kafka clients refuse a message with neither key nor value
# ("null"), or because value and headers do not fit ("omitted").
VALUE = "weir-value"
NULL, OMITTED = b"null", b"omitted"
# A post's header of one of these names is Weir's own from an earlier attempt, or a forgery.
HEADERS = frozenset(
    {DECISION, RUN, STAGE, REASON, ERROR, TOPIC, PARTITION, OFFSET}
    | {VALUE, REDRIVEN_FROM, ATTEMPTS_HEADER}
)


class WriteDeadLetters(ProduceToKafka):
    """Produces every row of DEAD_LETTER batches.

    Where not ``whole``, a letter says why and where, and the message stays at its position alone.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        *,
        max_record_bytes: int = MAX_RECORD_BYTES,
        whole: bool = True,
    ) -> None:
        super().__init__(
            settings,
            partial(letter_records if whole else withheld_records, topic=topic),
            shrink=strip_letter,
            max_record_bytes=max_record_bytes,
        )


def letter_records(letters: pa.RecordBatch, topic: str) -> Iterator[Record]:
    """Return the message of each row: original key, value and headers, then Weir's headers.

    A null header value is produced as an empty one: Kafka's Python client takes no null.
    """
    for row in letters.to_pylist():
        nothing = row["key"] is None and row["value"] is None
        ours = {
            DECISION: row["decision_id"],
            RUN: row["run"],
            STAGE: row["stage"],
            REASON: row["reason"],
            ERROR: row["error"],
            TOPIC: row["topic"],
            PARTITION: str(row["partition"]),
            OFFSET: str(row["offset"]),
            ATTEMPTS_HEADER: str(row["attempts"]),
        }
        yield Record(
            topic=topic,
            key=row["key"],
            value=b"" if nothing else row["value"],
            headers=(
                *original_headers((h["key"], h["value"]) for h in row["headers"] or ()),
                *((name, value.encode()) for name, value in ours.items()),
                *(((VALUE, NULL),) if nothing else ()),
            ),
        )


def withheld_records(letters: pa.RecordBatch, topic: str) -> Iterator[Record]:
    """Return the message of each row with Weir's headers alone."""
    return map(withheld, letter_records(letters, topic))


def original_headers(
    headers: Iterable[tuple[str | None, bytes | None]],
) -> tuple[tuple[str, bytes], ...]:
    """Return the headers less Weir's own, as they can be produced."""
    return tuple((name or "", value or b"") for name, value in headers if name not in HEADERS)


def strip_letter(record: Record) -> Record | None:
    """Return the letter with Weir's headers alone; None for one that is so already.

    The whole message is then only in BigQuery, and at its position for as long as Kafka keeps it.
    """
    smaller = withheld(record)
    return smaller if smaller.size < record.size else None


def withheld(record: Record) -> Record:
    """Return the letter with Weir's headers alone, which say that the message was left out."""
    ours = tuple(header for header in record.headers if header[0] in HEADERS - {VALUE})
    return replace(record, key=None, value=b"", headers=(*ours, (VALUE, OMITTED)))
