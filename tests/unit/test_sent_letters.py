"""What is known of letters that somebody began to send, and of which no row says that he ended."""

import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition

from tests.rows import NOON
from weir.pipelines import sent_letters
from weir.pipelines.chosen_letters import Redriven, kept_since
from weir.pipelines.sent_letters import Sending, settle
from weir.transforms.kafka.settings import KafkaSettings

KAFKA = KafkaSettings("127.0.0.1:1")
LATER = NOON + timedelta(minutes=10)


class Tables:
    """A dataset that has the rows of some letters, and keeps what is stored."""

    def __init__(self, *letters):
        self.letters, self.stored = letters, []

    def rows(self, sql, **values):
        if sql.startswith("INSERT"):
            self.stored.append(values)
        place = {"topic": "posts", "partition": 3}
        return [
            place | {"decision_id": f"L{n}", "offset": n}
            for n in self.letters
            if f"L{n}" in values.get("ids", ())
        ]


def tables_of(*letters) -> Any:
    return Tables(*letters)


def sending(*letters):
    row = {"person": "ann", "done_at": NOON}
    return Sending("form", "ann", NOON, frozenset(letters), "", False, None, row)


@pytest.fixture
def topics(monkeypatch):
    """Have a search take so many seconds, and find some places; returns how long each might."""

    def topics(*places, takes=0.0, **more):
        asked, passed = [], {"now": 0.0}
        monkeypatch.setattr(time, "monotonic", lambda: passed["now"])

        def find(_kafka, _places, _since, seconds):
            asked.append(seconds)
            passed["now"] += takes
            return Redriven(frozenset(places), **more)

        monkeypatch.setattr(sent_letters, "find_redriven", find)
        return asked

    return topics


def test_what_the_topics_say_of_every_letter_is_stored(topics):
    topics("posts/3/1")
    tables = tables_of(1, 2)
    (settled,) = settle(tables, KAFKA, [sending("L1", "L2")], LATER, store=True)
    assert (settled.ended, settled.letters) == (True, frozenset({"L1"}))
    assert len(tables.stored) == 1


def test_a_look_stores_nothing(topics):
    topics("posts/3/1")
    tables = tables_of(1)
    (settled,) = settle(tables, KAFKA, [sending("L1")], LATER, store=False)
    assert settled.ended
    assert tables.stored == []


def test_a_letter_whose_row_is_gone_is_not_known_to_be_unsent(topics):
    topics()
    tables = tables_of(1)
    (settled,) = settle(tables, KAFKA, [sending("L1", "L2")], LATER, store=True)
    assert (settled.ended, settled.looked, settled.letters) == (False, True, frozenset({"L2"}))
    assert tables.stored == []


def test_all_that_was_cut_short_is_looked_for_in_one_time_together(topics):
    asked = topics(takes=40)
    found = [sending("L1"), sending("L2"), sending("L3")]
    settled = settle(tables_of(1, 2, 3), KAFKA, found, LATER, store=True, seconds=60)
    assert asked == [60, 20]
    assert [each.ended for each in settled] == [True, True, False]
    assert "not seen in time" in settled[2].said


@pytest.mark.parametrize(
    ("first", "later", "kept"),
    [(0, 0, True), (5, 7, True), (5, None, True), (5, 5, False), (9, None, False)],
)
def test_a_partition_tells_nothing_once_retention_took_all_that_came_before(first, later, kept):
    partition = TopicPartition("posts", 3)
    consumer: Any = SimpleNamespace(
        beginning_offsets=lambda _: {partition: first},
        end_offsets=lambda _: {partition: 9},
        offsets_for_times=lambda _: {
            partition: None if later is None else SimpleNamespace(offset=later)
        },
    )
    assert kept_since(consumer, [partition], NOON) == ({partition} if kept else set())
