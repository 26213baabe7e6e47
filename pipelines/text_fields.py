"""The fields of messages that hold text, for those who named another one."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import msgspec

_FIELDS = 12  # that are named
_DEPTH = 3
_COMMON = 0.5  # of the messages that hold a field
# What a person would call a field; any other key may be something that a person wrote.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")


def text_fields(values: Iterable[bytes]) -> list[str]:
    """Return the paths at which half of the messages hold a text, the longest texts first."""
    lengths: Counter[str] = Counter()
    holders: Counter[str] = Counter()
    messages = 0
    for value in values:
        messages += 1
        with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            for path, text in _texts(msgspec.json.decode(value)):
                lengths[path] += len(text)
                holders[path] += 1
    usual = [path for path, _ in lengths.most_common() if holders[path] >= _COMMON * messages]
    return usual[:_FIELDS]


def _texts(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and path:
        yield ".".join(path), value
    elif isinstance(value, dict) and len(path) < _DEPTH:
        for name, below in value.items():
            if _NAME.fullmatch(name):
                yield from _texts(below, (*path, name))
