"""What the jobs of this machine are doing: written by each to a file, read by ``weir status``."""

import json
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weir.transforms.process.live_numbers import LIVE, Name, Snapshot
from weir.transforms.process.own_folder import NotOwnError, own_folder, temporary_folder

_LOG = logging.getLogger(__name__)

_EVERY_SECONDS = 1.0
_STALE_SECONDS = 10.0  # a busy job may be late
_COUNTS = (
    *("messages", "lost_messages", "screenings", "escalations", "escalations_sent", "audits"),
    *("verdicts", "violations", "indeterminate", "deferred", "dead_letters", "flagged_messages"),
    *("provisional_flags", "confirmations", "withdrawals"),
    *("judge_requests", "judge_cache_hits", "reused", "reuse_checks", "reuse_disagreements"),
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
    latency_ms: dict[str, dict[str, float | None]]  # route -> count, p50, p99; None is over 500 s
    versions: dict[str, str]  # of what decides
    dataset: str = ""  # that its rows go to; empty where it does not say

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON, with the sum of the lag."""
        return vars(self) | {"lag_total": sum(self.lag.values())}


def status_of(
    snapshot: Snapshot,
    run: str,
    started: float,
    now: float,
    versions: Mapping[str, str],
    dataset: str = "",
) -> Status:
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
                "p50": _finite(h.quantile(0.5)),
                "p99": _finite(h.quantile(0.99)),
            }
            for k, h in snapshot.histograms.items()
            if k.name == "latency_ms" and h.count
        },
        versions=dict(versions),
        dataset=dataset,
    )


def _finite(milliseconds: float | None) -> float | None:
    return milliseconds if milliseconds is not None and math.isfinite(milliseconds) else None


def folder() -> Path:
    """Return where this user's jobs write, made where it is missing; NotOwnError."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return own_folder(Path(runtime) / "weir") if runtime else temporary_folder()


@contextmanager
def publish(
    run: str,
    versions: Callable[[], Mapping[str, str]] = dict,
    every_seconds: float = _EVERY_SECONDS,
    dataset: str = "",
) -> Iterator[None]:
    """Write the numbers of this process, and what decides in it, while the block runs.

    A job goes on where they cannot be written; it is then not shown, rather than with old ones.
    """
    LIVE.clear()
    try:
        file = folder() / f"{os.getpid()}.json"
    except NotOwnError as error:
        _LOG.warning("weir status will not show this job: %s", error)
        yield
        return
    started, ended = time.time(), threading.Event()

    def write() -> None:
        said = False
        while not ended.wait(every_seconds):
            status = status_of(LIVE.snapshot(), run, started, time.time(), versions(), dataset)
            whole = file.with_suffix(".part")
            try:
                whole.write_text(json.dumps(status.to_json()), "utf-8")
                whole.replace(file)
            except OSError as error:
                if not said:
                    _LOG.warning("weir status cannot show this job (%s)", error.strerror)
                said = True
                for each in (whole, file):
                    with suppress(OSError):
                        each.unlink(missing_ok=True)

    writer = threading.Thread(target=write, name="weir-status", daemon=True)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()
        with suppress(OSError):
            file.unlink(missing_ok=True)


def local_jobs(now: Callable[[], float] = time.time) -> list[dict[str, Any]]:
    """Return the status of each local job that runs, oldest first, as JSON.

    ``stale_seconds`` says how old the numbers are where the job did not write newer ones in time;
    else it is 0. What a job that was killed left behind is removed.
    """
    found = []
    for file in folder().glob("*.json"):
        if _runs(int(file.stem)):
            try:
                job = json.loads(file.read_text("utf-8"))
            except FileNotFoundError:  # it ended since the folder was listed
                continue
            age = now() - job["written"]
            found.append(job | {"stale_seconds": age if age > _STALE_SECONDS else 0.0})
        else:
            file.unlink(missing_ok=True)
    return sorted(found, key=lambda each: each["started"])


def is_of(job: Mapping[str, Any], dataset: str) -> bool:
    """Return whether the rows of a local job go to a dataset, as far as it says where."""
    return job.get("dataset") in (None, "", dataset)


def jobs_of_dataset(dataset: str) -> list[dict[str, Any]]:
    """Return those of the local jobs whose rows go to a dataset, or which do not say."""
    return [job for job in local_jobs() if is_of(job, dataset)]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
