"""What one look at the judge's verdicts needs, to teach a screen from them."""

from dataclasses import dataclass

from weir.pipelines.errors import OptionError
from weir.pipelines.options.job import JobOptions
from weir.pipelines.settings.progress import stop_of
from weir.pipelines.settings.shape import Shape
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


def require_taught(said: JobOptions) -> None:
    """Raise OptionError where a folder is named for what has learned, and nothing can learn."""
    why = untaught(said)
    if why and said.teaching.taught_screen and said.teaching.seconds:
        raise OptionError(f"--taught-screen: {why}; leave it out, or give --teach-every=off")


def untaught(said: JobOptions) -> str | None:
    """Return why a job's screen learns nothing, None where it can."""
    if not Shape.of(said).stages.screens:
        return "a job that screens nothing has no screen to teach"
    if stop_of(said.source).at != "never":
        return "a job with a --stop decides by the screen that it began with"
    if said.deciding.shadow_screen:
        return "what has learned runs in shadow, where --shadow-screen is"
    if not said.edits.policy_seconds:
        return "with --policy-seconds=0 no screen is read again"
    audit_rate = said.deciding.audit_rate
    if not 0 < audit_rate < 1:
        return f"with --audit-rate={audit_rate:g} two screens cannot be compared"
    return None
