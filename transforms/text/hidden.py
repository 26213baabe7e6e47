"""Characters that act on a terminal, a page or a spreadsheet instead of showing."""

import re

# Control characters; those that turn the direction of text, take no place, or break a line where
# none is seen; tags; and halves of characters, which no file takes.
_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """Return a text with U+FFFD for each character that acts; tabs and line ends stay."""
    return _HIDDEN.sub("\ufffd", text.replace("\r\n", "\n"))
