"""A post that is longer than a prompt may hold, in windows, so that all of it is read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from weir.transforms.judge.harmony.messages import encode
from weir.transforms.judge.harmony.prompt import (
    CHARACTERS_A_TOKEN,
    CONTENT_TOKENS,
    MARKER,
    pieces,
)

MOST_WINDOWS = 8  # of one post; what lies between the first and the last four is not read
_MARKERS_TOKENS = 48  # for a marker on both sides, and what pieces take more in another place


@dataclass(frozen=True)
class Windows:
    """The texts to judge one by one, and about how many tokens are in none of them."""

    texts: tuple[str, ...]
    tokens_cut: int = 0


@dataclass(frozen=True)
class _Piece:
    text: str
    tokens: int


def windows(text: str, content_tokens: int = CONTENT_TOKENS) -> Windows:
    """Return a post as texts of at most ``content_tokens`` tokens: itself, where it is no longer.

    Successive windows share a piece of up to 512 characters. Every token takes a byte at least, so
    that most posts are not tokenised here.
    """
    if len(text) <= content_tokens and len(text.encode()) <= content_tokens:
        return Windows((text,), _lost(text))
    return _windows(text, content_tokens)


def fits(text: str, content_tokens: int) -> bool:
    """Return whether a post is read whole in one prompt with so much room for it."""
    return len(windows(text, content_tokens).texts) == 1


@lru_cache(maxsize=16)  # a post is judged under policy after policy
def _windows(text: str, content_tokens: int) -> Windows:
    budget = content_tokens - _MARKERS_TOKENS
    read = MOST_WINDOWS * content_tokens * CHARACTERS_A_TOKEN
    parts = [text] if len(text) <= read else [text[: read // 2], text[len(text) - read // 2 :]]
    found = [_Piece(piece, len(encode(piece))) for part in parts for piece in pieces(part)]
    tokens = sum(piece.tokens for piece in found)
    skipped = round(max(0, len(text) - read) * tokens / read)
    if not skipped and tokens <= content_tokens:
        return Windows((text,), _lost(text))
    filled = list(_filled(found, budget))
    kept = filled
    if len(filled) > MOST_WINDOWS:
        kept = [*filled[: MOST_WINDOWS // 2], *filled[-MOST_WINDOWS // 2 :]]
    seen = {number for window in kept for number in window}
    cut = skipped + sum(piece.tokens for n, piece in enumerate(found) if n not in seen)
    texts = tuple(_marked(found, window, last=len(found) - 1) for window in kept)
    return Windows(texts, cut + _lost(text))


def _lost(text: str) -> int:
    """Return 1 where the text came without its middle, or an author says so of his own post."""
    return int(MARKER in text)


def _filled(found: Sequence[_Piece], budget: int) -> Iterator[range]:
    """Yield the numbers of each window's pieces; it begins with the last of the one before."""
    start = 0
    while True:
        stop, tokens = start + 1, found[start].tokens
        while stop < len(found) and tokens + found[stop].tokens <= budget:
            tokens += found[stop].tokens
            stop += 1
        yield range(start, stop)
        if stop == len(found):
            return
        start = max(start + 1, stop - 1)


def _marked(found: Sequence[_Piece], window: range, last: int) -> str:
    """Return a window's text, with a marker where the post goes on."""
    text = "".join(found[number].text for number in window)
    before = MARKER if window[0] > 0 else ""
    return f"{before}{text}{MARKER if window[-1] < last else ''}"
