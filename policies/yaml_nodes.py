"""YAML read as nodes, which know their lines and keep their text: ``no`` and ``1.0`` stay words.

Nothing is made of them, no tag is followed, and an alias stands for its node, so that a few lines
cannot come to millions.
"""

import re

import yaml

# YAML can spell what no database stores, and no model reads: NULs, escapes, half a character.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

Nodes = dict[str, tuple[int, yaml.Node]]  # by key: the line, counted from 1, and the value


class YamlError(ValueError):
    """A text is no mapping that can be used; ``line`` counts from 1."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


def mapping(text: str) -> Nodes:
    """Return the keys of a text that is one mapping; YamlError."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    # Beside YAML's own: too deep, a character beyond Unicode, a version of 5,000 digits.
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it cannot be read"
        line = mark.line + 1 if mark is not None else 1
        raise YamlError(
            line,
            f"is not YAML: {problem}; write `key: value` lines, and quote a value that has `: ` "
            "in it",
        ) from error
    if not isinstance(root, yaml.MappingNode):
        raise YamlError(1, "is no mapping; write `key: value` lines")
    return pairs(root)


def pairs(node: yaml.MappingNode) -> Nodes:
    """Return the keys of a mapping; YamlError where one is no text, or is there twice."""
    found: Nodes = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise YamlError(line, "has a key that is not text; write `key: value`")
        if problem := unwritable(key.value):
            raise YamlError(line, f"has a key, {key.value!a}, that {problem}")
        if key.value in found:
            raise YamlError(line, f"has {key.value!r} twice; keep one of them")
        found[key.value] = (line, value)
    return found


def unwritable(text: str) -> str | None:
    """Return what is wrong with a text that cannot be stored; None where nothing is."""
    if found := _UNWRITABLE.search(text):
        character = f"U+{ord(found[0]):04X}"
        return f"holds the character {character}, which cannot be stored; write it without"
    return None
