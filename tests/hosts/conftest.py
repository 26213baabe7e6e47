import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.runners.conftest import on_flink, policies, require, save_screen  # noqa: F401 - a fixture
from tests.runners.images import as_in_an_image
from tests.runners.stream import Command, Stream
from weir.infra.local import (
    Emulator,
    FlinkCluster,
    KafkaBroker,
    StackError,
    bigquery_emulator,
    flink_cluster,
    kafka_broker,
)
from weir.infra.local.downloads import cache_folder, flink_jar, java, kafka_libraries
from weir.infra.local.hosts import FirstHost, OtherHost, hosts

PARALLELISM = 4
_REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Rack:
    """The first host, with the broker, the emulator and the job manager, and two for workers."""

    first: FirstHost
    others: list[OtherHost]
    shared: Path  # the one folder that all of them see


@pytest.fixture(scope="session")
def rack(tmp_path_factory) -> Iterator[Rack]:
    require(java, kafka_libraries, flink_jar)
    shared, logs = tmp_path_factory.mktemp("shared"), tmp_path_factory.mktemp("logs")
    with ExitStack() as stack:
        try:
            seen = [shared, _REPOSITORY, Path(sys.prefix), cache_folder()]
            first, others = stack.enter_context(hosts(2, seen, logs))
        except StackError as error:
            pytest.skip(str(error))
        yield Rack(first, others, shared)


@pytest.fixture(scope="session")
def apache_kafka(rack) -> Iterator[KafkaBroker]:
    with kafka_broker(host=rack.first) as running:
        yield running


@pytest.fixture(scope="session")
def emulator(rack, tmp_path_factory) -> Iterator[Emulator]:
    data = tmp_path_factory.mktemp("bigquery")
    with bigquery_emulator(data_dir=data, host=rack.first) as running:
        yield running


@pytest.fixture(scope="session")
def cluster(rack) -> Iterator[FlinkCluster]:
    with flink_cluster(
        rack.shared,
        pool=lambda port: as_in_an_image(Path("/tmp"), ["worker-pool", f"--port={port}"]),
        manager=rack.first,
        workers=rack.others,
    ) as running:
        yield running


@pytest.fixture(scope="session")
def screen(rack):
    """The screen of the runners' tests, where workers of every host find it."""
    return save_screen(rack.shared / "screen")


@pytest.fixture
def stream(apache_kafka, bigquery, screen, policies):  # noqa: F811 - a fixture
    return Stream(apache_kafka.bootstrap, bigquery, screen, policies, partitions=PARALLELISM)


@pytest.fixture
def job(stream, cluster, rack, tmp_path):
    """What starts the job on all hosts."""
    arguments = [
        *stream.arguments(),
        *on_flink(cluster),
        f"--parallelism={PARALLELISM}",
        f"--checkpoints={(rack.shared / 'kept').as_uri()}",
    ]
    return lambda: Command(arguments, tmp_path / "log")
