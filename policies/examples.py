"""Golden examples as a file has them: posts with the answer that their writer wants."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import replace

from weir.policies.policy import Example, PolicyError

VERDICTS = ("violates", "safe")
_COLUMNS = ("text", "label", "rule_id", "note")


def read_examples(table: str, source: str, rules: Mapping[str, str]) -> Iterator[Example]:
    """Yield the examples of a table; PolicyError. ``source`` only names it in errors."""
    reader = csv.reader(io.StringIO(table), strict=True)
    try:
        header = next(reader, [])
        if tuple(header) != _COLUMNS:
            raise PolicyError(f"{source}:1: the first line must be {','.join(_COLUMNS)}")
        for row in reader:
            if row:
                yield replace(
                    _example(row, f"{source}:{reader.line_num}", rules), line=reader.line_num
                )
    except csv.Error as error:
        raise PolicyError(
            f"{source}:{reader.line_num}: {error}; put a text with commas, quotes or line breaks "
            'in "quotes", and double the quotes inside it'
        ) from error


def _example(row: list[str], place: str, rules: Mapping[str, str]) -> Example:
    if len(row) != len(_COLUMNS):
        raise PolicyError(
            f"{place}: {len(row)} columns where there are {len(_COLUMNS)}; "
            "put a text that has commas in quotes"
        )
    text, label, rule_id, note = row
    if not text.strip():
        raise PolicyError(f"{place}: the example has no text; write one or delete the line")
    if label not in VERDICTS:
        raise PolicyError(f"{place}: the label is {label!r}; write violates or safe")
    if rule_id and rule_id not in rules:
        known = ", ".join(rules) or "none"
        raise PolicyError(f"{place}: the policy has no rule {rule_id!r}; its rules: {known}")
    return Example(text, label == "violates", rule_id or None, note or None)
