"""A small Flink cluster as children: a job manager, task managers, and Beam's pool of workers.

Each is kept on loopback: the pool and the workers' ports would be on every interface.
"""

import http.client
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weir.infra.local.children import Server, child, connects, free_ports
from weir.infra.local.downloads import flink_jar, java
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
jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: {rpc}
jobmanager.bind-host: 127.0.0.1
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: {rest}
blob.server.port: {blob}
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
taskmanager.numberOfTaskSlots: {slots}
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
    workers: str  # host:port, what --environment_config takes
    folder: Path  # its logs, checkpoints and savepoints
    job_manager: Server
    task_manager: Server
    worker_pool: Server

    def get(self, path: str) -> Any:
        """Return the answer of its REST API, empty where it does not answer."""
        return _ask(self.rest, "GET", path)

    def cancel(self, job: str) -> None:
        """Ask it to stop a job."""
        _ask(self.rest, "PATCH", f"/jobs/{job}?mode=cancel")


@contextmanager
def flink_cluster(
    folder: Path | None = None, pool: Callable[[int], list[str]] | None = None
) -> Iterator[FlinkCluster]:
    """Run a cluster of one machine on free loopback ports; give its addresses and its parts.

    ``pool`` gives the command of another pool of workers, by its port. Logs, checkpoints and
    savepoints are kept only where a ``folder`` is named. Raises StackError where Java is missing or
    Flink was not fetched.
    """
    with ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-flink-")))
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        rpc, port, blob, workers = free_ports(4)
        command = (pool or _pool)(workers)
        rest = f"127.0.0.1:{port}"
        configuration = _CONFIGURATION.format(
            rpc=rpc, rest=port, blob=blob, slots=_SLOTS, folder=folder
        )
        (folder / "config.yaml").write_text(configuration, "utf-8")
        cluster = FlinkCluster(
            rest=rest,
            workers=f"127.0.0.1:{workers}",
            folder=folder,
            job_manager=Server(lambda: _job_manager(folder, rest)),
            task_manager=Server(lambda: _task_manager(folder, rest)),
            worker_pool=Server(lambda: _worker_pool(folder, workers, command)),
        )
        for server in (cluster.job_manager, cluster.task_manager, cluster.worker_pool):
            stack.enter_context(server)
        yield cluster


def _job_manager(folder: Path, rest: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    main = f"{_PACKAGE}.entrypoint.StandaloneSessionClusterEntrypoint"
    return child(
        "Flink's job manager",
        kept_on_loopback([*_java(folder, "-Xmx384m"), main, "--configDir", str(folder)]),
        lambda: bool(_ask(rest, "GET", "/overview")),
        seconds=_SECONDS,
        log_file=folder / "job-manager.log",
    )


def _task_manager(folder: Path, rest: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    main = f"{_PACKAGE}.taskexecutor.TaskManagerRunner"
    known = _task_managers(rest)
    java = _java(folder, "-Xmx512m", "-XX:MaxDirectMemorySize=400m")
    memory = [f"-D{key}={value}" for key, value in _TASK_MANAGER_MEMORY.items()]
    return child(
        "Flink's task manager",
        kept_on_loopback([*java, main, "--configDir", str(folder), *memory]),
        lambda: bool(_task_managers(rest) - known),
        seconds=_SECONDS,
        log_file=folder / "task-manager.log",
    )


def _pool(port: int) -> list[str]:
    module = "apache_beam.runners.worker.worker_pool_main"
    return kept_on_loopback([sys.executable, "-m", module, f"--service_port={port}"])


def _worker_pool(
    folder: Path, port: int, command: list[str]
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return child(
        "Beam's worker pool",
        command,
        lambda: connects(port),
        seconds=_SECONDS,
        # It starts workers by the name of Python alone.
        environment=_first_on_path(Path(sys.executable).parent),
        log_file=folder / "workers.log",
    )


def _java(folder: Path, *memory: str) -> list[str]:
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPEN]
    command = [java(), *_JVM, *memory, f"-Djava.io.tmpdir={folder / 'tmp'}", *opened]
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
