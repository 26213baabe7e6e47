"""Posts whose text stands in several places: fields, lists of parts, strings between entities.

Fields are joined by an empty line, the elements of a list by the end of a line. A list that holds
entities (objects with a ``text``, as chats have them for bold words and links) is one line cut into
pieces: nothing stands between these.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weir.transforms.decode.leaves import OTHER, Leaf

FIELDS, ELEMENTS = "\n\n", "\n"


def joined(columns: Sequence[Sequence[Leaf] | None]) -> Sequence[Leaf]:
    """Return one text a row, of columns of leaves of the kind TEXT; there is at least one.

    OTHER where none of a row's leaves is a text and one is something else; None where none is
    anything.
    """
    found = [column for column in columns if column is not None]
    if len(found) == 1 and not any(type(leaf) is list for leaf in found[0]):
        return found[0]
    return [_whole([_text(leaf) for leaf in row]) for row in zip(*found, strict=True)]


def _whole(texts: Sequence[Leaf]) -> Leaf:
    strings = [text for text in texts if isinstance(text, str)]
    if strings:
        return FIELDS.join(filter(None, strings))
    return OTHER if OTHER in texts else None


def _text(leaf: Leaf) -> Leaf:
    """Return what a leaf says: a string, None for nothing, OTHER for what is no text."""
    if not isinstance(leaf, list):
        return leaf
    pieces = list(_pieces(leaf))
    if not pieces:
        return "" if "" in leaf else OTHER if OTHER in leaf else None
    runs_on = any(_is_entity(part) for part in leaf)
    return ("" if runs_on else ELEMENTS).join(pieces)


def _is_entity(part: Any) -> bool:
    return isinstance(part, Mapping) or hasattr(part, "text")


def _pieces(parts: Sequence[Any]) -> Iterator[str]:
    for part in parts:
        text = part.get("text") if isinstance(part, Mapping) else getattr(part, "text", part)
        if isinstance(text, str) and text:
            yield text
