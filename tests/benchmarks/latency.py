"""From a post's arrival to the flagged message, on Prism or on Flink, at a steady rate.

``python -m infra.local.isolated python -m tests.benchmarks.latency prism --rate 1000``, with a real
Kafka broker; one post in twenty is escalated, and judged by the exemplar.

``--provisional`` measures the flags that go out before the verdict, while a judge takes five
seconds (``--judge_seconds``) for each post.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
import uuid
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from kafka import TopicPartition

from infra.local import bigquery_emulator, flink_cluster, kafka_broker
from pipelines.tables import create_tables
from policies.loading import LIBRARY
from tests.provisional import events, flagging, slow_judge
from tests.runners.stream import Command, Stream
from transforms.screen.model import Screen
from transforms.write.bigquery import BigQuerySettings

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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runner", choices=["prism", "flink"])
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--provisional", action="store_true")
    parser.add_argument("--judge_seconds", type=float, default=5)
    chosen = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-latency-")))
        broker = stack.enter_context(kafka_broker())
        emulator = stack.enter_context(bigquery_emulator())
        bigquery = BigQuerySettings(
            emulator.project,
            f"weir_{uuid.uuid4().hex[:8]}",
            rest_endpoint=emulator.rest_endpoint,
            grpc_endpoint=emulator.grpc_endpoint,
        )
        create_tables(bigquery, create_dataset=True)
        for name in ("game-cheating", "spam"):
            shutil.copytree(Path(LIBRARY) / name, folder / "policies" / name)
        starter = Screen.load("starter")
        half = np.full(len(starter.policy_ids), 0.5)
        screen = flagging(starter, 0.5, half) if chosen.provisional else None
        (screen or starter.with_thresholds(half)).save(folder / "screen", {})
        stream = Stream(broker.bootstrap, bigquery, folder / "screen", folder / "policies")
        arguments = ["--runner=prism"]
        if chosen.runner == "flink":
            cluster = stack.enter_context(flink_cluster())
            arguments = [
                "--runner=flink",
                f"--flink_master={cluster.rest}",
                "--environment_type=EXTERNAL",
                f"--environment_config={cluster.workers}",
            ]
        if chosen.provisional:
            arguments.append("--provisional")
            arguments += stack.enter_context(slow_judge(chosen.judge_seconds))
        job = stack.enter_context(Command([*stream.arguments(), *arguments], folder / "log"))
        stream.send(40)
        stream.wait_until_screened()  # on a busy machine starting takes a minute
        began = time.time() * 1000
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
        print(json.dumps(report | {"flagged": len(taken)} | spread(taken)))


if __name__ == "__main__":
    main()
