"""What the jobs of this machine are doing: written by each to a file, read by ``weir status``."""

import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weir.transforms.process.live_numbers import LIVE, Name, Snapshot

_EVERY_SECONDS = 1.0
_COUNTS = (
    *("messages", "lost_messages", "screenings", "escalations", "escalations_sent", "audits"),
    *("verdicts", "violations", "indeterminate", "deferred", "dead_letters", "flagged_messages"),
    *("provisional_flags", "confirmations", "withdrawals"),
    *("judge_requests", "judge_cache_hits"),
)


@dataclass(frozen=True)
class Status:
    """A local job at one moment."""

    run: str
    pid: int
    started: float  # epoch seconds
    written: float
    counts: dict[str, int]
    gauges: dict[str, float]
    lag: dict[str, int]  # topic[partition] -> messages
    latency_ms: dict[str, dict[str, float]]  # route -> count, p50, p99

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON, with the sum of the lag."""
        return vars(self) | {"lag_total": sum(self.lag.values())}


def status_of(snapshot: Snapshot, run: str, started: float, now: float) -> Status:
    """Return the numbers that a person asks for."""
    return Status(
        run=run,
        pid=os.getpid(),
        started=started,
        written=now,
        counts={n: c for n in _COUNTS if (c := snapshot.counters.get(Name(n))) is not None},
        gauges={k.name: v for k, v in snapshot.gauges.items() if not k.labels},
        lag={
            f"{dict(k.labels)['topic']}[{dict(k.labels)['partition']}]": int(v)
            for k, v in snapshot.gauges.items()
            if k.name == "lag"
        },
        latency_ms={
            dict(k.labels)["route"]: {
                "count": float(h.count),
                "p50": h.quantile(0.5) or 0.0,
                "p99": h.quantile(0.99) or 0.0,
            }
            for k, h in snapshot.histograms.items()
            if k.name == "latency_ms" and h.count
        },
    )


def folder() -> Path:
    """Return where this user's jobs write, of this user alone; it is made where it is missing."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    place = (
        Path(runtime) / "weir" if runtime else Path(tempfile.gettempdir()) / f"weir-{os.getuid()}"
    )
    place.mkdir(mode=0o700, exist_ok=True)
    found = place.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077 or place.is_symlink():
        raise PermissionError(f"{place} is not this user's alone")
    return place


@contextmanager
def published(run: str, every_seconds: float = _EVERY_SECONDS) -> Iterator[None]:
    """Write the numbers of this process for ``weir status`` while the block runs."""
    started, ended = time.time(), threading.Event()
    file = folder() / f"{os.getpid()}.json"

    def write() -> None:
        while not ended.wait(every_seconds):
            status = status_of(LIVE.snapshot(), run, started, time.time())
            whole = file.with_suffix(".part")
            whole.write_text(json.dumps(status.to_json()), "utf-8")
            whole.replace(file)

    LIVE.clear()
    writer = threading.Thread(target=write, name="weir-status", daemon=True)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()
        file.unlink(missing_ok=True)


def local_jobs() -> list[dict[str, Any]]:
    """Return the status of each local job that runs, oldest first, as JSON.

    What a job that was killed left behind is removed.
    """
    found = []
    for file in folder().glob("*.json"):
        if _runs(int(file.stem)):
            found.append(json.loads(file.read_text("utf-8")))
        else:
            file.unlink(missing_ok=True)
    return sorted(found, key=lambda each: each["started"])


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
