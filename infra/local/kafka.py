"""A real Apache Kafka broker as a child: one node, on loopback, its data in a folder of its own."""

import base64
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from weir.infra.local.children import Server, StackError, child, free_ports
from weir.infra.local.downloads import java, kafka_libraries
from weir.infra.local.host import THIS_MACHINE, Host

# Small: what it serves here is a test.
_JVM = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_SECONDS = 120.0  # 3-5 s by itself

# One node is all replicas there are, and its sessions are short, so that it is back at once.
_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{address}:{controller}
listeners=PLAINTEXT://{address}:{port},CONTROLLER://{address}:{controller}
advertised.listeners=PLAINTEXT://{address}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
num.partitions=4
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=250
initial.broker.registration.timeout.ms=30000
num.network.threads=2
num.io.threads=2
log.cleaner.dedupe.buffer.size=10485760
log.cleaner.backoff.ms=500
"""

# Tokens without a signature are taken there: a test has no authority to sign them.
_OAUTH = """
listeners=PLAINTEXT://{address}:{port},CONTROLLER://{address}:{controller},OAUTH://{address}:{oauth}
advertised.listeners=PLAINTEXT://{address}:{port},OAUTH://{address}:{oauth}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,OAUTH:SASL_PLAINTEXT
listener.name.oauth.sasl.enabled.mechanisms=OAUTHBEARER
listener.name.oauth.oauthbearer.sasl.jaas.config=\
  org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;
"""


@dataclass(frozen=True)
class KafkaBroker:
    """A broker that runs, and how to kill it and start it again over what it had stored."""

    bootstrap: str  # host:port
    server: Server
    oauth: str | None = None  # host:port, where who comes shows a token


@contextmanager
def kafka_broker(
    *, log_file: Path | None = None, oauth: bool = False, host: Host = THIS_MACHINE
) -> Iterator[KafkaBroker]:
    """Run an Apache Kafka broker on a free port of a host; its data is gone with the block.

    It creates topics on first use, with four partitions. With ``oauth`` it has a second listener,
    for tokens. Raises StackError where Java is missing
    or Kafka was not fetched.
    """
    command = [java(), *_JVM, "-cp", f"{kafka_libraries()}/*"]
    with tempfile.TemporaryDirectory(prefix="weir-kafka-") as folder:
        port, controller, tokens = free_ports(3)
        properties = Path(folder) / "server.properties"
        properties.write_text(
            # Of a property that stands twice, the last one counts.
            (_PROPERTIES + (_OAUTH if oauth else "")).format(
                address=host.address,
                port=port,
                controller=controller,
                oauth=tokens,
                data=Path(folder) / "data",
            ),
            "utf-8",
        )
        _format(command, properties)
        server = Server(
            lambda: child(
                "Apache Kafka",
                [*command, "kafka.Kafka", str(properties)],
                lambda: host.listens(port),
                seconds=_SECONDS,
                log_file=log_file,
            )
        )
        with server:
            login = f"{host.address}:{tokens}" if oauth else None
            yield KafkaBroker(f"{host.address}:{port}", server, login)


def _format(command: list[str], properties: Path) -> None:
    identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # One word each: an identity may begin with a dash.
    arguments = ["format", f"--cluster-id={identity}", f"--config={properties}"]
    done = subprocess.run(  # noqa: S603 - our own command, without a shell
        [*command, "kafka.tools.StorageTool", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        said = done.stdout.decode("utf-8", "replace").strip()[-600:]
        raise StackError(f"Kafka could not format its folder. It said: {said}")
