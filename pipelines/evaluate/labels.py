"""The labelled posts that a policy is tested on: its golden examples, or a file of a team's own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weir.policies.policy import Policy
from weir.transforms.files import read_file
from weir.transforms.screen.training.label_files import read_labels
from weir.transforms.screen.training.labelled import LabelsError

GOLDEN = "golden examples"
_TEXT, _LABEL = "text", "label"


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
    """Return the labelled posts of a file for one policy.

    FileError or LabelsError where it cannot be used.

    Either it is written as examples.csv is (columns ``text`` and ``label``, and ``rule_id`` and
    ``note`` where there are any), or as ``weir screen train --labels`` reads it: a column ``text``
    and one that is named after the policy, 1 for violates, 0 for safe.
    """
    rows = read_file(path, (_TEXT, _LABEL)).sound().rows()
    if any(_LABEL in row for _, row in rows):
        cases = tuple(_cases(rows, path, policy))
        return _usable(Labels(path.name, cases), f"The labels {path}")
    read = read_labels(path, [policy.policy_id])
    cases = tuple(
        Case(row, post.text, post.labels[policy.policy_id])
        for row, post in enumerate(read.labelled.posts, start=1)
        if policy.policy_id in post.labels
    )
    return _usable(Labels(path.name, cases, read.warnings), f"The labels {path}")


def _cases(
    rows: Sequence[tuple[int, Mapping[str, Any]]], path: Path, policy: Policy
) -> Iterator[Case]:
    meanings = {"violates": "violates", "safe": "safe"} | dict(policy.labels)
    for number, (line, row) in enumerate(rows, start=1):
        text, label, rule_id, note = (
            _cell(row, name) for name in (_TEXT, _LABEL, "rule_id", "note")
        )
        meaning = meanings.get(label.strip())
        if meaning is None:
            raise LabelsError(
                f"The labels {path} have an unknown label in line {line}; write one of "
                f"{', '.join(meanings)}."
            )
        if rule_id and rule_id not in policy.rules:
            raise LabelsError(
                f"The labels {path} name a rule in line {line} that {policy.policy_id} does not "
                f"have; its rules: {', '.join(policy.rules) or 'none'}."
            )
        if not text.strip():
            raise LabelsError(f"The labels {path} have no text in line {line}; delete the row.")
        yield Case(number, text, meaning == "violates", rule_id or None, note or None)


def _cell(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value)


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
