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

from weir.policies.contract import section
from weir.policies.policy import Effort, Policy
from weir.policies.vocabulary import encoding
from weir.transforms.judge.harmony import messages as harmony
from weir.transforms.judge.harmony.context import (
    FEWEST_TOKENS,
    context_tokens,
    frame,
    room_beside,
)
from weir.transforms.records import LEFT_OUT

CONTENT_TOKENS = 4096  # budget of a post; longer ones are cut: head and tail kept
MARKER = LEFT_OUT

# One token each however many follow, as in a table of contents: no other text does nothing in a
# policy, and is written in any number.
_LEADER = " ."
# No language takes as many characters a token; what does is repetition. Text beyond it is not
# tokenised at all.
CHARACTERS_A_TOKEN = 8
# The tokenizer takes time in the square of what it cannot split, 0.7 ns a byte squared: a letter
# repeated 100,000 times would take 7 seconds. Pieces this long bound it to about 1 MB/s.
_PIECE, _ASCII_PIECE = 256, 512
# Where it splits whatever stands around: between a letter or a digit and one of these. Not an
# apostrophe, for it keeps "it's" together.
_SPLIT = r"[^\W_](?=[\s!-&(-/:-@\[-`{-~…—。、，！？：；「」])"
_LAST_SPLIT = re.compile(f"(?s:.*){_SPLIT}")
_CONTROL_STRING = re.compile(r"[<＜﹤](?=[|｜])")
# What other models' tokenizers take for a control token: <s>, </s>, <start_of_turn>, <<SYS>>,
# <tool_call>, [INST], [/INST], [gMASK], [|user|]. By their form, as there are new ones every month,
# and in the forms that a tokenizer's normalising (NFKC) leads back to these.
_NAMING = r"\w＿︳︴﹍﹎﹏－\-"
_OTHERS_CONTROL_STRING = re.compile(
    rf"[<＜﹤](?=[/／]?[{_NAMING}:：.．|｜]{{1,64}}[>＞﹥])"
    rf"|[\[［](?=[/／]?[{_NAMING}]{{0,32}}[A-ZＡ-Ｚ]{{2}}[{_NAMING}]{{0,32}}[\]］]|[|｜])"
)


@dataclass(frozen=True)
class Prompt:
    """One request: system (effort), developer (policy), user (post), the assistant's header."""

    tokens: tuple[int, ...]
    content: slice  # where the post stands in `tokens`; never a control token there
    tokens_cut: int  # of the post, left out of its middle; 0 where it is whole
    tokens_policy: int  # before the post and what it answers


@dataclass(frozen=True)
class Chat:
    """One request to a server that owns its template."""

    developer: str
    user: str
    effort: str  # low, medium or high
    tokens: int  # of both, as gpt-oss counts them; white space around them is left out


@dataclass(frozen=True)
class Parts:
    """How many tokens a prompt has beside the post's."""

    system: int
    developer: int  # the policy as it is written
    contract: int  # 0 where the policy states it
    frame: int  # around the post


def render(
    policy: Policy,
    text: str,
    content_tokens: int = CONTENT_TOKENS,
    block_tokens: int = 1,
    context: str | None = None,
) -> Prompt:
    """Return the prompt that asks whether ``text`` violates ``policy``.

    ``context`` is what it answers: it takes its tokens of the post's (see ``context``).

    What stands before the post is filled up to whole blocks of ``block_tokens``, as an engine's
    prefix cache holds no others.

    A post of more than ``content_tokens`` loses its middle, at borders of characters, and has
    MARKER in its place. ``tokens_cut`` is exact up to 8 characters for each token of the budget,
    and beyond that estimated from what was read. Half a surrogate pair becomes U+FFFD. Raises
    ValueError where the budget is below FEWEST_TOKENS.
    """
    prefix = _prefix(_Versioned(policy.version, policy), block_tokens)
    before = _before(_encodable(text), context and _encodable(context), content_tokens)
    content, cut = _content(_encodable(text), room_beside(context, content_tokens))
    start = len(prefix) + len(before)
    end = start + len(content)
    return Prompt((*prefix, *before, *content, *_suffix()), slice(start, end), cut, len(prefix))


def chat(
    policy: Policy,
    text: str,
    content_tokens: int = CONTENT_TOKENS,
    context: str | None = None,
) -> tuple[Chat, int]:
    """Return the messages for a server that renders and tokenises them itself, and tokens_cut.

    Such a server's tokenizer may know control tokens, of whatever model it serves, so strings that
    look like one are broken up by a space: in a post every short tag without attributes, too.
    """
    defused, answered = _wholly_defused(text), context and _wholly_defused(context)
    before = _before(defused, answered, content_tokens)
    content, cut = _content(defused, room_beside(context, content_tokens))
    content = before + content
    developer, user = _defused(instructions(policy)), harmony.decode(content)
    around = len(user) - len(user.strip())  # a template may drop it; a token for each, at most
    tokens = _developer_tokens(_Versioned(policy.version, policy)) + max(0, len(content) - around)
    return Chat(developer, user, policy.effort.value, tokens), cut


def _wholly_defused(text: str) -> str:
    return _OTHERS_CONTROL_STRING.sub(r"\g<0> ", _defused(_encodable(text)))


def _before(text: str, context: str | None, content_tokens: int) -> list[int]:
    """Return the tokens of what a post answers, and of the words around it; none where it is None.

    What is longer than its share of the tokens loses its middle, as a post does.
    """
    budget = context_tokens(content_tokens)
    if context is None or budget < FEWEST_TOKENS:
        return []
    begin, end = frame(context, text)
    return [*harmony.encode(begin), *_content(context, budget)[0], *harmony.encode(end)]


def instructions(policy: Policy) -> str:
    """Return the policy as the model reads it: its text, and the contract where it lacks it."""
    return policy.text + section(policy)


def parts(policy: Policy) -> Parts:
    """Return where the tokens of ``render(policy, "")`` come from."""
    system, developer = _messages(policy, policy.text)
    whole = len(_rendered(system, developer))
    prefix = len(_prefix(_Versioned(policy.version, policy), 1))
    user = prefix - len(_rendered(*_messages(policy, instructions(policy))))
    return Parts(
        system=len(_rendered(system)),
        developer=whole - len(_rendered(system)),
        contract=prefix - user - whole,
        frame=user + len(_suffix()),
    )


@dataclass(frozen=True)
class _Versioned:
    """A policy as a key: two of one version are read alike."""

    version: str
    policy: Policy = field(compare=False)


@lru_cache(maxsize=256)
def _prefix(of: _Versioned, block_tokens: int) -> tuple[int, ...]:
    """Return all tokens before the post's, in whole blocks: leader dots end the policy."""
    *messages, end = _rendered(*_messages(of.policy, instructions(of.policy)))
    user = (end, harmony.START, *harmony.encode("user"), harmony.MESSAGE)
    missing = -(len(messages) + len(user)) % block_tokens
    return (*messages, *harmony.encode(_LEADER * missing), *user)


@lru_cache(maxsize=256)
def _developer_tokens(of: _Versioned) -> int:
    return len(_tokens(_defused(instructions(of.policy)).strip()))


def _messages(policy: Policy, instructions: str) -> tuple[Message, Message]:
    """Return the system message, which has no date in it, and the developer's."""
    system = SystemContent.new().with_reasoning_effort(_EFFORTS[policy.effort])
    developer = DeveloperContent.new().with_instructions(instructions)
    return (
        Message.from_role_and_content(Role.SYSTEM, system),
        Message.from_role_and_content(Role.DEVELOPER, developer),
    )


def _rendered(*messages: Message) -> list[int]:
    tokens: list[int] = encoding().render_conversation(Conversation.from_messages(messages))
    return tokens


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
    if budget < FEWEST_TOKENS:
        raise ValueError(f"a budget of {budget} tokens leaves no post; use {FEWEST_TOKENS} or more")
    read = budget * CHARACTERS_A_TOKEN
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
    half = (budget - len(marker)) // 2
    head = before[: _boundary(before, min(half, len(before)), -1)]
    tail = after[_boundary(after, max(0, len(after) - half), 1) :]
    unread = round(skipped * len(tokens) / read) if skipped else 0
    cut = len(tokens) + unread - len(head) - len(tail)
    return head + marker + tail, cut


def _tokens(text: str) -> list[int]:
    return [token for piece in pieces(text) for token in harmony.encode(piece)]


def pieces(text: str) -> Iterator[str]:
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
    first = encoding().decode([token], errors="surrogateescape")[0]
    return bool("\udc80" <= first <= "\udcbf")


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _defused(text: str) -> str:
    return _CONTROL_STRING.sub(r"\g<0> ", text)
