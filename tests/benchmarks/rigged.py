"""A stream on a real Kafka broker and the emulator of BigQuery, for jobs that go on."""

import shutil
import uuid
from pathlib import Path

import numpy as np

from tests.runners.stream import Stream
from weir.infra.local import bigquery_emulator, kafka_broker
from weir.pipelines.bigquery.tables import create_tables
from weir.policies.loading import LIBRARY
from weir.transforms.screen.model import Screen
from weir.transforms.write.bigquery.sink import BigQuerySettings


def stream_of(stack, folder, screen_of):
    """Start broker and emulator, and return a topic that two policies moderate.

    ``screen_of`` makes a screen of the starter's; what is written lies below ``folder``.
    """
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
    screen_of(Screen.load("starter")).save(folder / "screen", {})
    return Stream(broker.bootstrap, bigquery, folder / "screen", folder / "policies")


def at_half(starter):
    """Return the starter with thresholds that escalate one post in twenty of a stream."""
    return starter.with_thresholds(np.full(len(starter.policy_ids), 0.5))


def on_flink(cluster):
    """Return the arguments that run a job on a cluster."""
    return [
        "--runner=flink",
        f"--flink-master={cluster.rest}",
        "--environment-type=EXTERNAL",
        f"--environment-config={cluster.workers}",
    ]
