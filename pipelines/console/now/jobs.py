"""The jobs of this machine, as they say of themselves every second."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from weir.pipelines.monitoring.status_view import latency_bound

_SECONDS = 30.0  # over which posts a second are counted
_OF_JUDGE = ("judge_requests", "judge_cache_hits", "reused", "deferred")


@dataclass(frozen=True)
class Job:
    """One job; what it does not say is None, as of an older build."""

    run: str
    pid: int
    started: float  # epoch seconds
    stale_seconds: float  # that its numbers are too old; 0 where they are not
    posts: int
    posts_a_second: float  # lately; since it began where it is not looked at for long enough
    lag: int
    furthest: tuple[tuple[str, int], ...]  # topic[partition] and its lag, those behind
    judged: Mapping[str, int]  # what the judge was asked, and was spared
    in_flight: float | None
    budgets: Mapping[str, float]  # share of each budget that is used up
    counts: Mapping[str, int]
    latency: tuple[tuple[str, str, str], ...]  # route, p50, p99
    versions: Mapping[str, str]
    dataset: str = ""  # that its rows go to, where it says so


@dataclass
class Readings:
    """What was read of each job lately, by which its rate is told; for all threads."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _read: dict[tuple[int, float], deque[tuple[float, int]]] = field(default_factory=dict)

    def rate(self, job: Mapping[str, Any]) -> float:
        """Return posts a second of a job over the last seconds that it was looked at."""
        posts, at = int(job["counts"].get("messages", 0)), float(job["written"])
        with self._lock:
            read = self._read.setdefault((job["pid"], job["started"]), deque(maxlen=600))
            if not read or read[-1][0] < at:
                read.append((at, posts))
            while len(read) > 2 and read[1][0] <= at - _SECONDS:
                read.popleft()
            since, before = read[0]
        if since < at:
            return (posts - before) / (at - since)
        return posts / max(1.0, at - float(job["started"]))


def job_of(said: Mapping[str, Any], readings: Readings) -> Job:
    """Return a job of what ``local_jobs`` says of it."""
    counts, gauges = said["counts"], said["gauges"]
    behind = sorted(said["lag"].items(), key=lambda item: -item[1])
    return Job(
        run=said["run"],
        pid=said["pid"],
        started=said["started"],
        stale_seconds=said.get("stale_seconds", 0.0),
        posts=counts.get("messages", 0),
        posts_a_second=readings.rate(said),
        lag=said["lag_total"],
        furthest=tuple((name, lag) for name, lag in behind[:8] if lag),
        judged={name: counts[name] for name in _OF_JUDGE if name in counts},
        in_flight=gauges.get("in_flight"),
        budgets={
            name.removesuffix("_used_percent").replace("_", " "): value / 100
            for name, value in gauges.items()
            if name.endswith("_used_percent")
        },
        counts=counts,
        latency=tuple(
            (route, latency_bound(each["p50"]), latency_bound(each["p99"]))
            for route, each in sorted(said["latency_ms"].items())
        ),
        versions=said.get("versions", {}),
        dataset=said.get("dataset", ""),
    )
