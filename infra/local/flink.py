"""A small Flink cluster as children: a job manager, task managers, each with a pool of workers.

What Beam opens is kept on loopback: the pool's and the workers' ports would be on every interface.
On this machine all else is too; on hosts of their own (hosts.py) Flink's parts reach each other.
"""

import http.client
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from weir.infra.local.children import Server, child, free_ports
from weir.infra.local.downloads import flink_jar, java
from weir.infra.local.host import THIS_MACHINE, Host
from weir.infra.local.loopback import kept_on_loopback

_SECONDS = 180.0  # 5-10 s by itself
_SLOTS = 4
_REFUSED = 300  # the first HTTP status that is no success
_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_OPEN = (
    "java.lang", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.text", "java.time",
    "java.util", "java.util.concurrent", "java.util.concurrent.atomic",
    "java.util.concurrent.locks", "sun.nio.ch",
)  # fmt: skip
_PACKAGE = "org.apache.flink.runtime"

_CONFIGURATION = """
jobmanager.rpc.address: {manager}
jobmanager.rpc.port: {rpc}
jobmanager.bind-host: {bound}
rest.address: {manager}
rest.bind-address: {manager}
rest.port: {rest}
blob.server.port: {blob}
taskmanager.numberOfTaskSlots: {slots}
cluster.evenly-spread-out-slots: true
heartbeat.interval: 2000
heartbeat.timeout: 8000
parallelism.default: 1
state.backend.type: hashmap
state.checkpoints.dir: file://{folder}/checkpoints
state.savepoints.dir: file://{folder}/savepoints
state.checkpoints.num-retained: 3
io.tmp.dirs: {folder}/tmp
web.upload.dir: {folder}/tmp
classloader.check-leaked-classloader: false
"""
# Flink's start script would work these out; without it they are named one by one.
_TASK_MANAGER_MEMORY = {
    "taskmanager.cpu.cores": f"{_SLOTS}.0",
    "taskmanager.memory.framework.heap.size": "128mb",
    "taskmanager.memory.framework.off-heap.size": "128mb",
    "taskmanager.memory.task.heap.size": "320mb",
    "taskmanager.memory.task.off-heap.size": "0b",
    "taskmanager.memory.managed.size": "64mb",
    "taskmanager.memory.network.min": "64mb",
    "taskmanager.memory.network.max": "64mb",
    "taskmanager.memory.jvm-metaspace.size": "256mb",
    "taskmanager.memory.jvm-overhead.min": "192mb",
    "taskmanager.memory.jvm-overhead.max": "192mb",
}


@dataclass(frozen=True)
class FlinkCluster:
    """A cluster that runs, and its parts to kill."""

    rest: str  # host:port, what --flink_master takes
    workers: str  # host:port, what --environment_config takes: on each task manager's own host
    folder: Path  # its logs, checkpoints and savepoints
    job_manager: Server
    task_managers: tuple[Server, ...]  # one on each host
    worker_pools: tuple[Server, ...]  # beside them

    def get(self, path: str) -> Any:
        """Return the answer of its REST API, empty where it does not answer."""
        return _ask(self.rest, "GET", path)

    def cancel(self, job: str) -> None:
        """Ask it to stop a job."""
        _ask(self.rest, "PATCH", f"/jobs/{job}?mode=cancel")


@contextmanager
def flink_cluster(
    folder: Path | None = None,
    pool: Callable[[int], list[str]] | None = None,
    *,
    manager: Host = THIS_MACHINE,
    workers: Sequence[Host] = (THIS_MACHINE,),
) -> Iterator[FlinkCluster]:
    """Run a cluster on free ports; give its addresses and its parts.

    A job manager is on the host ``manager``, a task manager with a pool on each of ``workers``;
    ``pool`` gives the command of another pool, by its port. Logs, checkpoints and savepoints are
    kept only where a ``folder`` is named, which every host has to see. Raises StackError where Java
    is missing or Flink was not fetched.
    """
    with ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-flink-")))
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        rpc, port, blob, pools = free_ports(4)
        command = (pool or _pool)(pools)
        rest = f"{manager.address}:{port}"
        configuration = _CONFIGURATION.format(
            manager=manager.address,
            bound=manager.bound,
            rpc=rpc,
            rest=port,
            blob=blob,
            slots=_SLOTS,
            folder=folder,
        )
        (folder / "config.yaml").write_text(configuration, "utf-8")
        cluster = FlinkCluster(
            rest=rest,
            workers=f"127.0.0.1:{pools}",
            folder=folder,
            job_manager=Server(lambda: _job_manager(folder, rest, manager)),
            task_managers=tuple(Server(partial(_task_manager, folder, rest, on)) for on in workers),
            worker_pools=tuple(
                Server(partial(_worker_pool, folder, pools, command, on)) for on in workers
            ),
        )
        for server in (cluster.job_manager, *cluster.task_managers, *cluster.worker_pools):
            stack.enter_context(server)
        yield cluster


def _job_manager(
    folder: Path, rest: str, host: Host
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    main = f"{_PACKAGE}.entrypoint.StandaloneSessionClusterEntrypoint"
    return child(
        "Flink's job manager",
        host.kept([*_java(folder / "tmp", "-Xmx384m"), main, "--configDir", str(folder)]),
        lambda: bool(_ask(rest, "GET", "/overview")),
        seconds=_SECONDS,
        log_file=folder / "job-manager.log",
    )


def _task_manager(
    folder: Path, rest: str, host: Host
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    main = f"{_PACKAGE}.taskexecutor.TaskManagerRunner"
    known = _task_managers(rest)
    temporary = host.temporary or folder / "tmp"
    java = _java(temporary, "-Xmx512m", "-XX:MaxDirectMemorySize=400m")
    own = {
        "taskmanager.host": host.address,
        "taskmanager.bind-host": host.address,
        "io.tmp.dirs": str(temporary),
    }
    said = [f"-D{key}={value}" for key, value in (_TASK_MANAGER_MEMORY | own).items()]
    return child(
        "Flink's task manager",
        host.kept([*java, main, "--configDir", str(folder), *said]),
        lambda: bool(_task_managers(rest) - known),
        seconds=_SECONDS,
        log_file=folder / f"task-manager-{host.name}.log",
    )


def _pool(port: int) -> list[str]:
    module = "apache_beam.runners.worker.worker_pool_main"
    return kept_on_loopback([sys.executable, "-m", module, f"--service_port={port}"])


def _worker_pool(
    folder: Path, port: int, command: list[str], host: Host
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return child(
        "Beam's worker pool",
        host.on(command),
        lambda: host.listens(port),
        seconds=_SECONDS,
        # It starts workers by the name of Python alone.
        environment=_first_on_path(Path(sys.executable).parent),
        log_file=folder / f"workers-{host.name}.log",
    )


def _java(temporary: Path, *memory: str) -> list[str]:
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPEN]
    command = [java(), *_JVM, *memory, f"-Djava.io.tmpdir={temporary}", *opened]
    return [*command, "-cp", str(flink_jar())]


def _first_on_path(folder: Path) -> dict[str, str]:
    return {"PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}


def _task_managers(rest: str) -> set[str]:
    known = _ask(rest, "GET", "/taskmanagers").get("taskmanagers", [])
    return {each["id"] for each in known}


def _ask(rest: str, method: str, path: str) -> dict[str, Any]:
    host, _, port = rest.partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
        return dict(json.loads(body or b"{}")) if answer.status < _REFUSED else {}
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    finally:
        connection.close()
