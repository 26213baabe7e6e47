"""Public sets with published results: their policies, their labels, and one F1 of a set."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weir.pipelines.evaluate.evaluation import Evaluation
from weir.pipelines.evaluate.labels import Case, Labels
from weir.pipelines.evaluate.measures import Decision, Interval, any_violation, f1_over_posts
from weir.policies.loading import POLICIES_OF_SETS
from weir.transforms.files import read_file
from weir.transforms.screen.training.labelled import LabelsError

_MODEL = "gpt-oss-safeguard-20b"
_REPORT = "OpenAI, gpt-oss-safeguard technical report, October 2025"


@dataclass(frozen=True)
class PublishedSet:
    """A public set: the column of each of its policies, and what its publishers measured on it."""

    name: str
    text: str  # the column that holds the post
    columns: Mapping[str, str]  # of labels, 1 or 0, by the id of the policy they are of
    published_f1: float
    rules: Mapping[str, str] = field(default_factory=dict)  # columns that say which rule is broken
    model: str = _MODEL
    source: str = _REPORT

    @property
    def folder(self) -> str:
        """Return where the policies are that Weir has for it."""
        return str(POLICIES_OF_SETS / self.name)


# The label columns of github.com/openai/moderation-api-release, one that is absent being unknown,
# and those of the files of huggingface.co/datasets/lmsys/toxic-chat.
SETS: Mapping[str, PublishedSet] = {
    each.name: each
    for each in (
        PublishedSet(
            "openai-moderation-2022",
            "prompt",
            {
                "sexual": "S",
                "hate": "H",
                "violence": "V",
                "harassment": "HR",
                "self-harm": "SH",
                "sexual-minors": "S3",
                "hate-threatening": "H2",
                "violence-graphic": "V2",
            },
            0.829,
        ),
        PublishedSet(
            "toxicchat",
            "user_input",
            {"toxic-chat": "toxicity"},
            0.799,
            rules={"jailbreaking": "TC3"},
        ),
    )
}
_LABELS = {"0": False, "1": True, "": None}


@dataclass(frozen=True)
class SetEvaluation:
    """What a judge said of a set, policy by policy. Intervals are bootstraps over its posts."""

    of: PublishedSet
    evaluations: tuple[Evaluation, ...]

    @property
    def pairs_f1(self) -> Interval:
        """Return F1 of all labelled pairs of post and policy, pooled (micro-averaged)."""
        return f1_over_posts(list(self._by_post.values()))

    @property
    def posts_f1(self) -> Interval:
        """Return F1 of whole posts: one violates where any of its policies is violated."""
        return f1_over_posts([[any_violation(each)] for each in self._by_post.values()])

    @property
    def posts(self) -> int:
        """Return how many posts were judged under every policy that they have a label of."""
        return len(self._by_post)

    @property
    def _by_post(self) -> dict[int, list[Decision]]:
        asked: dict[int, int] = {}
        found: dict[int, list[Decision]] = {}
        for evaluation in self.evaluations:
            for case in evaluation.labels.cases:
                asked[case.row] = asked.get(case.row, 0) + 1
            for case, decision in evaluation.decided(0):
                found.setdefault(case.row, []).append(decision)
        return {row: each for row, each in found.items() if len(each) == asked[row]}


def labels_of_set(path: Path, of: PublishedSet) -> dict[str, Labels]:
    """Return the labelled posts of a published file, by the id of each policy that has some.

    FileError or LabelsError where it is not that file.
    """
    names = (of.text, *of.columns.values(), *of.rules)
    rows = read_file(path, names).sound().rows()
    there = {name for _, row in rows for name in row}
    if of.text not in there or there.isdisjoint(of.columns.values()):
        raise LabelsError(
            f"The labels {path} are not those of {of.name}, which is published with the columns "
            f"{', '.join(names)}."
        )
    texts = [(line, _text(row, of, path, line), row) for line, row in rows]
    found = {
        policy_id: Labels(path.name, tuple(_cases(texts, column, of, path)))
        for policy_id, column in of.columns.items()
    }
    return {policy_id: labels for policy_id, labels in found.items() if labels.cases}


def _text(row: Mapping[str, Any], of: PublishedSet, path: Path, line: int) -> str:
    text = row.get(of.text)
    if not isinstance(text, str) or not text.strip():
        raise LabelsError(f"The labels {path} have no text in line {line} ({of.text}).")
    return text


def _cases(
    texts: Sequence[tuple[int, str, Mapping[str, Any]]], column: str, of: PublishedSet, path: Path
) -> Iterator[Case]:
    for line, text, row in texts:
        violates = _label(row, column, path, line)
        if violates is None:
            continue
        broken = [rule for name, rule in of.rules.items() if _label(row, name, path, line)]
        yield Case(line, text, violates, next(iter(broken), None))


def _label(row: Mapping[str, Any], column: str, path: Path, line: int) -> bool | None:
    value = row.get(column)
    written = "" if value is None else str(value).strip().removesuffix(".0")
    if written not in _LABELS:
        raise LabelsError(
            f"The labels {path} have {written[:20]!a} for {column} in line {line}; it is 1 or 0."
        )
    return _LABELS[written]
