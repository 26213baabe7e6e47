"""From a post's arrival to the flagged message, on Prism or on Flink, at a steady rate.

``python -m weir.infra.local.isolated python -m tests.benchmarks.latency prism --rate 1000``, with a
real Kafka broker; one post in twenty is escalated, and judged by the exemplar. ``rows`` is the time
from a post's arrival until its screening was seen in BigQuery, by ten queries a second at most.

``--provisional`` measures the flags that go out before the verdict, while a judge takes five
seconds (``--judge-seconds``) for each post.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from kafka import TopicPartition

from tests.benchmarks.rigged import at_half, on_flink, stream_of
from tests.provisional import events, flagging, slow_judge
from tests.runners.stream import Command
from weir.infra.local import flink_cluster

_WARM_SECONDS = 30


def times(stream, topic):
    """Return when each post came to a topic, by its key, in milliseconds."""
    consumer = stream.kafka.consumer(consumer_timeout_ms=3000)
    consumer.assign([TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic)])
    consumer.seek_to_beginning()
    found = {record.key: record.timestamp for record in consumer}
    consumer.close()
    return found


def spread(taken):
    """Return the percentiles of some times in milliseconds."""
    found = np.percentile(taken, [50, 99, 100]) if taken else [float("nan")] * 3
    return dict(zip(("p50_ms", "p99_ms", "most_ms"), map(float, found), strict=True))


class Rows(threading.Thread):
    """Looks again and again up to where BigQuery holds rows: when a post's row was seen at last."""

    def __init__(self, stream):
        super().__init__(daemon=True)
        self._stream, self._stopped, self._looks = stream, threading.Event(), []

    def run(self):
        while not self._stopped.is_set():
            self._look()
            self._stopped.wait(0.1)
        self._look()

    def _look(self):
        found = self._stream.rows(
            "SELECT `partition`, MAX(`offset`) AS reached FROM `{dataset}.screenings` "
            "WHERE run = @run GROUP BY 1"
        )
        now = time.time() * 1000
        self._looks += [(now, row["partition"], row["reached"]) for row in found]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self.join()

    def taken(self, after):
        """Return how many milliseconds each post that came after a moment took to its row."""
        consumer = self._stream.kafka.consumer(consumer_timeout_ms=3000)
        name = self._stream.name
        consumer.assign([TopicPartition(name, n) for n in consumer.partitions_for_topic(name)])
        consumer.seek_to_beginning()
        arrived = [(each.partition, each.offset, each.timestamp) for each in consumer]
        consumer.close()
        taken = []
        for partition in {each[0] for each in arrived}:
            looks = [look for look in self._looks if look[1] == partition]
            reached = np.maximum.accumulate([look[2] for look in looks])
            posts = [each for each in arrived if each[0] == partition and each[2] > after]
            first = np.searchsorted(reached, [each[1] for each in posts])
            taken += [looks[at][0] - post[2] for at, post in zip(first, posts, strict=True)]
        return taken


def at_once(starter):
    """Return the starter with heads that flag from a score of one half on."""
    return flagging(starter, 0.5, np.full(len(starter.policy_ids), 0.5))


def provisional_report(stream, arrived, warm):
    """Return how long the flags took, and the verdicts on them."""
    found = events(stream.kafka, f"{stream.name}-flagged")
    flags, verdicts, alone = [], [], 0
    for of_one in found.values():
        first = next((each for each in of_one if each.kind == "provisional"), None)
        later = [each for each in of_one if each.kind != "provisional"]
        alone += first is None or len(later) != 1
        if first is not None and arrived[first.key] > warm:
            flags.append(first.timestamp - arrived[first.key])
            verdicts += [each.timestamp - arrived[each.key] for each in later]
    return {
        "flags": len(flags),
        "flags_without_exactly_one_verdict": alone,
        **spread(flags),
        "verdicts": spread(verdicts),
    }


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runner", choices=["prism", "flink"])
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--provisional", action="store_true")
    parser.add_argument("--judge-seconds", type=float, default=5)
    chosen = parser.parse_args(argv)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-latency-")))
        stream = stream_of(stack, folder, at_once if chosen.provisional else at_half)
        arguments = ["--runner=prism"]
        if chosen.runner == "flink":
            cluster = stack.enter_context(flink_cluster())
            arguments = on_flink(cluster)
        if chosen.provisional:
            arguments.append("--provisional")
            arguments += stack.enter_context(slow_judge(chosen.judge_seconds))
        job = stack.enter_context(Command([*stream.arguments(), *arguments], folder / "log"))
        stream.send(40)
        stream.wait_until_screened()  # on a busy machine starting takes a minute
        began = time.time() * 1000
        with Rows(stream) as rows:
            with stream.sending(chosen.rate):
                time.sleep(_WARM_SECONDS + chosen.seconds)
            stream.wait_until_labelled()
        job.terminate()
        arrived = times(stream, stream.name)
        warm = began + _WARM_SECONDS * 1000
        rate = len(arrived) / (_WARM_SECONDS + chosen.seconds)
        report = {
            "runner": chosen.runner,
            "posts_per_second": round(rate),
            "load": os.getloadavg()[0],
        }
        if chosen.provisional:
            print(json.dumps(report | provisional_report(stream, arrived, warm)))
            return
        flagged = times(stream, f"{stream.name}-flagged")
        taken = [at - arrived[key] for key, at in flagged.items() if arrived[key] > warm]
        stored = spread(rows.taken(after=warm))
        print(json.dumps(report | {"flagged": len(taken)} | spread(taken) | {"rows": stored}))


if __name__ == "__main__":
    main()
