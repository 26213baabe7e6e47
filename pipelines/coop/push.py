"""From the flagged topic to Coop, a batch at a time: the next one begins when the last is settled.

Offsets are committed for a consumer group once Coop has taken a batch, or what it refuses of it
lies in the topic of the refused. So nothing is lost, and what is sent twice is one item to Coop.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from weir.pipelines.coop.client import Answer, Coop, Item, deliver
from weir.pipelines.errors import OptionError
from weir.transforms.decode.protobuf.compile import NoCompilerError
from weir.transforms.kafka.outbox import Outbox, ProduceError, Record
from weir.transforms.kafka.settings import KafkaSettings, ensure_topics
from weir.transforms.read import check_source
from weir.transforms.write.flagged import EVENT_TYPE
from weir.transforms.write.flagged_forms import FlaggedForm, Form, form_of

REASON = "weir-coop-reason"
MOST_ITEMS = 100
_IDLE_MS = 500
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pushed:
    """What became of the messages that were read; the counts add up to ``read``."""

    read: int = 0
    sent: int = 0
    refused: int = 0  # by Coop; they lie in the topic of the refused
    unread: int = 0  # no message of the flagged topic; they lie there, too
    left_out: int = 0  # provisional flags and withdrawals: nothing to review


def plain(record: Record) -> Record | None:
    """Return a flagged message in whatever form as its JSON; None for what is in none.

    NoCompilerError where it is Protobuf, and there is no compiler of its schema.
    """
    try:
        return _read(form_of(record)).plain(record)
    except NoCompilerError:
        raise
    except Exception:  # noqa: BLE001 - what a message makes a reader raise has no common class
        return None


@lru_cache
def _read(form: Form) -> FlaggedForm:
    return FlaggedForm.of(form, 1)  # whatever the id: the schema is Weir's own


def item_of(value: bytes | None, item_type: str) -> Item | None:
    """Return a violation as an item; None for a message that is none of Weir's own.

    The item's id is the decision's, which a callback brings back.
    """
    try:
        body = json.loads(value or b"")
        decision_id, data = body["decision_id"], {name: body[name] for name in _FIELDS}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(decision_id, str) or not decision_id:
        return None
    return {"id": decision_id, "typeId": item_type, "data": _flat(data)}


# What a reviewer needs; Coop's item type has a field for each: strings, and one number.
_FIELDS = (
    *("content_id", "run", "policy_id", "policy_version", "created_at", "language", "text"),
    *("probability", "rule_ids", "rationale"),
)


def _flat(data: Mapping[str, Any]) -> dict[str, Any]:
    rules = data["rule_ids"]
    known = {**data, "rule_ids": " ".join(map(str, rules)) if isinstance(rules, list) else None}
    return {name: value for name, value in known.items() if value is not None}


def push(
    settings: KafkaSettings,
    topic: str,
    refused_topic: str,
    coop: Coop,
    item_type: str,
    *,
    to_end: bool = False,
    post: Callable[..., Answer] | None = None,
) -> Pushed:
    """Push what is flagged until the process ends; ``to_end``: until nothing more is there.

    It goes on where the last one that read this topic for this Coop had got to. SourceError where
    Kafka does not answer, CoopError where Coop cannot be used.
    """
    check_source(settings, (topic,))
    ensure_topics(settings, [refused_topic])
    outbox = Outbox(settings)
    done = Pushed()
    try:
        with closing(
            settings.consumer(
                group_id=f"weir-coop-{topic}",
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
            )
        ) as consumer:
            for records in _polls(consumer, topic, to_end=to_end):
                done = _settled(records, outbox, refused_topic, post or coop.post, item_type, done)
                ends = {partition: record.offset + 1 for partition, record in records}
                consumer.commit({p: OffsetAndMetadata(at, "", -1) for p, at in ends.items()})
    except (ProduceError, KafkaError) as error:
        raise OptionError(
            f"Kafka stopped answering ({type(error).__name__}); what Coop took is remembered, so "
            "run it again"
        ) from error
    finally:
        outbox.close()
    return done


def _settled(
    records: list[tuple[TopicPartition, Any]],
    outbox: Outbox,
    refused_topic: str,
    post: Callable[..., Answer],
    item_type: str,
    done: Pushed,
) -> Pushed:
    items: dict[str, tuple[Item, Any]] = {}
    unread = left_out = sent = 0
    for _, record in records:
        found = plain(_flag(record))
        headers = dict((found or record).headers)
        if headers.get("ce_type") != EVENT_TYPE.encode() and "ce_type" in headers:
            left_out += 1
            continue
        item = item_of(found.value if found else None, item_type)
        if item is None:
            unread += 1
            outbox.send(_dead(record, refused_topic, "no flagged message"))
        else:
            sent += 1
            items[item["id"]] = (item, record)
    wrong = deliver(post, [item for item, _ in items.values()], waiting=_tell) if items else []
    for item, why in wrong:
        outbox.send(_dead(items[item["id"]][1], refused_topic, why))
    outbox.flush()
    return replace(
        done,
        read=done.read + len(records),
        sent=done.sent + sent - len(wrong),
        refused=done.refused + len(wrong),
        unread=done.unread + unread,
        left_out=done.left_out + left_out,
    )


def _flag(record: Any) -> Record:
    """Return a message as it was produced, but for what an earlier push said of it."""
    headers = tuple((n, v) for n, v in record.headers if v is not None and n != REASON)
    return Record(record.topic, record.key, record.value, headers)


def _dead(record: Any, topic: str, why: str) -> Record:
    flag = _flag(record)
    return replace(flag, topic=topic, headers=(*flag.headers, (REASON, why.encode())))


def _tell(answer: Answer, seconds: float) -> None:
    said = "does not answer" if answer.status is None else f"answers HTTP {answer.status}"
    _log.warning("Coop %s; the same items are sent again in %.0f s", said, seconds)


def _polls(
    consumer: KafkaConsumer, topic: str, *, to_end: bool
) -> Iterator[list[tuple[TopicPartition, Any]]]:
    partitions = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic) or ()]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions) if to_end else {}
    poll = partial(consumer.poll, timeout_ms=_IDLE_MS, max_records=MOST_ITEMS)
    while not to_end or any(consumer.position(p) < ends[p] for p in partitions):
        found = [(p, record) for p, records in poll().items() for record in records]
        if found:
            yield found
