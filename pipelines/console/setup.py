"""What a console looks at."""

from collections.abc import Callable
from dataclasses import dataclass

from weir.pipelines.console.access import Access
from weir.transforms.judge.engine import Engine
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.write.bigquery.sink import BigQuerySettings

MOST_BYTES = 10 << 30  # that one question may be billed for, unless somebody says otherwise


@dataclass(frozen=True)
class Setup:
    """What a console looks at, and who may; what is None is not to be had, and pages say so."""

    bigquery: BigQuerySettings
    access: Access
    kafka: KafkaSettings | None = None
    policies: str | None = None  # their folder, as ``weir run --policies``
    run: str = "live"  # that a page is about, unless its address names another
    days: int = 7  # whose posts a page is about, today's among them, unless its address says
    topics: tuple[str, ...] = ()  # that posts are read from, and dead letters go back to
    dead_letter_topic: str = "weir-dead-letters"
    deferred_topic: str = "weir-deferred"
    flagged_topic: str = "weir-flagged"
    engine: Callable[[], Engine] | None = None  # judges what is tried
    job: tuple[str, ...] = ()  # what a replay is told as the live job is, as its command line
    max_bytes: int = MOST_BYTES
    read_only: bool = False
