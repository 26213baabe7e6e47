"""A screen whose heads flag at once, a judge that takes its time, and what they send."""

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, replace

from kafka import TopicPartition

from tests.scripted_server import HANGS, SAFE, VIOLATES, ScriptedServer, chat
from weir.transforms.screen.precision import PrecisionCertificate


def flagging(screen, threshold, thresholds=None):
    """Return the screen with provisional flags from a score on, for every head."""
    precise = [
        PrecisionCertificate(
            policy_id=policy_id,
            threshold=threshold,
            precision=0.95,
            confidence=0.95,
            prevalence=0.5,
            stream_prevalence=None,
            posts=200,
            flagged=100,
            right=100,
            test_flagged=0,
            test_right=0,
            calibration_set="made up",
        )
        for policy_id in screen.policy_ids
    ]
    given = screen.thresholds if thresholds is None else thresholds
    return screen.with_thresholds(given, provisional=precise)


@contextmanager
def slow_judge(seconds, violations=0, unreadable=0):
    """Serve answers that take so long: so many of each, and then safe ones; give its options."""
    server = ScriptedServer()
    server.script = [
        *(replace(chat(VIOLATES), delay=seconds) for _ in range(violations)),
        *(replace(chat("I would rather not say."), delay=seconds) for _ in range(unreadable)),
    ]
    server.then = replace(chat(SAFE), delay=seconds)
    with judged_by(server) as options:
        yield options


@contextmanager
def silent_judge():
    """Serve no answer, but to the two questions that are asked before the job starts."""
    server = ScriptedServer()
    server.script, server.then = [chat(SAFE)] * 2, HANGS
    with judged_by(server) as options:
        yield options


@contextmanager
def judged_by(server):
    """Give the options that point at a server, and close it."""
    try:
        yield [
            "--engine=endpoint",
            f"--endpoint-url={server.url}",
            "--endpoint-concurrency=1024",
            "--max-in-flight=1024",
        ]
    finally:
        server.close()


@dataclass(frozen=True)
class Event:
    """A message of the flagged topic."""

    kind: str  # of its ce_type
    source: str
    key: bytes
    value: bytes
    timestamp: int  # when the broker took it, in milliseconds


def events(kafka, topic):
    """Return the events of a topic by their id, in the order they came."""
    consumer = kafka.consumer(consumer_timeout_ms=3000)
    consumer.assign([TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic)])
    consumer.seek_to_beginning()
    found = defaultdict(list)
    for record in consumer:
        headers = {name: value.decode() for name, value in record.headers if name[:3] == "ce_"}
        kind = headers["ce_type"].split(".")[2]
        found[headers["ce_id"]].append(
            Event(kind, headers["ce_source"], record.key, record.value, record.timestamp)
        )
    consumer.close()
    return found
