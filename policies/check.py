"""Say what would make a model misread a policy, after gpt-oss-safeguard's published guide."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from policies.contract import json_keys, mentions
from policies.policy import Contract, Policy
from policies.vocabulary import encoding

# The guide's range; a longer policy still works, and each of its tokens is read for every post.
_FEWEST_TOKENS, _MOST_TOKENS = 400, 600
# Beyond this the guide's authors saw accuracy fall, and a post may no longer fit beside it.
_TOKEN_LIMIT = 10_000
_FEWEST_EXAMPLES, _MOST_EXAMPLES = 4, 6
_PARTS = ("Instruction", "Definitions", "Criteria", "Examples")
_HEADING = re.compile(r"#{1,6}\s+(.+?)[\s#:]*")
_BULLET = re.compile(r"(?:[-*+]|\d+[.)])\s+\S")


@dataclass(frozen=True, order=True)
class Finding:
    """One thing to mend.

    ``line`` counts from 1 in the policy's text; 0 is the document as a whole or its examples.csv.
    """

    line: int
    level: Literal["error", "warning"]
    message: str


class _Part(NamedTuple):
    line: int
    body: str


def check(policy: Policy) -> list[Finding]:
    """Return what would make ``policy`` read badly, in the order of its lines.

    Errors make its verdicts unreliable; warnings make them worse than they could be.
    """
    parts = _parts(policy.text)
    return sorted(
        [
            *_check_parts(parts),
            *_check_length(policy.text),
            *_check_contract(policy, parts),
            *_check_rules(policy),
            *_check_golden(policy),
        ]
    )


def tokens(text: str) -> int:
    """Return how many tokens a model of the gpt-oss family reads in ``text``."""
    # Control strings count as plain text: that is how the policy is rendered.
    return len(encoding().encode(text, disallowed_special=()))


def _parts(text: str) -> dict[str, _Part]:
    """Return the text under each of the four headings that is there; subheadings belong to it."""
    starts: list[tuple[str, int]] = []
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        heading = _HEADING.fullmatch(line)
        name = heading[1].strip("*_").capitalize() if heading else ""
        if name in _PARTS:
            starts.append((name, number))
    ends = [number for _, number in starts[1:]] + [len(lines) + 1]
    return {
        name: _Part(start, "\n".join(lines[start : end - 1]))
        for (name, start), end in zip(starts, ends, strict=True)
    }


def _check_parts(parts: dict[str, _Part]) -> Iterator[Finding]:
    for name in _PARTS:
        if name not in parts:
            yield Finding(0, "error", f"there is no part '## {name}'; add it")
        elif not parts[name].body.strip():
            yield Finding(parts[name].line, "error", f"{name} is empty; write it")
    in_order = [name for name in _PARTS if name in parts]
    if in_order != list(parts):
        first = next(iter(parts.values()))
        yield Finding(
            first.line, "warning", f"the parts stand in another order than {', '.join(in_order)}"
        )
    if criteria := parts.get("Criteria"):
        for side in ("VIOLATES", "SAFE"):
            if not re.search(rf"\b{side}\b", criteria.body):
                yield Finding(criteria.line, "error", f"Criteria does not say what is {side}")
    if examples := parts.get("Examples"):
        count = sum(bool(_BULLET.match(line)) for line in examples.body.split("\n"))
        if not _FEWEST_EXAMPLES <= count <= _MOST_EXAMPLES:
            yield Finding(
                examples.line,
                "warning",
                f"{count} examples in the text; give {_FEWEST_EXAMPLES} to {_MOST_EXAMPLES}, as "
                "list items near the boundary",
            )


def _check_length(text: str) -> Iterator[Finding]:
    count = tokens(text)
    if count > _TOKEN_LIMIT:
        yield Finding(
            0, "error", f"the text has {count:,} tokens; the limit is {_TOKEN_LIMIT:,}, so cut it"
        )
    elif not _FEWEST_TOKENS <= count <= _MOST_TOKENS:
        advice = "say more" if count < _FEWEST_TOKENS else "cut it, or split the policy"
        yield Finding(
            0,
            "warning",
            f"the text has {count:,} tokens; models follow "
            f"{_FEWEST_TOKENS}-{_MOST_TOKENS} best: {advice}",
        )


def _check_contract(policy: Policy, parts: dict[str, _Part]) -> Iterator[Finding]:
    """Find where the output format is not stated: near the top, and before the examples."""
    words = json_keys(policy) if policy.contract is Contract.JSON else tuple(policy.labels)
    for name in ("Instruction", "Examples"):
        if name not in parts:
            continue  # said already
        stated = parts[name].body
        if name == "Examples":
            stated = re.split(rf"^(?={_BULLET.pattern})", stated, maxsplit=1, flags=re.M)[0]
        missing = [word for word in words if not mentions(stated, word)]
        if missing:
            place = "Instruction" if name == "Instruction" else "Examples, above the first one,"
            yield Finding(
                parts[name].line,
                "error",
                f"{place} does not state the output format: {', '.join(missing)} not named",
            )
    for label in policy.labels:
        if not mentions(policy.text, label):
            yield Finding(0, "error", f"the text never uses the label {label!r}")


def _check_rules(policy: Policy) -> Iterator[Finding]:
    for rule_id in policy.rules:
        if not mentions(policy.text, rule_id):
            yield Finding(0, "error", f"the text never names the rule {rule_id}")


def _check_golden(policy: Policy) -> Iterator[Finding]:
    """Find golden cases that contradict or repeat each other; they are numbered from 1."""
    seen: dict[str, tuple[int, bool]] = {}
    for number, example in enumerate(policy.examples, start=1):
        key = " ".join(example.text.casefold().split())
        first, violates = seen.setdefault(key, (number, example.violates))
        if first == number:
            continue
        if violates != example.violates:
            yield Finding(
                0,
                "error",
                f"examples.csv labels examples {first} and {number} differently: "
                "their text is the same, so keep one",
            )
        else:
            yield Finding(
                0, "warning", f"examples.csv has example {first} again as {number}; keep one"
            )
    verdicts = {example.violates for example in policy.examples}
    if len(verdicts) == 1:
        missing = "safe" if verdicts == {True} else "violates"
        yield Finding(0, "warning", f"examples.csv has no example labelled {missing}; add some")
