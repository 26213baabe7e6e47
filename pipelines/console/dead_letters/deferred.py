"""What the judge's budget left for later, and waits."""

from datetime import timedelta
from typing import Any

from weir.pipelines.console.visit import Visit

_LOOKED_BACK_DAYS = 30
_MOST_ROWS = 500

# As the view conservation counts them: what died since is a dead letter, and waits no longer. The
# view decisions is only asked about the time and the runs in which something was set aside.
_SET_ASIDE = """
SELECT MIN(created_at) AS first, MAX(created_at) AS last, ARRAY_AGG(DISTINCT run) AS runs
FROM `{dataset}.deferrals`
WHERE created_at >= @since
"""
_DEFERRED = """
WITH dead AS (
  SELECT DISTINCT run, topic, `partition`, `offset`, policy_id
  FROM `{dataset}.dead_letters`
  WHERE policy_id IS NOT NULL AND DATE(died_at) >= DATE(@first)
)
SELECT d.run, d.policy_id, COUNT(*) AS waiting, MIN(d.created_at) AS oldest
FROM `{dataset}.decisions` AS d
LEFT JOIN dead AS l
  ON l.run = d.run AND l.topic = d.topic AND l.`partition` = d.`partition`
  AND l.`offset` = d.`offset` AND l.policy_id = d.policy_id
WHERE d.created_at >= @first AND d.created_at <= @last AND d.run IN UNNEST(@runs)
  AND d.machine_label IS NOT NULL AND d.deferred AND l.run IS NULL
GROUP BY d.run, d.policy_id
ORDER BY waiting DESC, d.run, d.policy_id
LIMIT @most
"""


def deferred_of(visit: Visit) -> list[dict[str, Any]]:
    """Return how many posts wait by run and policy, of those of the last month. TablesError."""
    with visit.dataset() as dataset:
        (found,) = dataset.rows(_SET_ASIDE, since=visit.now - timedelta(days=_LOOKED_BACK_DAYS))
        if found["first"] is None:
            return []
        return dataset.rows(_DEFERRED, **found, most=_MOST_ROWS)
