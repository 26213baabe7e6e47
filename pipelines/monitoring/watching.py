"""Seeing a job: its metrics and its log."""

from collections.abc import Iterator
from contextlib import contextmanager

from weir.pipelines.monitoring import logs, status
from weir.pipelines.monitoring import prometheus as metrics
from weir.pipelines.options.running import WatchOptions
from weir.transforms.process.reloading import RELOADS


@contextmanager
def watched(watch: WatchOptions, run: str, dataset: str) -> Iterator[None]:
    """Publish the numbers of this process while the block runs."""
    if watch.log_format == "json":
        logs.as_json()
    with (
        metrics.serve(watch.metrics_host, watch.metrics_port),
        status.publish(run, RELOADS.versions, dataset=dataset),
    ):
        yield
