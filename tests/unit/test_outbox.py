"""The outbox: every record is acknowledged, or the bundle fails."""

import pytest
from kafka.errors import (
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumberError,
    TopicAuthorizationFailedError,
    UnknownError,
)

from weir.transforms.kafka.outbox import Outbox, ProduceError, Record


class Acknowledgement:
    error = None

    def get(self, timeout):
        if self.error:
            raise self.error


class Broker:
    """Gives out producers that end, as idempotent ones do, with the first batch refused."""

    def __init__(self, max_bytes=10_000, failures=()):
        self.max_bytes = max_bytes
        self.failures = list(failures)  # what each producer does first: an error, or None
        self.stored = []
        self.producers = 0

    def producer(self, *, batch_size, **overrides):
        self.producers += 1
        failure = self.failures.pop(0) if self.failures else None
        if failure == "unreachable":
            raise KafkaTimeoutError("Unable to bootstrap")
        return Producer(self, failure, batch_size)


class Producer:
    def __init__(self, broker, failure, batch_size):
        self.broker = broker
        self.fatal = failure
        self.batch_size = batch_size
        self.batch = []

    def send(self, topic, value, key, headers, partition):
        acknowledgement = Acknowledgement()
        self.batch.append((value, acknowledgement))
        if self.batch_size == 1:
            self.transmit()
        return acknowledgement

    def transmit(self):
        refused = max((len(value) for value, _ in self.batch), default=0) > self.broker.max_bytes
        for value, acknowledgement in self.batch:
            if self.fatal:
                acknowledgement.error = self.fatal
            elif refused:
                acknowledgement.error = MessageSizeTooLargeError()
            else:
                self.broker.stored.append(value)
        if refused:
            self.fatal = OutOfOrderSequenceNumberError()
        self.batch = []

    def flush(self, timeout):
        self.transmit()
        if self.fatal:
            raise UnknownError("Future not done")

    def close(self, timeout):
        pass


def record(value: bytes) -> Record:
    return Record("topic", b"key", value, ())


def halved(record: Record) -> Record | None:
    value = record.value or b""
    return Record("topic", b"key", value[: len(value) // 2], ()) if value else None


def outbox(broker, shrink=halved, **limits):
    return Outbox(broker, shrink, pause=lambda seconds: None, **limits)


def test_records_arrive_in_order_through_one_producer():
    broker = Broker()
    box = outbox(broker)
    for number in range(5):
        box.send(record(b"%d" % number))
    box.flush()
    assert broker.stored == [b"0", b"1", b"2", b"3", b"4"]
    assert broker.producers == 1


def test_only_the_record_for_which_a_batch_is_refused_is_shrunk():
    broker = Broker(max_bytes=10)
    box = outbox(broker)
    for value in (b"a", b"x" * 15, b"b", b"y" * 30, b"c"):
        box.send(record(value))
    box.flush()
    assert sorted(broker.stored) == [b"a", b"b", b"c", b"x" * 7, b"y" * 7]


def test_records_travel_in_batches_again_after_a_refusal():
    broker = Broker(max_bytes=10)
    box = outbox(broker)
    box.send(record(b"x" * 11))
    box.flush()
    producers = broker.producers
    for number in range(5):
        box.send(record(b"%d" % number))
    assert broker.stored == [b"xxxxx"]
    box.flush()
    assert broker.producers == producers + 1


def test_a_record_over_the_limit_is_shrunk_before_a_producer_sees_it():
    broker = Broker()
    box = outbox(broker, max_record_bytes=1024)
    box.send(record(b"x" * 2000))
    box.flush()
    assert broker.stored == [b"x" * 500]
    assert broker.producers == 1


def test_a_record_that_cannot_be_shrunk_fails_the_bundle():
    box = outbox(Broker(max_bytes=10), shrink=lambda record: None)
    box.send(record(b"x" * 11))
    with pytest.raises(ProduceError, match=r"topic.*MessageSizeTooLargeError"):
        box.flush()


def test_a_record_that_is_refused_for_good_is_handed_back_and_the_others_arrive():
    refused: list = []
    broker = Broker(max_bytes=10)
    box = outbox(broker, shrink=lambda record: None, refused=refused.append)
    for value in (b"a", b"x" * 15, b"b"):
        box.send(record(value))
    box.flush()
    assert (sorted(broker.stored), refused) == ([b"a", b"b"], [record(b"x" * 15)])


def test_a_topic_that_takes_nothing_from_this_user_costs_its_own_records_alone():
    refused: list = []
    box = outbox(Broker(failures=[TopicAuthorizationFailedError()] * 2), refused=refused.append)
    box.send(record(b"a"))
    box.flush()
    assert refused == [record(b"a")]


def test_an_error_that_passes_costs_no_record():
    broker = Broker(failures=[KafkaTimeoutError(), "unreachable", None])
    box = outbox(broker)
    for number in range(3):
        box.send(record(b"%d" % number))
    box.flush()
    assert broker.stored == [b"0", b"1", b"2"]
    assert broker.producers == 3


def test_an_error_that_stays_fails_the_bundle_and_leaves_the_next_one_clean():
    broker = Broker(failures=["unreachable"] * 5)
    box = outbox(broker)
    box.send(record(b"lost"))
    with pytest.raises(ProduceError, match="1 records did not reach topic"):
        box.flush()
    box.close()
    box.send(record(b"next"))
    box.flush()
    assert broker.stored == [b"next"]


def test_an_unreachable_broker_is_not_waited_for_once_a_record():
    broker = Broker(failures=["unreachable"])
    box = outbox(broker)
    for number in range(100):
        box.send(record(b"%d" % number))
    assert broker.producers == 1
    box.flush()
    assert len(broker.stored) == 100


def test_nothing_sent_needs_no_producer():
    broker = Broker()
    outbox(broker).flush()
    assert broker.producers == 0
