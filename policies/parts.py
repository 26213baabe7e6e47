"""The four parts that a policy's text has, and the examples that it gives."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from weir.policies.contract import mentions
from weir.policies.policy import Contract, Policy

PARTS = ("Instruction", "Definitions", "Criteria", "Examples")
BULLET = re.compile(r"(?:[-*+]|\d+[.)])\s+(?=\S)")
_HEADING = re.compile(r"#{1,6}\s+(.+?)[\s#:]*")
_ARROW = re.compile(r"\s*(?:→|⇒|->|=>)\s*")
_QUOTED = re.compile(r"[\"“](.+)[\"”]")
_ANSWER = re.compile(r"violation\W{0,4}([01])\b|\W*([01])\b", re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """The text under a heading; ``line`` is the heading's, from 1."""

    line: int
    body: str


@dataclass(frozen=True)
class Shown:
    """An example in the text: a post, and what it is said to be answered with.

    ``violates`` is None where the answer names no label of the policy, or labels of both kinds.
    """

    line: int
    post: str
    answer: str
    violates: bool | None


def parts_of(text: str) -> dict[str, Part]:
    """Return the text under each of the four headings that is there; subheadings belong to it.

    Of two headings of one name the first counts.
    """
    starts: list[tuple[str, int]] = []
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        heading = _HEADING.fullmatch(line)
        name = heading[1].strip("*_").capitalize() if heading else ""
        if name in PARTS:
            starts.append((name, number))
    ends = [*(number for _, number in starts[1:]), len(lines) + 1]
    parts: dict[str, Part] = {}
    for (name, start), end in zip(starts, ends, strict=False):  # ends has one more than none
        parts.setdefault(name, Part(start, "\n".join(lines[start : end - 1])))
    return parts


def bullets(part: Part) -> Iterator[tuple[int, str]]:
    """Yield the list items of a part, each with its line."""
    for number, line in enumerate(part.body.split("\n"), start=part.line + 1):
        if begun := BULLET.match(line):
            yield number, line[begun.end() :]


def shown_examples(policy: Policy, part: Part) -> list[Shown]:
    """Return the examples in the text that are written as a post and, after an arrow, its answer.

    Where there is no arrow, the post is what stands in quotes.
    """
    found = []
    for line, item in bullets(part):
        halves = _ARROW.split(item, maxsplit=1)
        if len(halves) == 1:
            quoted = _QUOTED.search(item)
            if quoted is None:
                continue
            halves = [quoted[1], item[quoted.end() :]]
        post, answer = halves
        found.append(Shown(line, post.strip(' "“”'), answer, _violates(policy, answer)))
    return found


def answered_with(policy: Policy, shown: Shown, label: str) -> bool:
    """Return whether an example's answer names a label."""
    if policy.contract is Contract.JSON:
        return shown.violates is (policy.labels[label] == "violates")
    return mentions(shown.answer, label)


def _violates(policy: Policy, answer: str) -> bool | None:
    if policy.contract is Contract.JSON:
        said = _ANSWER.search(answer)
        return None if said is None else (said[1] or said[2]) == "1"
    meanings = {meaning for label, meaning in policy.labels.items() if mentions(answer, label)}
    return meanings == {"violates"} if len(meanings) == 1 else None
