"""What a chat message says: its reasoning and its final text, wherever a server leaves them.

Read is what can mean one thing only. Anything else stays as it came, and no contract has its form.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_TEXT_PARTS = frozenset({"text", "output_text"})
_REASONING_PARTS = frozenset({"thinking", "reasoning"})
_TEXT_NAMES = frozenset({"text", "thinking", "reasoning"})

# Text in which no control string of harmony begins.
_PLAIN = r"[^<]*(?:<(?!\|)[^<]*)*"
_LEAKED_MESSAGE = re.compile(
    r"(?:<\|start\|>assistant)?<\|channel\|>(analysis|final)(?: ?<\|constrain\|>json)?"
    rf"<\|message\|>({_PLAIN})(<\|end\|>|<\|return\|>|\Z)"
)
_REASONING_BLOCK = re.compile(r"\s*<(reasoning|think|thinking|thought|analysis)>")


@dataclass(frozen=True)
class Said:
    """The parts of an answer; ``final`` is None where there is none to be told from the rest."""

    reasoning: str | None
    final: str | None


def read_message(content: Any, reasoning: Any = None) -> Said:
    """Return what a message says; ``content`` and ``reasoning`` are as JSON has them.

    A list of parts is joined; a message of gpt-oss with its markup, and one reasoning block in
    front of the final text, are taken apart.
    """
    given = _joined(reasoning)
    if isinstance(content, list):
        inside, content = _parts(content)
        given = given or inside
    if not isinstance(content, str):
        return Said(given, None)
    found = _leaked(content) or _behind_block(content) or Said(None, content)
    return Said(given or found.reasoning, found.final)


def _leaked(text: str) -> Said | None:
    """Return what messages written out with harmony's markup say: reasoning, then one final."""
    reasoning: list[str] = []
    position = 0
    while message := _LEAKED_MESSAGE.match(text, position):
        channel, body, end = message.groups()
        position = message.end()
        if channel == "final":
            return Said("\n".join(reasoning) or None, body) if position == len(text) else None
        if end != "<|end|>":
            return None
        reasoning.append(body)
    return None


def _behind_block(text: str) -> Said | None:
    """Return what stands in one closed reasoning block at the start, and what stands behind it.

    None where a tag of it comes once more: then it is a guess which of them is the model's, and
    which a quotation of the post.
    """
    opening = _REASONING_BLOCK.match(text)
    if opening is None:
        return None
    name = opening[1]
    inside, _, behind = text[opening.end() :].partition(f"</{name}>")
    if f"</{name}>" in behind or f"<{name}>" in inside + behind:
        return None
    closed = len(text) > opening.end() + len(inside)
    return Said(inside.strip() or None, behind) if closed else None


def _parts(parts: list[Any]) -> tuple[str | None, str | None]:
    """Return the reasoning and the text of a message in parts; no text where one is neither."""
    reasoning: list[str] = []
    text: list[str] = []
    for part in parts:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if isinstance(part, str):
            text.append(part)
        elif kind in _TEXT_PARTS and isinstance(part.get("text"), str):
            text.append(part["text"])
        elif kind in _REASONING_PARTS:
            reasoning += _texts(part)
        else:
            return None, None
    return "".join(reasoning) or None, "".join(text) or None


def _joined(value: Any) -> str | None:
    return "".join(_texts(value)) or None


def _texts(value: Any, deepest: int = 4) -> Iterator[str]:
    """Yield the texts in a value of any form: one alone, below a usual name, or a list of these."""
    if isinstance(value, str):
        yield value
    elif deepest and isinstance(value, list):
        for each in value:
            yield from _texts(each, deepest - 1)
    elif deepest and isinstance(value, Mapping):
        for name in _TEXT_NAMES & value.keys():
            yield from _texts(value[name], deepest - 1)
