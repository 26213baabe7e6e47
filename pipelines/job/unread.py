"""What a job could not read: of a topic, with the fields that its messages hold, or of answers."""

from contextlib import suppress

from kafka.errors import KafkaError

from weir.pipelines.screening.stream_sample import values_of_topics
from weir.pipelines.settings import ModerationSettings
from weir.pipelines.text_fields import text_fields
from weir.transforms.counts import Counts
from weir.transforms.read import SourceError

_MESSAGES = 100  # that are looked at
_NO_TEXT = ("missing_text", "null_text", "text_not_a_string")


def explain_end(settings: ModerationSettings, counts: Counts) -> list[str]:
    """Return what a job that has ended did not read, a sentence each."""
    said = []
    if counts.behind_transactions:
        said.append(
            f"{counts.behind_transactions:,} messages at the end lie behind an open transaction "
            "and were not read: run again once it has ended"
        )
    if counts.mostly_unreadable:
        said.append(
            f"{counts.unreadable:,} of {counts.verdicts:,} answers of the judge could not be read: "
            "the column answer of the table verdicts has them, and weir policy try shows one whole"
        )
    if not counts.messages and settings.stop.at != "never":
        topics = ", ".join(settings.topics)
        said.append(
            f"no message of {topics} was read: between --start and --stop there is none that can be"
        )
    return said


def explain_unread(settings: ModerationSettings, counts: Counts) -> str | None:
    """Return why nearly nothing could be read, and what to do about it; None where enough was."""
    if not counts.unread:
        return None
    _, reason, count = next(cause for cause in counts.causes if cause[0] != "write")
    said = f"{count:,} of {counts.messages:,} messages could not be read ({reason})"
    if not settings.stages.screens:
        topics = ", ".join(settings.topics)
        return f"{said}: is {topics} the topic that the job which screens writes to?"
    if settings.decode.format != "json":
        return f"{said} as {settings.decode.format}: see --format"
    if reason not in _NO_TEXT:
        return f"{said} as JSON objects: see --format"
    found: list[str] = []
    with suppress(KafkaError, SourceError):  # the sentence does without
        found = text_fields(values_of_topics(settings.kafka, settings.topics, _MESSAGES))
    named = f"the fields that hold text are {', '.join(found)}" if found else "none holds a text"
    field = settings.decode.text_name
    return f"{said}: there is no text in the field {field}; {named}. Name one by --text-field"
