"""From a post's arrival to the flagged message, on Prism or on Flink, at a steady rate.

``python -m infra.local.isolated python -m tests.benchmarks.latency prism --rate 1000``, with a real
Kafka broker; one post in twenty is escalated, and judged by the exemplar.
"""

import argparse
import json
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runner", choices=["prism", "flink"])
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
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
        starter.with_thresholds(half).save(folder / "screen", {})
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
        job = stack.enter_context(Command([*stream.arguments(), *arguments], folder / "log"))
        with stream.sending(chosen.rate):
            time.sleep(_WARM_SECONDS + chosen.seconds)
        stream.wait_until_labelled()
        job.terminate()
        arrived, flagged = times(stream, stream.name), times(stream, f"{stream.name}-flagged")
        warm = min(arrived.values()) + _WARM_SECONDS * 1000
        taken = [at - arrived[key] for key, at in flagged.items() if arrived[key] > warm]
        p50, p99 = np.percentile(taken, [50, 99])
        rate = len(arrived) / (_WARM_SECONDS + chosen.seconds)
        report = {"runner": chosen.runner, "posts_per_second": round(rate), "flagged": len(taken)}
        print(json.dumps(report | {"p50_ms": float(p50), "p99_ms": float(p99)}))


if __name__ == "__main__":
    main()
