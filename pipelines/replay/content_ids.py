"""Content ids out of BigQuery: of an earlier run, of a policy's version, or of a user's query."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from google.cloud import bigquery

from weir.pipelines.bigquery.dataset import Dataset, open_dataset
from weir.pipelines.bigquery.queries import NO_RETRY, execute
from weir.pipelines.errors import OptionError
from weir.pipelines.replay.options import Choice
from weir.pipelines.replay.select_query import reading
from weir.transforms.read.find_slices import Slice
from weir.transforms.select import Selection, fingerprints
from weir.transforms.select.selection import Fingerprints
from weir.transforms.write.bigquery.sink import BigQuerySettings

# They travel with the graph, 8 bytes each.
_MOST_IDS = 2_000_000
_DRY_RUN_SECONDS = 60.0


def selection(
    settings: BigQuerySettings, choice: Choice, share: float, slices: Sequence[Slice]
) -> Selection:
    """Return which posts of the slices are decided; OptionError where none can be.

    Each query is refused that would read more than the choice allows: TablesError.
    """
    if choice.all:
        return Selection(share)
    with open_dataset(settings, choice.max_bytes) as dataset:
        asking = _Asking(dataset)
        sets = [
            *([asking.escalated_by(choice.escalated_by, slices)] if choice.escalated_by else []),
            *([asking.judged_by(choice.judged_by, slices)] if choice.judged_by else []),
            *([asking.own(choice.query)] if choice.query else []),
        ]
    ids = sets[0]
    for other in sets[1:]:
        ids = np.intersect1d(ids, other)
    if not len(ids):
        raise OptionError("No post of the slice is selected: loosen --select or --only-...")
    return Selection(share, ids)


class _Asking:
    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def escalated_by(self, run: str, slices: Sequence[Slice]) -> Fingerprints:
        ids = _ids(self._rows(_ESCALATED, slices, run=run))
        if not len(ids):
            raise OptionError(f"--only-escalated: the run {run} escalated no post of this slice")
        return ids

    def judged_by(self, version: str, slices: Sequence[Slice]) -> Fingerprints:
        if not self._rows(_KNOWN, (), version=version):
            raise OptionError(
                f"--only-judged-by {version} is no version that decided here; the table policies "
                "has them"
            )
        ids = _ids(self._rows(_JUDGED, slices, version=version))
        if not len(ids):
            raise OptionError(f"--only-judged-by {version} judged no post of this slice")
        return ids

    def own(self, sql: str) -> Fingerprints:
        sql = reading(sql)
        config = bigquery.QueryJobConfig(
            dry_run=True, use_query_cache=False, default_dataset=self._dataset.name
        )
        # Says what kind of statement BigQuery takes it for; an emulator may not.
        job = self._dataset.client.query(
            sql, config, retry=NO_RETRY, job_retry=NO_RETRY, timeout=_DRY_RUN_SECONDS
        )
        if job.statement_type not in (None, "SELECT"):
            raise OptionError(f"--select holds {job.statement_type}; it may only read: SELECT")
        rows = execute(
            self._dataset.client, sql, max_bytes=self._dataset.max_bytes, dataset=self._dataset.name
        )
        if rows and len(rows[0]) != 1:
            raise OptionError(f"--select returns {len(rows[0])} columns; one, of ids, is enough")
        return _ids(rows)

    def _rows(self, sql: str, slices: Sequence[Slice], **values: str) -> list[dict[str, Any]]:
        within, topics = _within(slices)
        return self._dataset.rows(sql.replace("{within}", within), **topics, **values)


def _ids(rows: Sequence[dict[str, Any]]) -> Fingerprints:
    if len(rows) > _MOST_IDS:
        raise OptionError(
            f"{len(rows):,} posts are selected one by one, and {_MOST_IDS:,} can be: narrow "
            "the slice, or take a --sample"
        )
    return fingerprints(str(value) for row in rows for value in row.values() if value)


def _within(slices: Sequence[Slice]) -> tuple[str, dict[str, str]]:
    """Return a condition on the position of a row, and its parameters by name."""
    topics = sorted({each.topic for each in slices})
    names = {topic: f"topic_{number}" for number, topic in enumerate(topics)}
    ranges = (
        f"(topic = @{names[s.topic]} AND `partition` = {int(s.partition)} "
        f"AND `offset` >= {int(s.start)} AND `offset` < {int(s.stop)})"
        for s in slices
    )
    return f"({' OR '.join(ranges)})", {name: topic for topic, name in names.items()}


_ESCALATED = """
SELECT DISTINCT content_id FROM `{dataset}.screenings`, UNNEST(policies) AS p
WHERE run = @run AND p.route IN ('escalate', 'forced') AND {within}
"""
_KNOWN = "SELECT policy_id FROM `{dataset}.policies` WHERE policy_version = @version LIMIT 1"
_JUDGED = """
SELECT DISTINCT content_id FROM `{dataset}.verdicts`
WHERE policy_version = @version AND {within}
"""
