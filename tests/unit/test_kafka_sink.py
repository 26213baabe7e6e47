"""The sink of every topic: what arrived is paid and counted, and nothing else is."""

from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa
import pytest
from kafka.errors import TopicAuthorizationFailedError

from tests.unit.test_dead_letters import letters, message
from tests.unit.test_offset_ledger import rows
from tests.unit.test_outbox import Broker, halved
from weir.pipelines.runners import IN_PROCESS
from weir.transforms import coders
from weir.transforms.accounts import account_for_dead_letters
from weir.transforms.counts import counts_here, counts_of
from weir.transforms.kafka.outbox import ProduceError, Record
from weir.transforms.kafka.sink import ProduceToKafka
from weir.transforms.process.live_numbers import LIVE
from weir.transforms.process.offset_ledger import PROGRESS

coders.register()

BROKERS: dict[str, Broker] = {}


@dataclass(frozen=True)
class Lent:
    """A broker of this process, by a name that Beam can pickle."""

    name: str

    def producer(self, **overrides):
        return BROKERS[self.name].producer(**overrides)


def numbered(batch: pa.RecordBatch):
    return (Record("topic", None, b"%d" % offset, ()) for offset in batch["offset"].to_pylist())


def twice(batch: pa.RecordBatch):
    return {"flagged_messages": 2 * batch.num_rows}


@pytest.fixture
def owed():
    """Three messages that have been read and owe a row each."""
    PROGRESS.start()
    PROGRESS.at("posts", 0, 10, "id")
    PROGRESS.read("posts", 0, rows(10, 11, 12), 13)
    yield lambda: PROGRESS.settled()["posts", 0].offset
    PROGRESS.stop()


def produce(broker, *batches):
    BROKERS["here"] = broker
    pipeline = beam.Pipeline(IN_PROCESS)
    sink = ProduceToKafka(Lent("here"), numbered, shrink=halved, tally=twice)
    _ = pipeline | beam.Create(batches) | sink
    result = pipeline.run()
    result.wait_until_finish()
    return counts_of(result)


def test_what_is_acknowledged_is_paid_and_counted(owed):
    broker = Broker()
    counts = produce(broker, rows(10), rows(11, 12))
    assert sorted(broker.stored) == [b"10", b"11", b"12"]
    assert counts.flagged_messages == 6
    assert owed() == 13


def test_what_does_not_arrive_fails_the_bundle_and_stays_owed(owed):
    with pytest.raises(ProduceError, match="1 records did not reach topic topic"):
        produce(Broker(failures=[TopicAuthorizationFailedError()] * 2), rows(10))
    assert owed() == 10


@pytest.mark.parametrize(("in_place_of_rows", "payments"), [(True, 2), (False, 3)])
def test_a_dead_letter_owes_a_row_and_a_message_and_is_counted(owed, in_place_of_rows, payments):
    LIVE.clear()
    dead = letters(message(b"oops", offset=10) | {"topic": "posts", "partition": 0})
    account_for_dead_letters(dead, in_place_of_rows=in_place_of_rows)
    for _ in range(payments):
        assert owed() == 10
        PROGRESS.release(dead)
    assert owed() == 11
    assert counts_here().dead_letters == counts_here().dead_letters_decode == 1
