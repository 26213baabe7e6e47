"""A real schema registry as a child: Apicurio's, on loopback, with what it holds in a folder.

``python -m weir.infra.local.registry`` runs one until it is stopped, and says where.
"""

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from weir.infra.local.children import Server, StackError, answers, child, free_ports
from weir.infra.local.downloads import java, registry_jar

_API = "/apis/ccompat/v7"  # Confluent's
# Small: what it serves here is a test.
_JVM = ("-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_SECONDS = 180.0  # 6 s by itself


@dataclass(frozen=True)
class SchemaRegistry:
    """A registry that runs, and how to kill it and start it again with the same schemas."""

    url: str
    server: Server = field(repr=False)


@contextmanager
def schema_registry(*, log_file: Path | None = None) -> Iterator[SchemaRegistry]:
    """Run a schema registry on a free loopback port; its schemas are gone with the block.

    Raises StackError where Java is missing or the registry was not fetched.
    """
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="weir-registry-") as folder:
        # What it acknowledged is on the disk: by itself that takes half a second.
        database = f"jdbc:h2:file:{Path(folder) / 'schemas'};WRITE_DELAY=0"
        command = [
            *(java(), *_JVM, "-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={port}"),
            *(f"-Dquarkus.datasource.jdbc.url={database}", "-jar", str(registry_jar())),
        ]
        server = Server(
            lambda: child(
                "The schema registry",
                command,
                lambda: answers(port, f"{_API}/subjects"),
                seconds=_SECONDS,
                log_file=log_file,
            )
        )
        with server:
            yield SchemaRegistry(f"http://127.0.0.1:{port}{_API}", server)


def main() -> int:
    """Run one until a signal; return the exit code."""
    try:
        with schema_registry() as running:
            sys.stdout.write(f"{running.url}\n")
            sys.stdout.flush()
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
