"""Bytes that BigQuery stores and reads, by its own rules for the size of a value."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from weir.infra.bigquery.ddl import columns
from weir.pipelines.capacity.constants import (
    GIB,
    QUESTION_USD,
    STORAGE_USD,
    TIB,
)

# Bytes of a value that is there, and of text before its characters:
# cloud.google.com/bigquery/docs/reference/standard-sql/data-types#data_type_sizes.
_FIXED = {"INT64": 8, "FLOAT64": 8, "TIMESTAMP": 8, "DATE": 8, "BOOL": 1}
_TEXT = 2
# UTF-8 bytes of the words in columns, as the demo's rows have them; 0 is null, as most rows are.
_WORDS: Mapping[str, float] = MappingProxyType(
    {
        "run": 4,
        "mode": 7,
        "topic": 5,
        "content_id": 20,
        "language": 2,
        "decision_id": 40,
        "screen_version": 12,
        "policy_version": 12,
        "threshold_version": 12,
        "policy_set": 12,
        "policy_id": 12,
        "route": 6,
        "verdict": 8,
        "label": 8,
        "machine_label": 8,
        "decided_by": 6,
        "engine": 8,
        "model": 21,
        "effort": 3,
        "confidence": 6,
        "attributes": 100,
        "rationale": 200,
        "reasoning": 800,
        "detected_language": 5,
        "categories": 12,
        "rule_ids": 6,
        "author_id": 32,
        "shadow_policies": 0,
    }
)
# Columns that most rows have no value in.
_NULL = frozenset(
    {
        *("reason", "answer", "reused_from", "checked_against", "checked_verdict"),
        *("asked_together", "first_effort", "first_verdict", "first_probability"),
        *("first_tokens_in", "first_tokens_cached", "first_tokens_out", "reproducible"),
        *("human_verdict", "reviewer", "reviewed_at", "shadow_policies"),
    }
)
# Of a pair that the screen cleared, labels has nothing of a judge's.
_OF_A_JUDGE = frozenset(
    {
        *("verdict", "probability", "inclusion_probability", "rationale", "categories"),
        *("rule_ids", "model", "text", "policy_version"),
    }
)
_ARRAY = re.compile(r"ARRAY<(.*)>")
_STRUCT = re.compile(r"STRUCT<(.*)>")

# What labels reads of the tables for a question by policy and label, and of folded_labels.
SCREENING_KEYS = (
    *("decision_id", "run", "created_at", "topic", "partition", "offset", "screened_at"),
    *("policies", "mode"),
)
VERDICT_KEYS = (
    *("decision_id", "run", "created_at", "topic", "partition", "offset", "judged_at"),
    *("verdict", "rationale", "policy_id", "policy_version", "route", "mode"),
)
LABEL_KEYS = ("run", "created_at", "policy_id", "label")


def row_bytes(table: str, text: float, policies: int, only: Sequence[str] = ()) -> float:
    """Return the logical bytes of a row of a table, or of some of its columns."""
    return sum(
        _bytes(each.name, each.type, text, policies)
        for each in columns(table)
        if each.name not in _NULL and (not only or each.name in only)
    )


def cleared_label_bytes(text: float) -> float:
    """Return the logical bytes of a row of folded_labels that no judge has decided."""
    return row_bytes(
        "folded_labels",
        text,
        1,
        [c.name for c in columns("folded_labels") if c.name not in _OF_A_JUDGE],
    )


def _bytes(name: str, kind: str, text: float, policies: int) -> float:
    if array := _ARRAY.fullmatch(kind):
        return (policies if name == "policies" else 1) * _bytes(name, array[1], text, policies)
    if struct := _STRUCT.fullmatch(kind):
        fields = (each.split(" ", 1) for each in struct[1].split(", "))
        return sum(_bytes(field, of, text, policies) for field, of in fields)
    if kind in _FIXED:
        return _FIXED[kind]
    return _TEXT + (text if name == "text" else _WORDS[name])


@dataclass(frozen=True)
class Day:
    """A day of posts in BigQuery: bytes stored of it, and read by a question about it.

    The question is how many pairs of each policy have each label. ``unpruned`` is what one reads
    where the filter on the day stops at a window, of so many days as are kept.
    """

    posts: float
    screenings: float
    verdicts: float
    folded: float
    asked_of_tables: float
    asked_of_folded: float
    unpruned: float

    @property
    def stored(self) -> float:
        """Return the bytes that are stored, folded labels included."""
        return self.screenings + self.verdicts + self.folded

    @property
    def storage_usd(self) -> float:
        """Return what storing it costs a month."""
        return self.stored / GIB * STORAGE_USD.value


def day_of(
    posts: float,
    *,
    text: float = 200,
    policies: int = 8,
    requests_per_1000: float = 304,
    record_cleared: float = 1.0,
    days_kept: int = 30,
    copies: float = 1.004,
) -> Day:
    """Return what a day of posts comes to.

    ``copies`` is how often a row is stored, on the mean: 3,531 of 905,370 posts came twice when
    every part was killed (docs/measurements.md).
    """
    verdicts = posts * requests_per_1000 / 1000
    # A post of which anything is judged always has a row; one request each is the most posts.
    judged = min(posts, verdicts)
    recorded = judged + (posts - judged) * record_cleared
    cleared = max(0.0, recorded * policies - verdicts)
    rows, answers = recorded * copies, verdicts * copies
    asked = rows * row_bytes("screenings", text, policies, SCREENING_KEYS) + answers * row_bytes(
        "verdicts", text, policies, VERDICT_KEYS
    )
    return Day(
        posts=posts,
        screenings=rows * row_bytes("screenings", text, policies),
        verdicts=answers * row_bytes("verdicts", text, policies),
        folded=verdicts * row_bytes("folded_labels", text, policies)
        + cleared * cleared_label_bytes(text),
        asked_of_tables=asked,
        asked_of_folded=recorded
        * policies
        * row_bytes("folded_labels", text, policies, LABEL_KEYS),
        unpruned=asked * days_kept,
    )


def question_usd(read: float) -> float:
    """Return what a question costs that reads so many bytes."""
    return read / TIB * QUESTION_USD.value


def month(day: Day, days_kept: int) -> float:
    """Return the USD a month of storing the latest days, of which each is like this one."""
    return day.storage_usd * days_kept
