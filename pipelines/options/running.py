"""What runs the job, how it ends before its time, and how it is seen."""

import re
import threading
from dataclasses import dataclass
from typing import Literal

from weir.pipelines.options.concern import Concern
from weir.pipelines.options.option import Allowed, above, between, option, share


@dataclass(frozen=True)
class RunnerOptions(
    Concern,
    title="Runner",
    about="--runner=prism runs continuously on this machine, flink on this machine or on the "
    "cluster of --flink-master, dataflow on Google Cloud; without one the job runs in "
    "this process, which suits bounded work. What each needs is set; every Beam option "
    "overrules it.",
):
    """What runs the job."""

    runner: str | None = option(
        None,
        metavar="NAME",
        of_beam=True,
        help="direct, prism, flink, dataflow or portable",
        default_said="direct: this process",
    )
    checkpoints: str | None = option(
        None,
        metavar="URI",
        help="flink: folder of its checkpoints, which every machine of the cluster reaches",
        default_said="what the cluster says; below ~/.local/state/weir on this machine",
    )
    resume: bool = option(
        False,
        help="flink: go on from the newest checkpoint or savepoint of this --run, below "
        "--checkpoints",
    )
    supervised: bool = option(
        False,
        help="flink: for whatever starts the same command again each time that it ends, as a "
        "cluster's scheduler does: what still runs of this --run is stopped, and its newest "
        "checkpoint gone on from, where there is one. Needs --checkpoints",
    )
    open_ports: bool = option(
        False,
        help="prism, flink: let Beam's servers listen on every interface, where this system "
        "cannot keep them on loopback: whoever reaches them runs code as you",
    )
    waiting_mb: float = option(
        256.0,
        above(0, "megabytes"),
        metavar="MB",
        help="prism: posts that are escalated and not decided, at most; then reading waits for "
        "the judge, and lag grows. Other runners hold back by themselves",
    )
    judge_accelerator: str | None = option(
        None,
        metavar="HINT",
        help="dataflow: the card of the workers that judge, such as "
        "'type:nvidia-l4;count:1;install-nvidia-driver'",
    )
    judge_min_ram: str | None = option(
        None, metavar="SIZE", help="dataflow: their memory, such as 32GB"
    )

    @property
    def waiting_bytes(self) -> int:
        """Return what is escalated and not decided, at most, before reading waits for the judge."""
        return int(self.waiting_mb * (1 << 20))

    @property
    def judge_hints(self) -> dict[str, str]:
        """Return the resource hints of the step that judges, as Beam names them."""
        hints = {"accelerator": self.judge_accelerator, "min_ram": self.judge_min_ram}
        return {name: value for name, value in hints.items() if value}


@dataclass(frozen=True)
class StopOptions(
    Concern,
    title="Stopping",
    about="In process and on Prism, SIGTERM or Ctrl-C ends reading, finishes what is in flight "
    "and exits with 0; a second one stops at once. What was not finished is read again by "
    "the same command. On a cluster of Flink they leave a savepoint below --checkpoints, "
    "from which --resume goes on.",
):
    """How a job ends before its time."""

    drain_seconds: float = option(
        60.0,
        Allowed(
            "give seconds above 0",
            lambda seconds: 0 < seconds < threading.TIMEOUT_MAX,
            {"exclusiveMinimum": 0, "exclusiveMaximum": threading.TIMEOUT_MAX},
        ),
        metavar="S",
        help="how long that may take before the job is stopped all the same",
    )


@dataclass(frozen=True)
class WatchOptions(
    Concern,
    title="Seeing it",
    about="weir status prints the numbers of the local jobs. On a cluster, the runner's own "
    "metrics hold them.",
):
    """How a job is seen."""

    metrics_port: int | None = option(
        None,
        between(1, 65_535, "a port"),
        metavar="PORT",
        help="in process and on Prism: serve the numbers to Prometheus at /metrics",
    )
    metrics_host: str = option(
        "127.0.0.1", metavar="HOST", help="address that the port is opened on"
    )
    log_format: Literal["text", "json"] = option("text", help="never holds post text")
    traces_endpoint: str | None = option(
        None,
        Allowed(
            "give the address of a collector, such as http://collector:4318/v1/traces; what it "
            "asks for goes into OTEL_EXPORTER_OTLP_HEADERS of each worker",
            lambda url: re.fullmatch(r"https?://[^/@\s]+(/[^@\s]*)?", url) is not None,
            {"pattern": r"^https?://[^/@\s]+(/[^@\s]*)?$"},
        ),
        metavar="URL",
        help="send spans of sampled posts there, by OTLP over HTTP: how long each waited, was "
        "screened, judged and written, with decision ids and no content. A header traceparent of "
        "the message is linked to",
    )
    traces_share: float = option(0.001, share(), metavar="S", help="of the posts that have spans")
