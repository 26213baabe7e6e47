"""A real Apache Kafka broker for tests: killed, stalled and started again on the same port."""

import base64
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.children import connects, free_ports

# A folder of jars: those of org.apache.kafka:kafka_2.13 and a log4j binding, with all they need.
LIBS = "WEIR_KAFKA_LIBS"
_TETHER = Path(__file__).parents[1] / "infra" / "local" / "tether.py"
_READY_SECONDS = 60.0
_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
log.cleaner.dedupe.buffer.size=10485760
log.cleaner.backoff.ms=500
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=250
initial.broker.registration.timeout.ms=30000
"""


def why_not() -> str | None:
    """Return why no broker can be started here, or None."""
    if shutil.which("java") is None:
        return "a real Kafka broker needs Java 17, and there is no java on the PATH"
    if not os.environ.get(LIBS):
        return f"${LIBS} does not name the folder of Kafka's jars"
    return None


class RealBroker:
    """One broker with a folder of its own, on loopback."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, controller = free_ports(2)
        self._config = folder / "server.properties"
        self._config.write_text(
            _PROPERTIES.format(port=self._port, controller=controller, data=folder / "data")
        )
        self._libs = str(Path(os.environ[LIBS]) / "*")
        cluster = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
        self._java(
            "kafka.tools.StorageTool",
            "format",
            f"--cluster-id={cluster}",
            f"--config={self._config}",
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        memory = ["-Xms64m", "-Xmx400m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        command = [
            shutil.which("java") or "java",
            *memory,
            "-cp",
            self._libs,
            "kafka.Kafka",
            str(self._config),
        ]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-S", str(_TETHER), str(os.getpid()), *command],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _READY_SECONDS
        while not connects(self._port):
            assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Stop the broker's process, as a network that swallows every packet would seem to."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def _java(self, *arguments: str) -> None:
        subprocess.run(
            ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", self._libs, *arguments],
            check=True,
            capture_output=True,
        )


@contextmanager
def real_broker() -> Iterator[RealBroker]:
    """Run a broker until the block ends."""
    with tempfile.TemporaryDirectory(prefix="weir-kafka-") as folder:
        broker = RealBroker(Path(folder))
        broker.start()
        try:
            yield broker
        finally:
            broker.kill()
