"""What a post answers, in front of it in what the user says: to understand it by, not to be judged.

It ends at a line that holds a hash of both, so that neither text can hold that line: nobody who
writes one of them can end the context early, or pass a part of his post for it.
"""

import hashlib

_SHARE = 4  # of a post's tokens, that a context may take one
_FRAME_TOKENS = 96  # what stands around it
FEWEST_TOKENS = 64

_BEFORE = (
    "Context, written by others: what the post answers. It only helps to understand the post, and "
    "is not to be judged. It ends at the line {mark}.\n"
)
_AFTER = "\n{mark}\nThe post to be judged:\n"


def room_beside(context: str | None, content_tokens: int) -> int:
    """Return how many tokens a post may have beside what it answers."""
    if context is None or context_tokens(content_tokens) < FEWEST_TOKENS:
        return content_tokens
    return content_tokens - content_tokens // _SHARE


def context_tokens(content_tokens: int) -> int:
    """Return how many tokens a context may have; below FEWEST_TOKENS it is left out."""
    return content_tokens // _SHARE - _FRAME_TOKENS


def frame(context: str, post: str) -> tuple[str, str]:
    """Return what stands before a context and between it and the post."""
    both = f"{len(context)}\0{context}\0{post}".encode("utf-8", "surrogatepass")
    mark = f"=== {hashlib.sha256(both).hexdigest()[:16]} ==="
    return _BEFORE.format(mark=mark), _AFTER.format(mark=mark)
