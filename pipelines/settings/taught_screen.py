"""What one look at the judge's verdicts needs, to teach a screen from them."""

from dataclasses import dataclass

from weir.transforms.decode import DecodeSettings
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.screen import ScreenSource
from weir.transforms.screen.teaching.folder import TaughtFolder
from weir.transforms.write.bigquery.sink import BigQuerySettings


@dataclass(frozen=True)
class Teaching:
    """What a look needs to know; small enough to travel to another process."""

    folder: TaughtFolder
    base: ScreenSource  # what it all begins with
    run: str
    policies: str  # folder or prefix of the documents
    kafka: KafkaSettings
    topics: tuple[str, ...]
    decode: DecodeSettings
    bigquery: BigQuerySettings
    every_policy: bool = True  # also one whose posts all go to the judge, for want of a head
    by: str = ""  # whoever called it; empty: a schedule
