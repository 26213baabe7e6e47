"""What the model reads: the policy as its instructions, and the post as what the user says.

Prompts are token ids, the same for the same policy and post on any day, with the policy first: so
an engine's prefix cache holds it, and only the post is tokenised for each request.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from openai_harmony import (
    Conversation,
    DeveloperContent,
    Message,
    ReasoningEffort,
    Role,
    SystemContent,
)

from policies.contract import section
from policies.policy import Effort, Policy
from transforms.judge import harmony

CONTENT_TOKENS = 4096  # budget of a post; longer ones are cut: head and tail kept
MARKER = "\n\n[part of the post left out]\n\n"

# No language takes as many characters a token; what does is repetition. Text beyond it is not
# tokenised at all.
_CHARACTERS_A_TOKEN = 8
# The tokenizer takes time in the square of what it cannot split, 0.7 ns a byte squared: a letter
# repeated 100,000 times would take 7 seconds. Pieces this long bound it to about 1 MB/s.
_PIECE, _ASCII_PIECE = 256, 512
# Where it splits whatever stands around: behind a letter or a digit, before these.
_SPLIT = r"[^\W_](?=[\s.,;:!?()\[\]{}<>\"/…。、，！？：；「」])"
_LAST_SPLIT = re.compile(f"(?s:.*){_SPLIT}")
_CONTROL_STRING = re.compile(r"<(?=[|｜])")


@dataclass(frozen=True)
class Prompt:
    """One request: system (effort), developer (policy), user (post), the assistant's header."""

    tokens: tuple[int, ...]
    content: slice  # where the post's own tokens stand in `tokens`; never a control token there
    tokens_cut: int  # of the post, left out of its middle; 0 where it is whole


@dataclass(frozen=True)
class Chat:
    """One request to a server that owns its template."""

    developer: str
    user: str
    effort: str  # low, medium or high


def render(policy: Policy, text: str, content_tokens: int = CONTENT_TOKENS) -> Prompt:
    """Return the prompt that asks whether ``text`` violates ``policy``.

    ``tokens_cut`` is exact up to 8 characters for each token of the budget, and beyond that
    estimated from what was read. Half a surrogate pair becomes U+FFFD.
    """
    prefix = _prefix(_Versioned(policy.version, policy))
    content, cut = _content(_encodable(text), content_tokens)
    end = len(prefix) + len(content)
    return Prompt((*prefix, *content, *_suffix()), slice(len(prefix), end), cut)


def chat(policy: Policy, text: str, content_tokens: int = CONTENT_TOKENS) -> tuple[Chat, int]:
    """Return the messages for a server that renders and tokenises them itself, and tokens_cut.

    Such a server's tokenizer may know control tokens, so strings that look like one are broken up
    by a space.
    """
    content, cut = _content(_defused(_encodable(text)), content_tokens)
    return Chat(_defused(instructions(policy)), harmony.decode(content), policy.effort.value), cut


def instructions(policy: Policy) -> str:
    """Return the policy as the model reads it: its text, and the contract where it lacks it."""
    return policy.text + section(policy)


@dataclass(frozen=True)
class _Versioned:
    """A policy as a key: two of one version are read alike."""

    version: str
    policy: Policy = field(compare=False)


@lru_cache(maxsize=256)
def _prefix(of: _Versioned) -> tuple[int, ...]:
    """Return all tokens before the post's."""
    system = SystemContent.new().with_reasoning_effort(_EFFORTS[of.policy.effort])
    developer = DeveloperContent.new().with_instructions(instructions(of.policy))
    conversation = Conversation.from_messages(
        [
            Message.from_role_and_content(Role.SYSTEM, system),
            Message.from_role_and_content(Role.DEVELOPER, developer),
        ]
    )
    rendered = harmony.encoding().render_conversation_for_completion(conversation, Role.USER)
    return (*rendered, harmony.MESSAGE)


@lru_cache(maxsize=1)
def _suffix() -> tuple[int, ...]:
    return (harmony.END, harmony.START, *harmony.encode("assistant"))


_EFFORTS = {
    Effort.LOW: ReasoningEffort.LOW,
    Effort.MEDIUM: ReasoningEffort.MEDIUM,
    Effort.HIGH: ReasoningEffort.HIGH,
}


def _content(text: str, budget: int) -> tuple[list[int], int]:
    """Return the tokens of a text, at most ``budget`` of them, and how many are left out."""
    read = budget * _CHARACTERS_A_TOKEN
    skipped = max(0, len(text) - read)
    if not skipped:
        tokens = _tokens(text)
        if len(tokens) <= budget:
            return tokens, 0
        before = after = tokens
    else:
        before, after = _tokens(text[: read // 2]), _tokens(text[len(text) - read // 2 :])
        tokens = before + after
    marker = harmony.encode(MARKER)
    kept = max(0, budget - len(marker))
    head = before[: _boundary(before, min(kept - kept // 2, len(before)), -1)]
    tail = after[_boundary(after, max(0, len(after) - kept // 2), 1) :]
    unread = round(skipped * len(tokens) / read) if skipped else 0
    cut = len(tokens) + unread - len(head) - len(tail)
    return head + marker + tail, cut


def _tokens(text: str) -> list[int]:
    return [token for piece in _pieces(text) for token in harmony.encode(piece)]


def _pieces(text: str) -> Iterator[str]:
    """Split a text so that its pieces are tokenised as in the whole, but for long runs."""
    size = _ASCII_PIECE if text.isascii() else _PIECE
    start = 0
    while len(text) - start > size:
        found = _LAST_SPLIT.match(text, start, start + size)
        end = found.end() if found else start + size
        yield text[start:end]
        start = end
    yield text[start:]


def _boundary(tokens: list[int], index: int, step: int) -> int:
    """Return the nearest index, that way, at which a character begins."""
    while 0 < index < len(tokens) and _continues(tokens[index]):
        index += step
    return index


def _continues(token: int) -> bool:
    """Return whether a token begins inside a character, with a continuation byte of UTF-8."""
    first = harmony.encoding().decode([token], errors="surrogateescape")[0]
    return "\udc80" <= first <= "\udcbf"


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _defused(text: str) -> str:
    return _CONTROL_STRING.sub("< ", text)
