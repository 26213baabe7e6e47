"""The violations that the screen cleared and the audit found, as labels to train it from."""

from datetime import date
from pathlib import Path
from typing import Any

from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.csv_cells import write_cells
from weir.pipelines.screening.recall import of_run
from weir.transforms.write.bigquery.sink import BigQuerySettings

_LABELS = {"violates": "1", "safe": "0"}
# Late audits are no part of an estimate, but what they found was missed all the same.
_MISSED = """
WITH missed AS (
  SELECT DISTINCT created_at, topic, `partition`, `offset`
  FROM `{dataset}.labels`
  WHERE run = @run AND label = 'violates' AND route IN ('audit', 'beside', 'deferred')
    AND DATE(created_at) >= @since AND @policy IN ('', policy_id)
)
SELECT l.topic, l.`partition`, l.`offset`, l.policy_id, l.label, v.text
FROM `{dataset}.labels` AS l
JOIN missed AS m
  ON m.created_at = l.created_at AND m.topic = l.topic AND m.`partition` = l.`partition`
  AND m.`offset` = l.`offset`
JOIN `{dataset}.verdicts` AS v
  ON v.run = l.run AND v.created_at = l.created_at AND v.decision_id = l.decision_id
WHERE l.run = @run AND DATE(l.created_at) >= @since AND l.label IN ('violates', 'safe')
ORDER BY 1, 2, 3, 4
"""


def export_missed(
    settings: BigQuerySettings,
    run: str,
    path: Path,
    *,
    since: date | None = None,
    policy_id: str | None = None,
) -> int:
    """Write the missed posts with all that the judge said of them; return how many. TablesError.

    A CSV with the column ``text`` and one for each policy: 1 violates, 0 is safe, empty unknown.
    """
    with open_dataset(settings) as dataset:
        rows = dataset.rows(_MISSED, **of_run(run, since, policy_id))
    # By position: a verdict that was written twice is here twice.
    posts: dict[Any, dict[str, str]] = {}
    for row in rows:
        post = posts.setdefault((row["topic"], row["partition"], row["offset"]), {})
        post["text"] = row["text"]
        post[row["policy_id"]] = _LABELS[row["label"]]
    policies = sorted({row["policy_id"] for row in rows})
    write_cells(path, ["text", *policies], posts.values())
    return len(posts)
