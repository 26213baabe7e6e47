"""Words whose letters are marked up one by one: a cell, a line or a pair of brackets to each."""

import re
from collections import Counter

BREAK = "\x1f"  # stands where markup ends a word, until all of it is seen; it is white space itself
_FEWEST = 3
# What lies between two letters that are alone.
_BETWEEN = re.compile(rf"(?<=[^\W_])(?<![^\W_]{{2}})(\s*?{BREAK}\s*+)(?=[^\W_](?![^\W_]))")
# <k>, [k], [[k]], ![k](target), [k][1]
_IN_BRACKETS = re.compile(
    r"!?[<\[]{1,2}([^\[\]<>])[>\]]{1,2}((?:\([^()\s]*\)|\[(?:\d*|[^\[\]]{2,})\])?\s*+)"
)
_RUN = re.compile(rf"(?:{_IN_BRACKETS.pattern}){{{_FEWEST},}}")
_NO_TAG = re.compile(r"(?![abipqsu])[^\W\d_]", re.IGNORECASE)


def without_breaks(text: str) -> str:
    """Return the text with spaces for breaks, or nothing where all that they part is letters."""
    if BREAK not in text:
        return text
    gaps = Counter(_BETWEEN.findall(text))
    usual = max(gaps, key=gaps.__getitem__, default="")
    if gaps[usual] >= _FEWEST:
        text = _BETWEEN.sub(lambda match: "" if match[1] == usual else " ", text)
    return text.replace(BREAK, " ")


def without_brackets(text: str, aside: list[str]) -> str:
    """Return the text without letters in brackets of their own; their words are put ``aside``."""

    def run(match: re.Match[str]) -> str:
        letters = _IN_BRACKETS.findall(match[0])
        if not any(_NO_TAG.match(letter) for letter, _ in letters):
            return match[0]
        aside.append("".join(letter + behind[len(behind.rstrip()) :] for letter, behind in letters))
        aside.extend(sorted({behind.strip() for _, behind in letters}))
        return ""

    return _RUN.sub(run, text)
