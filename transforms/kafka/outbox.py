"""Produces records to Kafka and knows of each whether it arrived."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from kafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)

# Below the 1,048,588 that brokers and topics accept by default: a record the broker refuses ends
# an idempotent producer, one that send() refuses does not.
MAX_RECORD_BYTES = 1_000_000
_BATCH_BYTES = 128 * 1024
_DELIVERY_SECONDS = 60
_BLOCK_SECONDS = 30
_ATTEMPTS = 5
_CLOSE_SECONDS = 5
_OVERHEAD = 512  # of a record batch with one record
# What may be unacknowledged: the producer's own memory has no bound.
_MOST_RECORDS = 10_000
_MOST_BYTES = 32 * 1024 * 1024
# What is wrong with the record or its topic: trying again helps none of them.
_OF_THE_RECORD = (MessageSizeTooLargeError, TopicAuthorizationFailedError, InvalidTopicError)


class ProduceError(Exception):
    """Records did not reach their topic; the bundle that holds them must be tried again."""


@dataclass(frozen=True)
class Record:
    """One Kafka message to produce. ``headers`` have no null values: they cannot be produced."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    partition: int | None = None  # chosen by the key where it is None

    @property
    def size(self) -> int:
        """Return the bytes of key, value and headers, lengths included, or a few more."""
        headers = sum(len(name) * 3 + len(value) + 2 for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers


class ProducerSource(Protocol):
    """Gives out producers; KafkaSettings does."""

    def producer(self, **overrides: Any) -> Any:
        """Return a new idempotent producer."""
        ...


def _give_up(record: Record) -> Record | None:  # noqa: ARG001 - the form of every `shrink`
    return None


class Outbox:
    """Sends records and, in ``settle``, waits until each is acknowledged.

    A record too large for its topic is sent again as ``shrink`` returns it. A producer that a
    refused record has ended is replaced, and what it left unacknowledged is sent again in order:
    records can arrive twice, and never not at all without a ProduceError. Where ``refused`` is
    given, a record that its topic does not take, and that cannot be shrunk, goes there instead.
    """

    def __init__(
        self,
        source: ProducerSource,
        shrink: Callable[[Record], Record | None] = _give_up,
        *,
        max_record_bytes: int = MAX_RECORD_BYTES,
        refused: Callable[[Record], None] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._source = source
        self._refused = refused
        self._shrink = shrink
        self._max_record_bytes = max_record_bytes
        self._pause = pause
        self._producer: Any = None
        self._unreachable: KafkaError | None = None
        self._alone = False
        self._pending: list[tuple[Record, Any]] = []
        self._pending_bytes = 0

    def send(self, record: Record) -> None:
        """Send the record, settling first what is too much to hold."""
        if len(self._pending) >= _MOST_RECORDS or self._pending_bytes >= _MOST_BYTES:
            self.flush()
        while record.size > self._max_record_bytes - _OVERHEAD:
            smaller = self._smaller(record, MessageSizeTooLargeError())
            if smaller is None:
                return
            record = smaller
        self._pending.append((record, self._started(record)))
        self._pending_bytes += record.size

    def flush(self) -> None:
        """Return when every record sent so far is acknowledged; ProduceError when one cannot be."""
        attempt = 0
        while failed := self._failures():
            again = [record for record, _ in failed]
            refused = any(isinstance(error, _OF_THE_RECORD) for _, error in failed)
            if refused and self._alone:
                smaller = [self._smaller(record, error) for record, error in failed]
                again = [record for record in smaller if record is not None]
            elif refused:
                # It is the batch that is refused: whose fault it is shows only one by one.
                self._alone = True
            else:
                attempt += 1
                if attempt == _ATTEMPTS:
                    raise self._error(failed)
                self._pause(0.1 * 2**attempt)
            self.close()
            self._pending = [(record, self._started(record)) for record in again]
        if self._alone:
            self.close()
            self._alone = False
        self._pending, self._pending_bytes = [], 0

    def close(self) -> None:
        """Give back the producer, and forget what is unacknowledged."""
        self._pending, self._pending_bytes, self._unreachable = [], 0, None
        if self._producer is not None:
            self._producer.close(timeout=_CLOSE_SECONDS)
            self._producer = None

    def _started(self, record: Record) -> Any:
        """Return the future of the record, or the error with which it could not be sent."""
        if self._unreachable is not None:  # each further send would wait as long again
            return self._unreachable
        try:
            if self._producer is None:
                self._producer = self._source.producer(
                    max_request_size=self._max_record_bytes,
                    batch_size=1 if self._alone else min(_BATCH_BYTES, self._max_record_bytes),
                    delivery_timeout_ms=_DELIVERY_SECONDS * 1000,
                    max_block_ms=_BLOCK_SECONDS * 1000,
                )
            return self._producer.send(
                record.topic,
                value=record.value,
                key=record.key,
                headers=list(record.headers),
                partition=record.partition,
            )
        except _OF_THE_RECORD as error:
            return error
        except KafkaError as error:
            self._unreachable = error
            return error

    def _failures(self) -> list[tuple[Record, KafkaError]]:
        if not self._pending:
            return []
        deadline = time.monotonic() + _DELIVERY_SECONDS + _CLOSE_SECONDS
        # flush() raises nothing for a record that failed, and raises for a batch that was split:
        # only the futures know.
        if self._producer is not None:
            with suppress(KafkaError):
                self._producer.flush(timeout=_DELIVERY_SECONDS)
        failed = []
        for record, outcome in self._pending:
            error = outcome if isinstance(outcome, KafkaError) else _failure(outcome, deadline)
            if error is not None:
                failed.append((record, error))
        return failed

    def _smaller(self, record: Record, error: KafkaError) -> Record | None:
        """Return what is to be sent in the record's place; None where it is refused for good."""
        if not isinstance(error, _OF_THE_RECORD):
            return record
        smaller = self._shrink(record) if isinstance(error, MessageSizeTooLargeError) else None
        if smaller is not None and smaller.size < record.size:
            return smaller
        if self._refused is None:
            raise self._error([(record, error)])
        self._refused(record)
        return None

    @staticmethod
    def _error(failed: Sequence[tuple[Record, KafkaError]]) -> ProduceError:
        record, error = failed[0]
        return ProduceError(
            f"{len(failed)} records did not reach topic {record.topic}: {type(error).__name__}. "
            "Check that the topic exists, that Weir may write to it, and its max.message.bytes"
        )


def _failure(future: Any, deadline: float) -> KafkaError | None:
    try:
        future.get(timeout=max(0.0, deadline - time.monotonic()))
    except KafkaError as error:
        return error
    return None
