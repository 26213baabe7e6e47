import gc
import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.runners.images import as_in_an_image
from weir.infra.local import (
    Emulator,
    KafkaBroker,
    StackError,
    bigquery_emulator,
    flink_cluster,
    kafka_broker,
)
from weir.infra.local.downloads import flink_jar, java, kafka_libraries, prism_binary
from weir.policies.loading import LIBRARY


class OneCluster(LoadScopeScheduling):
    """Tests come to workers one by one, but those that are named for Flink to one of them.

    A worker has a broker and an emulator of its own, and a cluster takes as much memory as both.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "flink" if "flink" in nodeid else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    return OneCluster(config, log)


def require(*needed) -> None:
    """Skip where something is not on this machine; in CI, fail."""
    for each in needed:
        try:
            each()
        except StackError as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(error))


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory) -> Iterator[KafkaBroker]:
    require(java, kafka_libraries)
    with kafka_broker(log_file=tmp_path_factory.mktemp("kafka") / "log") as running:
        yield running


@pytest.fixture(scope="session")
def emulator(tmp_path_factory) -> Iterator[Emulator]:
    """An emulator that can be killed: what it acknowledged lies on the disk."""
    with bigquery_emulator(data_dir=tmp_path_factory.mktemp("bigquery")) as running:
        yield running


@pytest.fixture(scope="session")
def policies(tmp_path_factory):
    """Two of the policies that ship with Weir: more would only be slower here."""
    folder = tmp_path_factory.mktemp("policies")
    for name in ("game-cheating", "spam"):
        shutil.copytree(Path(LIBRARY) / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def screen(tmp_path_factory):
    return save_screen(tmp_path_factory.mktemp("screen"))


def save_screen(folder):
    """Save a screen that escalates one post in twenty of a stream, under one policy."""
    import numpy as np

    from weir.transforms.screen.model import Screen

    starter = Screen.load("starter")
    starter.with_thresholds(np.full(len(starter.policy_ids), 0.5)).save(folder, {})
    return folder


@pytest.fixture
def stream(apache_kafka, bigquery, screen, policies):
    from tests.runners.stream import Stream  # imports Kafka's client, which pytest must be told of

    yield Stream(apache_kafka.bootstrap, bigquery, screen, policies)
    with warnings.catch_warnings():
        # A broker that is killed takes sockets along that Kafka's client then forgets to close.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="session")
def prism():
    require(prism_binary)
    return ["--runner=prism"]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    require(java, flink_jar)
    # As the images start it: every test on Flink has its workers of the entry point.
    home = tmp_path_factory.mktemp("home")
    with flink_cluster(
        tmp_path_factory.mktemp("flink"),
        pool=lambda port: as_in_an_image(home, ["worker-pool", f"--port={port}"]),
    ) as running:
        yield running


def on_flink(cluster):
    """Return the arguments of a job that runs on a cluster."""
    return [
        "--runner=flink",
        f"--flink-master={cluster.rest}",
        "--environment-type=EXTERNAL",
        f"--environment-config={cluster.workers}",
        "--job-server-jvm-properties=-Xmx384m",
        "--job-server-jvm-properties=-XX:+UseSerialGC",
    ]


@pytest.fixture
def flink(cluster):
    return on_flink(cluster)
