"""Seeing a job: the options of its metrics and its log."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from apache_beam.options.pipeline_options import PipelineOptions

from weir.pipelines.errors import OptionError
from weir.pipelines.monitoring import logs, status
from weir.pipelines.monitoring import prometheus as metrics
from weir.transforms.process.reloading import RELOADS

_MOST_PORT = 65_535


class WatchOptions(PipelineOptions):
    """How a job is seen."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group(
            "Seeing it",
            "weir status prints the numbers of the local jobs. On a cluster, the runner's own "
            "metrics hold them.",
        )
        group.add_argument(
            "--metrics_port",
            type=int,
            metavar="PORT",
            help="in process and on Prism: serve the numbers to Prometheus at /metrics",
        )
        group.add_argument(
            "--metrics_host", default="127.0.0.1", help="address that the port is opened on"
        )
        group.add_argument(
            "--log_format", default="text", choices=["text", "json"], help="never holds post text"
        )


@dataclass(frozen=True)
class Watch:
    """How a job is seen, checked."""

    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
    log_format: str = "text"

    @classmethod
    def of(cls, options: WatchOptions, *, one_process: bool) -> "Watch":
        """Return the settings; OptionError where the numbers would not be there to be served."""
        port = options.metrics_port
        if port is not None and not 0 < port <= _MOST_PORT:
            raise OptionError(f"--metrics_port is {port}; give 1 to {_MOST_PORT}")
        if port is not None and not one_process:
            raise OptionError(
                "--metrics_port serves what this process counts, and on a cluster it counts "
                "nothing: leave it out, and read the runner's metrics"
            )
        return cls(options.metrics_host, port, options.log_format)


@contextmanager
def watched(watch: Watch, run: str) -> Iterator[None]:
    """Publish the numbers of this process while the block runs."""
    if watch.log_format == "json":
        logs.as_json()
    with (
        metrics.served(watch.metrics_host, watch.metrics_port),
        status.published(run, RELOADS.versions),
    ):
        yield
