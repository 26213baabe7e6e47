"""Words that leave a model to guess, and rules that are not said to win."""

import re
from collections.abc import Iterator, Mapping

from weir.policies.finding import Finding
from weir.policies.parts import Part

# The guide names "generally" and "usually"; these are of their kind, and such as judge without
# saying by what measure.
_HOW_OFTEN = (
    "generally usually often sometimes typically normally mostly frequently occasionally rarely "
    "probably possibly perhaps somewhat fairly largely"
)
_HOW_MUCH = (
    "inappropriate appropriate offensive objectionable improper unacceptable acceptable excessive "
    "reasonable unreasonable suitable unsuitable questionable problematic harmful toxic"
)
_OPEN_END = ("etc", "and so on", "and the like", "as needed", "as necessary", "if appropriate")
_ADVICE = (
    dict.fromkeys(_HOW_OFTEN.split(), "say when it applies, and when not")
    | dict.fromkeys(_HOW_MUCH.split(), "say by what measure, or define it under Definitions")
    | dict.fromkeys(_OPEN_END, "name what is meant")
)
_VAGUE = re.compile(
    r"\b(" + "|".join(sorted(map(re.escape, _ADVICE), key=len, reverse=True)) + r")\b",
    re.IGNORECASE,
)
_QUOTE = re.compile(r"\"[^\"]*\"|“[^”]*”|`[^`]*`")
_DEFINED = re.compile(r"\*\*(.+?)\*\*|^\W*([\w' -]{1,40}?)\W*:", re.MULTILINE)

_PRECEDENCE = re.compile(
    r"\b(precedence|priorit\w+|prevails?|overrid\w+|outranks?|outweighs?|wins|dominant|dominates|"
    r"highest severity|regardless|even (?:if|when|though)|no exceptions?)\b",
    re.IGNORECASE,
)
_UNSURE = re.compile(
    r"\b(unsure|not sure|in doubt|unclear|uncertain|ambigu\w+|borderline)\b", re.IGNORECASE
)


def check_words(text: str, parts: Mapping[str, Part]) -> Iterator[Finding]:
    """Find vague words, but for those in quotes, in examples, or defined in the policy."""
    defined = _defined(parts.get("Definitions"))
    examples = parts.get("Examples")
    for number, line in enumerate(text.split("\n"), start=1):
        if examples and examples.line < number <= examples.line + examples.body.count("\n") + 1:
            continue
        found = dict.fromkeys(word.casefold() for word in _VAGUE.findall(_QUOTE.sub("", line)))
        for word in found:
            if word not in defined:
                yield Finding(number, "warning", f"{word!r} is vague: {_ADVICE[word]}")


def check_precedence(text: str, parts: Mapping[str, Part]) -> Iterator[Finding]:
    """Find that it is not said which rule wins, or what to answer when unsure."""
    line = parts["Instruction"].line if "Instruction" in parts else 0
    own_words = _QUOTE.sub("", text)
    if not _PRECEDENCE.search(own_words):
        yield Finding(
            line,
            "warning",
            "it is not said what wins where a post meets several rules, or a rule and an "
            "exception; state the precedence",
        )
    if not _UNSURE.search(own_words):
        yield Finding(line, "warning", "it is not said what to answer when unsure; say it")


def _defined(definitions: Part | None) -> set[str]:
    if definitions is None:
        return set()
    found = _DEFINED.findall(definitions.body)
    return {(bold or plain).strip(" :").casefold() for bold, plain in found}
