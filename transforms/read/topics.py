"""Topics by name and by pattern: a pattern begins with ``^``, which no name of a topic can.

As in Kafka's own clients, where a subscription that begins so is a regular expression.
"""

import re
from collections.abc import Collection, Iterable

from weir.transforms.kafka.errors import SourceError

_OF_KAFKA = "__"  # what its own topics begin with: no pattern means them


def is_pattern(topic: str) -> bool:
    """Return whether it stands for all topics that match it."""
    return topic.startswith("^")


def apart_from(topics: Iterable[str], names: Collection[str]) -> tuple[str, ...]:
    """Return topics whose patterns leave some names out: a job that read what it writes never ends.

    SourceError for a pattern that is none.
    """
    own = "|".join(re.escape(name) for name in sorted(names))
    return tuple(
        f"^(?!(?:{own})$)(?:{_checked(topic)[1:]})" if is_pattern(topic) else topic
        for topic in topics
    )


def matching(topic: str, there: Iterable[str]) -> list[str]:
    """Return which of the topics that are there one stands for, in order; none where it is missing.

    A pattern matches whole names. SourceError for one that is none.
    """
    if not is_pattern(topic):
        return [topic] if topic in there else []
    wanted = re.compile(_checked(topic))
    return sorted(t for t in there if wanted.fullmatch(t) and not t.startswith(_OF_KAFKA))


def _checked(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise SourceError(
            f"--topics {pattern}: what begins with ^ is a regular expression, and this is none "
            f"({error})."
        ) from error
    return pattern
