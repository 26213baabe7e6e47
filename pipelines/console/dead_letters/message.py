"""What the message of a dead letter was, for a person to look at: its bytes, and nothing done."""

import codecs
from dataclasses import dataclass
from typing import Any

from weir.transforms.write.dead_letter_topic import HEADERS, OMITTED, VALUE

MOST_BYTES = 4_096  # shown of a value, a key or a header
MOST_HEADERS = 50
_PER_LINE = 16
_utf8 = codecs.getincrementaldecoder("utf-8")


@dataclass(frozen=True)
class Bytes:
    """Some bytes as they may be shown: as text where they are UTF-8, else in hexadecimal digits."""

    text: str
    hexadecimal: bool
    size: int

    @property
    def left_out(self) -> int:
        """Return how many of them are not shown."""
        return max(0, self.size - MOST_BYTES)

    @classmethod
    def of(cls, content: bytes) -> "Bytes":
        """Return bytes for a page, the first of them where there are many."""
        shown = content[:MOST_BYTES]
        try:
            # What was cut may end within a character.
            text = _utf8().decode(shown, final=len(content) <= MOST_BYTES)
        except UnicodeDecodeError:
            return cls(_digits(shown), True, len(content))
        binary = "\0" in text
        return cls(_digits(shown) if binary else text, binary, len(content))


@dataclass(frozen=True)
class Message:
    """A message as the dead-letter topic has it; None is what the message does not have."""

    key: Bytes | None
    value: Bytes | None
    headers: tuple[tuple[str, Bytes], ...]
    omitted: bool  # whether the letter says only where the message is
    headers_left_out: int = 0


def message_of(letter: Any) -> Message:
    """Return the message that a letter of the topic holds, a ConsumerRecord of Kafka's client."""
    own = [(name, value or b"") for name, value in letter.headers if name not in HEADERS]
    return Message(
        None if letter.key is None else Bytes.of(letter.key),
        None if letter.value is None else Bytes.of(letter.value),
        tuple((name[:200], Bytes.of(value)) for name, value in own[:MOST_HEADERS]),
        dict(letter.headers).get(VALUE) == OMITTED,
        max(0, len(own) - MOST_HEADERS),
    )


def _digits(content: bytes) -> str:
    lines = (content[at : at + _PER_LINE] for at in range(0, len(content), _PER_LINE))
    return "\n".join(f"{at * _PER_LINE:06x}  {line.hex(' ')}" for at, line in enumerate(lines))
