"""Content ids out of BigQuery: of an earlier run, of a policy's version, or of a user's query."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import numpy as np
from google.cloud import bigquery

from weir.pipelines.bigquery.queries import NO_RETRY, execute
from weir.pipelines.bigquery.tables import explain_errors
from weir.pipelines.errors import OptionError
from weir.pipelines.replay.options import Choice
from weir.pipelines.replay.reading_query import reading
from weir.transforms.read.partitions import Slice
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
    with explain_errors(settings), closing(settings.client()) as client:
        asking = _Asking(client, f"{settings.project}.{settings.dataset}", choice.max_bytes)
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
    def __init__(self, client: bigquery.Client, dataset: str, max_bytes: int) -> None:
        self._client, self._dataset, self._max_bytes = client, dataset, max_bytes

    def escalated_by(self, run: str, slices: Sequence[Slice]) -> Fingerprints:
        within, parameters = _within(slices)
        sql = _ESCALATED.replace("{dataset}", self._dataset).replace("{within}", within)
        parameters.append(bigquery.ScalarQueryParameter("run", "STRING", run))
        ids = self._ids(sql, parameters)
        if not len(ids):
            raise OptionError(f"--only-escalated: the run {run} escalated no post of this slice")
        return ids

    def judged_by(self, version: str, slices: Sequence[Slice]) -> Fingerprints:
        known = [bigquery.ScalarQueryParameter("version", "STRING", version)]
        if not self._rows(_KNOWN.replace("{dataset}", self._dataset), known):
            raise OptionError(
                f"--only-judged-by {version} is no version that decided here; the table policies "
                "has them"
            )
        within, parameters = _within(slices)
        sql = _JUDGED.replace("{dataset}", self._dataset).replace("{within}", within)
        ids = self._ids(sql, [*parameters, *known])
        if not len(ids):
            raise OptionError(f"--only-judged-by {version} judged no post of this slice")
        return ids

    def own(self, sql: str) -> Fingerprints:
        sql = reading(sql)
        config = bigquery.QueryJobConfig(
            dry_run=True, use_query_cache=False, default_dataset=self._dataset
        )
        # Says what kind of statement BigQuery takes it for; an emulator may not.
        job = self._client.query(
            sql, config, retry=NO_RETRY, job_retry=NO_RETRY, timeout=_DRY_RUN_SECONDS
        )
        if job.statement_type not in (None, "SELECT"):
            raise OptionError(f"--select holds {job.statement_type}; it may only read: SELECT")
        return self._ids(sql, ())

    def _ids(self, sql: str, parameters: Sequence[Any]) -> Fingerprints:
        rows = self._rows(sql, parameters)
        if rows and len(rows[0]) != 1:
            raise OptionError(f"--select returns {len(rows[0])} columns; one, of ids, is enough")
        if len(rows) > _MOST_IDS:
            raise OptionError(
                f"{len(rows):,} posts are selected one by one, and {_MOST_IDS:,} can be: narrow "
                "the slice, or take a --sample"
            )
        return fingerprints(str(value) for row in rows for value in row.values() if value)

    def _rows(self, sql: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        return execute(
            self._client,
            sql,
            parameters,
            max_bytes=self._max_bytes,
            dataset=self._dataset,
        )


def _within(slices: Sequence[Slice]) -> tuple[str, list[Any]]:
    """Return a condition on the position of a row, and its parameters."""
    topics = sorted({each.topic for each in slices})
    names = {topic: f"topic_{number}" for number, topic in enumerate(topics)}
    ranges = (
        f"(topic = @{names[s.topic]} AND `partition` = {int(s.partition)} "
        f"AND `offset` >= {int(s.start)} AND `offset` < {int(s.stop)})"
        for s in slices
    )
    parameters = [bigquery.ScalarQueryParameter(n, "STRING", t) for t, n in names.items()]
    return f"({' OR '.join(ranges)})", parameters


_ESCALATED = """
SELECT DISTINCT content_id FROM `{dataset}.screenings`, UNNEST(policies) AS p
WHERE run = @run AND p.route IN ('escalate', 'forced') AND {within}
"""
_KNOWN = "SELECT policy_id FROM `{dataset}.policies` WHERE policy_version = @version LIMIT 1"
_JUDGED = """
SELECT DISTINCT content_id FROM `{dataset}.verdicts`
WHERE policy_version = @version AND {within}
"""
