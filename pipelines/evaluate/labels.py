"""The labelled posts that a policy is tested on: its golden examples, or a file of a team's own."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from weir.policies.policy import Policy
from weir.transforms.screen.training.label_files import read_labels
from weir.transforms.screen.training.labelled import LabelsError

GOLDEN = "golden examples"
_TEXT, _LABEL = "text", "label"
_LONGEST_CELL = 1 << 30  # characters; Python's csv refuses 131,073 unless told


@dataclass(frozen=True)
class Case:
    """A post and its right answer; ``row`` is its place in the file, from 1."""

    row: int
    text: str
    violates: bool
    rule_id: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Labels:
    """Cases with at least one of each kind, where they come from, and what was passed over."""

    source: str
    cases: tuple[Case, ...]
    warnings: tuple[str, ...] = ()

    @property
    def golden(self) -> bool:
        """Return whether these are the policy's own examples."""
        return self.source == GOLDEN


def golden_labels(policy: Policy) -> Labels:
    """Return the policy's golden examples; LabelsError where they cannot measure."""
    cases = tuple(
        Case(number, example.text, example.violates, example.rule_id, example.note)
        for number, example in enumerate(policy.examples, start=1)
    )
    if not cases:
        raise LabelsError(
            f"The policy {policy.policy_id} has no golden examples; write examples.csv beside its "
            "policy.md, or give --labels."
        )
    return _usable(Labels(GOLDEN, cases), f"The golden examples of {policy.policy_id}")


def labels_of_file(path: Path, policy: Policy) -> Labels:
    """Return the labelled posts of a file for one policy; LabelsError where it cannot be used.

    Either it is written as examples.csv is (columns ``text`` and ``label``, and ``rule_id`` and
    ``note`` where there are any), or as ``weir screen train --labels`` reads it: a column ``text``
    and one that is named after the policy, 1 for violates, 0 for safe; CSV or Parquet.
    """
    table = _golden_form(path)
    if table is not None:
        cases = tuple(_cases(table, path, policy))
        return _usable(Labels(path.name, cases), f"The labels {path}")
    read = read_labels(path, [policy.policy_id])
    cases = tuple(
        Case(row, post.text, post.labels[policy.policy_id])
        for row, post in enumerate(read.labelled.posts, start=1)
        if policy.policy_id in post.labels
    )
    return _usable(Labels(path.name, cases, read.warnings), f"The labels {path}")


def _golden_form(path: Path) -> list[list[str]] | None:
    """Return the rows of a CSV file with a column of labels; None where it is another file."""
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        text = path.read_bytes().decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except (OSError, UnicodeDecodeError, csv.Error):
        return None  # read_labels says what is wrong, or reads it as Parquet
    finally:
        csv.field_size_limit(limit)
    if not rows or _LABEL not in rows[0]:
        return None
    return rows


def _cases(rows: Sequence[Sequence[str]], path: Path, policy: Policy) -> Iterator[Case]:
    header = rows[0]
    if _TEXT not in header:
        raise LabelsError(f"The labels {path} have no column {_TEXT!r}; name the posts' column so.")
    meanings = {"violates": "violates", "safe": "safe"} | dict(policy.labels)
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(header):
            raise LabelsError(
                f"The labels {path} have {len(row)} cells in row {number}, and {len(header)} in "
                "their header; quote cells that hold a comma."
            )
        cells = dict(zip(header, row, strict=True))
        meaning = meanings.get(cells[_LABEL].strip())
        if meaning is None:
            raise LabelsError(
                f"The labels {path} have an unknown label in row {number}; write one of "
                f"{', '.join(meanings)}."
            )
        rule_id = cells.get("rule_id") or None
        if rule_id and rule_id not in policy.rules:
            raise LabelsError(
                f"The labels {path} name a rule in row {number} that {policy.policy_id} does not "
                f"have; its rules: {', '.join(policy.rules) or 'none'}."
            )
        if not cells[_TEXT].strip():
            raise LabelsError(f"The labels {path} have no text in row {number}; delete the row.")
        yield Case(number, cells[_TEXT], meaning == "violates", rule_id, cells.get("note") or None)


def _usable(labels: Labels, whose: str) -> Labels:
    kinds = {case.violates for case in labels.cases}
    if not kinds:
        raise LabelsError(f"{whose} have no labelled post; add violating and safe ones.")
    if len(kinds) == 1:
        missing = "safe" if kinds == {True} else "violating"
        raise LabelsError(
            f"{whose} have no {missing} post, so precision and recall would say nothing; add some."
        )
    seen: dict[str, Case] = {}
    for case in labels.cases:
        first = seen.setdefault(case.text, case)
        if first.violates != case.violates:
            raise LabelsError(
                f"{whose} have one text twice, in rows {first.row} and {case.row}, and label it "
                "differently; keep one of them."
            )
    return labels
