"""Reviewers' decisions: read from a file, found in the dataset, and stored as rows."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.bigquery.errors import TablesError
from weir.pipelines.bigquery.folding import open_days
from weir.transforms.files import FileError, Records
from weir.transforms.records import HUMAN_LABEL
from weir.transforms.write.bigquery.appender import Appender
from weir.transforms.write.bigquery.connection import AppendConnection
from weir.transforms.write.bigquery.rows import ROWS, cut, project
from weir.transforms.write.bigquery.sink import BigQuerySettings

REQUIRED = ("decision_id", "policy_id", "created_at", "decision")
COLUMNS = (*REQUIRED, "reviewer", "note")
DECISIONS = ("violates", "safe")
UNDONE = "undone"  # what a reviewer said before is taken back; no file of reviews says so
# No post is from before or after: see weir.transforms.decode.times.
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
LONGEST = {"decision_id": 1_024, "policy_id": 1_024, "reviewer": 1_024, "note": 10_000}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_AT_ONCE = 5_000  # ids in one query


@dataclass(frozen=True)
class Review:
    """A row of a file of reviews; ``line`` is where it begins.

    ``policy_version`` is what the reviewer read, where the decision itself names none: that of a
    post which the screen cleared.
    """

    line: int
    decision_id: str
    policy_id: str
    created_at: datetime
    human_verdict: str
    reviewer: str
    note: str | None
    policy_version: str | None = None


@dataclass(frozen=True)
class Bad:
    """A row that cannot be used: its line, and a sentence without anything of the post."""

    line: int
    why: str


@dataclass(frozen=True)
class ReviewFile:
    """What a file holds: reviews, rows that nobody decided yet, and bad ones."""

    reviews: tuple[Review, ...]
    undecided: int
    bad: tuple[Bad, ...]


def read_reviews(read: Records, reviewer: str) -> ReviewFile:
    """Return what a file with at least the columns REQUIRED holds; FileError for any other.

    ``reviewer`` is for rows that name none. An empty decision is one that is still to come.
    """
    rows = [
        (line, {name: _cell(value) for name, value in row.items()}) for line, row in read.rows()
    ]
    for absent in (name for name in REQUIRED if rows and not any(name in row for _, row in rows)):
        raise FileError(
            f"{read.name}: it has no column {absent!r}; export the sample again, and keep them"
        )
    reviews: list[Review] = []
    bad = [Bad(fault.first, fault.why) for fault in read.faults]
    undecided = 0
    for line, row in rows:
        if not row.get("decision", "").strip():
            undecided += 1
            continue
        found = _review(line, row, reviewer)
        (reviews if isinstance(found, Review) else bad).append(found)  # type: ignore[arg-type]  # by its kind
    return ReviewFile(tuple(reviews), undecided, tuple(bad))


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _review(line: int, row: dict[str, str], reviewer: str) -> Review | Bad:
    decision = row["decision"].strip().lower()
    if decision not in DECISIONS:
        return Bad(line, "the decision is neither violates nor safe, nor empty")
    who = row.get("reviewer", "").strip() or reviewer
    if not who:
        return Bad(line, "it names no reviewer; fill the column, or give --reviewer")
    try:
        created_at = datetime.fromisoformat(row.get("created_at", "").strip())
    except ValueError:
        return Bad(line, "created_at is no time such as 2026-03-04T12:00:00+00:00")
    if created_at.tzinfo is None:
        created_at = created_at.replace(tzinfo=UTC)
    if not _EARLIEST <= created_at < _LATEST:
        return Bad(line, "created_at is outside the years 1970 to 2099")
    for name, longest in LONGEST.items():
        written = who if name == "reviewer" else row.get(name, "")
        if len(written) > longest:
            return Bad(line, f"the {name} is longer than {longest:,} characters")
        if name != "note" and _CONTROL.search(written):
            return Bad(line, f"the {name} holds a control character")
    return Review(
        line=line,
        decision_id=row.get("decision_id", "").strip(),
        policy_id=row.get("policy_id", "").strip(),
        created_at=created_at,
        human_verdict=decision,
        reviewer=who,
        note=row.get("note", "").strip() or None,
    )


@dataclass(frozen=True)
class Imported:
    """What became of the reviews of a file."""

    stored: int
    bad: tuple[Bad, ...]


def store_reviews(
    settings: BigQuerySettings, run: str, reviews: Sequence[Review], reviewed_at: datetime
) -> Imported:
    """Store what was reviewed in a run, once for each reviewer, post and policy; TablesError.

    Reviews of a decision that the run does not have are bad.
    """
    known = _decisions(settings, run, reviews) if reviews else {}
    rows, bad = [], []
    for review in reviews:
        found = known.get((review.decision_id, review.policy_id))
        if found is None:
            bad.append(Bad(review.line, f"the run {run!r} has no such decision on that day"))
        else:
            rows.append(_row(run, review, found, reviewed_at))
    if rows:
        open_days(settings, {row["created_at"].date() for row in rows})
        _append(settings, rows)
    return Imported(len(rows), tuple(bad))


def review_id(run: str, decision_id: str, policy_id: str, reviewer: str, human_verdict: str) -> str:
    """Return the id of what a reviewer says of a decision: the same however often it is stored."""
    identity = (run, decision_id, policy_id, reviewer, human_verdict)
    return hashlib.sha256("\x00".join(identity).encode()).hexdigest()[:32]


def _row(run: str, review: Review, found: dict[str, Any], reviewed_at: datetime) -> dict[str, Any]:
    said = (review.decision_id, review.policy_id, review.reviewer, review.human_verdict)
    return found | {
        "policy_version": found["policy_version"] or review.policy_version,
        "review_id": review_id(run, *said),
        "run": run,
        "human_verdict": review.human_verdict,
        "reviewer": review.reviewer,
        "reviewed_at": reviewed_at,
        "note": review.note,
    }


# Cleared posts have the decision of the screen, which is one for all policies.
_DECISIONS = """
SELECT decision_id, policy_id, policy_version, content_id, topic, `partition`, `offset`,
  created_at, author_id
FROM `{dataset}.verdicts`
WHERE run = @run AND created_at BETWEEN @first AND @last AND decision_id IN UNNEST(@ids)
UNION ALL
SELECT s.decision_id, p.policy_id, NULL, s.content_id, s.topic, s.`partition`, s.`offset`,
  s.created_at, s.author_id
FROM `{dataset}.screenings` AS s, UNNEST(s.policies) AS p
WHERE s.run = @run AND s.created_at BETWEEN @first AND @last AND s.decision_id IN UNNEST(@ids)
"""


def _decisions(
    settings: BigQuerySettings, run: str, reviews: Sequence[Review]
) -> dict[tuple[str, str], dict[str, Any]]:
    times = [review.created_at for review in reviews]
    ids = sorted({review.decision_id for review in reviews})
    found: dict[tuple[str, str], dict[str, Any]] = {}
    with open_dataset(settings) as dataset:
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            for row in dataset.rows(
                _DECISIONS, run=run, first=min(times), last=max(times), ids=some
            ):
                found[row.pop("decision_id"), row.get("policy_id", "")] = row
    return found


def _append(settings: BigQuerySettings, rows: list[dict[str, Any]]) -> None:
    table = "human_labels"
    appender = Appender(
        lambda: AppendConnection(settings.write_client(), settings.stream(table)), table
    )
    try:
        for part in cut(project(pa.RecordBatch.from_pylist(rows, HUMAN_LABEL), ROWS[table])):
            appender.append(part)
        if refused := appender.drain():
            raise TablesError(f"BigQuery refused {len(refused)} reviews; run `weir tables` first.")
    finally:
        appender.close()
