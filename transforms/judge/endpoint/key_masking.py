"""A server's own words, without the key that it was sent."""

import base64
import re
from collections.abc import Iterator
from urllib.parse import quote

_SHOWN = "(key)"
# Long words that are no words: they may be the key in a form that nobody thought of.
_WORD = re.compile(r"[^\s\"'`,;:()\[\]{}<>]{16,}")
_LEGIBLE = re.compile(r"[a-z_-]+|[A-Z_-]+|https?")


def without_key(words: str, key: str | None, *known: str) -> str:
    """Return what a server says with every form of the key left out; ``known`` words stay."""
    if not key:
        return words
    for form in sorted(set(_forms(key)), key=len, reverse=True):
        words = re.sub(re.escape(form), _SHOWN, words, flags=re.IGNORECASE)
    allowed = " ".join(known)
    return _WORD.sub(
        lambda word: (
            word[0] if _LEGIBLE.fullmatch(word[0]) or word[0] in allowed else f"{word[0][:4]}..."
        ),
        words,
    )


def _forms(key: str) -> Iterator[str]:
    """Yield the key as it is, reversed, in hexadecimal, percent-encoded, and in base64.

    In base64 the key looks different by what stands before it: the outermost digits depend on its
    neighbours, and are left.
    """
    content = key.encode()
    yield from (key, key[::-1], content.hex(), quote(key, safe=""))
    for before in range(3):
        digits = base64.b64encode(bytes(before) + content).decode().rstrip("=")
        own = digits[(before * 8 + 5) // 6 : (before + len(content)) * 8 // 6]
        if len(own) > 4:
            yield own
            yield own.replace("+", "-").replace("/", "_")
