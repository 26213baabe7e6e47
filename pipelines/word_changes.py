"""Which words of a policy's text changed, for pages and terminals."""

import difflib
import re
from collections.abc import Iterator, Sequence

Piece = tuple[
    str, str
]  # what became of it: "" (kept), "-" or "+"; and the words, with their spaces

_WORDS = re.compile(r"\s+|[\w'-]+|[^\w\s]")
_ELLIPSIS: Piece = ("", "…")


def changed_words(before: str, after: str, context: int = 1) -> list[list[Piece]]:
    """Return the passages that differ, as pieces in order, with so many lines kept around each.

    A passage without + gives back what stands there in ``before``, without - what in ``after``.
    """
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return [list(_passage(old, new, group)) for group in matcher.get_grouped_opcodes(context)]


def _passage(
    old: Sequence[str], new: Sequence[str], group: Sequence[tuple[str, int, int, int, int]]
) -> Iterator[Piece]:
    for kind, start, end, new_start, new_end in group:
        gone, come = "".join(old[start:end]), "".join(new[new_start:new_end])
        if kind == "equal":
            yield "", gone
        else:
            yield from _words(gone, come)


def _words(before: str, after: str) -> Iterator[Piece]:
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    gone = come = ""
    for kind, start, end, new_start, new_end in difflib.SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        was, now = "".join(old[start:end]), "".join(new[new_start:new_end])
        # Spaces between changed words are no reason to tell the words apart.
        if kind == "equal" and (was.strip() or not gone + come):
            yield from _changed(gone, come)
            yield "", was
            gone = come = ""
        else:
            gone, come = gone + was, come + now
    yield from _changed(gone, come)


def _changed(gone: str, come: str) -> Iterator[Piece]:
    if gone:
        yield "-", gone
    if come:
        yield "+", come


def cut(passages: Sequence[Sequence[Piece]], most: int) -> list[list[Piece]]:
    """Return the passages up to so many characters of text; an ellipsis stands for the rest."""
    kept: list[list[Piece]] = []
    for passage in passages:
        pieces: list[Piece] = []
        for kind, text in passage:
            if most <= 0:
                break
            pieces.append((kind, text[:most]))
            most -= len(text)
        if pieces:
            kept.append(pieces)
    return [*kept, [_ELLIPSIS]] if most < 0 else kept


def in_brackets(passage: Sequence[Piece]) -> str:
    """Return a passage as git shows changed words: [-gone-]{+come+}."""
    forms = {"": "{}", "-": "[-{}-]", "+": "{{+{}+}}"}
    return "".join(forms[kind].format(text) for kind, text in passage)
