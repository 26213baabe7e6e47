"""What is stored of a post's text."""

from dataclasses import dataclass

from weir.transforms.write.redaction import HASH_PREFIX


@dataclass(frozen=True)
class Said:
    """A text, or why there is none to show."""

    text: str | None
    why_not: str = ""


def said_of(text: str | None) -> Said:
    """Return what can be shown of the column ``text`` of a verdict, None where nothing judged."""
    if text is None:
        return Said(None, "not judged, so its text is not stored")
    if text.startswith(HASH_PREFIX):
        return Said(None, "only a hash of its text is stored (--store-text hash)")
    if not text:
        return Said(None, "its text is not stored (--store-text none)")
    return Said(text)
