"""What runs in vLLM's own processes: they end with their host, and say why they could not start.

vLLM imports this module there as its ``worker_extension_cls``, before it loads the model. It needs
no GPU, and nothing of vLLM.
"""

import logging
import os
import threading
import time
from pathlib import Path

HOST = "WEIR_ENGINE_HOST"  # environment: the process that everything here ends with
CAUSE = "WEIR_ENGINE_CAUSE"  # environment: the file for why it did not start

_LOOK_SECONDS = 0.5
_HOST_GONE = 70  # exit code


class EndsWithHost:
    """The worker extension; importing it is what counts."""


class _Cause(logging.Handler):
    """Keeps the first exception that is logged: the host is only told that there was one."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.ERROR)
        self._path = path

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not self._path.exists():
            self._path.write_text(f"{type(error).__name__}: {error}", encoding="utf-8")


def _parent(pid: int) -> int:
    """Return a process's parent, 0 where it is gone; PID (NAME) STATE PARENT ..."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def _lineage(host: int) -> list[tuple[int, int]]:
    """Return each process and its parent, from this one up to the host's child."""
    lineage = [(os.getpid(), os.getppid())]
    while lineage[-1][1] != host:
        pid = lineage[-1][1]
        if pid <= 1:  # the host was gone before this began
            os._exit(_HOST_GONE)
        lineage.append((pid, _parent(pid)))
    return lineage


def _watch(lineage: list[tuple[int, int]]) -> None:
    # Whose parent dies is handed to another one, so each link tells of the death above it.
    while all(_parent(pid) == parent for pid, parent in lineage):
        time.sleep(_LOOK_SECONDS)
    os._exit(_HOST_GONE)


def _begin() -> None:
    if host := os.environ.get(HOST):
        watch = threading.Thread(
            target=_watch, args=(_lineage(int(host)),), daemon=True, name="ends-with-host"
        )
        watch.start()
    if cause := os.environ.get(CAUSE):
        logging.getLogger("vllm").addHandler(_Cause(Path(cause)))


_begin()  # does nothing in the host, which sets the variables only while it starts vLLM
