"""Why nothing of a topic could be read, with the fields that its messages hold."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import msgspec
from kafka.errors import KafkaError

from weir.pipelines.options import ModerationSettings
from weir.pipelines.screening.stream_sample import values_of_topics
from weir.transforms.counts import Counts
from weir.transforms.read import SourceError

_MESSAGES = 100  # that are looked at
_FIELDS = 12  # that are named
_DEPTH = 3
_COMMON = 0.5  # of the messages that hold a field
# What a person would call a field; any other key may be something that a person wrote.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
_NO_TEXT = ("missing_text", "text_not_a_string")


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
    field = settings.decode.text_field
    return f"{said}: there is no text in the field {field}; {named}. Name one by --text_field"


def text_fields(values: Iterable[bytes]) -> list[str]:
    """Return the paths at which half of the messages hold a text, the longest texts first."""
    lengths: Counter[str] = Counter()
    holders: Counter[str] = Counter()
    messages = 0
    for value in values:
        messages += 1
        with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            for path, text in _texts(msgspec.json.decode(value)):
                lengths[path] += len(text)
                holders[path] += 1
    usual = [path for path, _ in lengths.most_common() if holders[path] >= _COMMON * messages]
    return usual[:_FIELDS]


def _texts(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and path:
        yield ".".join(path), value
    elif isinstance(value, dict) and len(path) < _DEPTH:
        for name, below in value.items():
            if _NAME.fullmatch(name):
                yield from _texts(below, (*path, name))
