"""What an earlier attempt of a replay has left behind in BigQuery, whatever runner it ran on."""

from contextlib import closing
from dataclasses import dataclass

from google.cloud import bigquery

from pipelines.queries import execute
from pipelines.tables import explained
from transforms.select import Decided
from transforms.write.bigquery import BigQuerySettings


@dataclass(frozen=True)
class Before:
    """Offsets that are decided, and the judge requests that they took."""

    decided: Decided
    requests: int


def before(settings: BigQuerySettings, run: str) -> Before:
    """Return what is decided of a run: each offset whose every row is there."""
    parameters = [bigquery.ScalarQueryParameter("run", "STRING", run)]
    dataset = f"{settings.project}.{settings.dataset}"
    with explained(settings), closing(settings.client()) as client:
        rows = execute(client, _DECIDED.replace("{dataset}", dataset), parameters)
        (spent,) = execute(client, _SPENT.replace("{dataset}", dataset), parameters)
    stretches = [(r["topic"], r["number"], r["first"], r["last"] + 1) for r in rows]
    return Before(Decided.of(stretches), spent["requests"])


# A post is decided when it is screened and each policy that is owed an answer has one: a verdict,
# a deferral or a dead letter; or when it could not be read. Offsets in a row become one stretch.
_DECIDED = """
WITH screened AS (
  SELECT
    s.topic, s.`partition`, s.`offset`,
    COUNT(DISTINCT IF(p.route = 'clear', NULL, p.policy_id)) AS owed
  FROM `{dataset}.screenings` AS s, UNNEST(s.policies) AS p
  WHERE s.run = @run
  GROUP BY 1, 2, 3
),
answers AS (
  SELECT topic, `partition`, `offset`, policy_id FROM `{dataset}.verdicts` WHERE run = @run
  UNION ALL
  SELECT topic, `partition`, `offset`, policy_id FROM `{dataset}.deferrals` WHERE run = @run
  UNION ALL
  SELECT topic, `partition`, `offset`, policy_id FROM `{dataset}.dead_letters`
  WHERE run = @run AND stage IN ('judge', 'write') AND policy_id IS NOT NULL
),
answered AS (
  SELECT topic, `partition`, `offset`, COUNT(DISTINCT policy_id) AS paid
  FROM answers
  GROUP BY 1, 2, 3
),
decided AS (
  SELECT s.topic, s.`partition`, s.`offset`
  FROM screened AS s
  LEFT JOIN answered AS a
    ON a.topic = s.topic AND a.`partition` = s.`partition` AND a.`offset` = s.`offset`
  WHERE COALESCE(a.paid, 0) >= s.owed
  UNION DISTINCT
  SELECT topic, `partition`, `offset`
  FROM `{dataset}.dead_letters`
  WHERE run = @run AND stage = 'decode'
),
numbered AS (
  SELECT
    topic, `partition`, `offset`,
    `offset` - ROW_NUMBER() OVER (PARTITION BY topic, `partition` ORDER BY `offset`) AS stretch
  FROM decided
)
SELECT topic, `partition` AS number, MIN(`offset`) AS first, MAX(`offset`) AS last
FROM numbered
GROUP BY topic, `partition`, stretch
"""
_SPENT = "SELECT COUNT(*) AS requests FROM `{dataset}.verdicts` WHERE run = @run AND NOT cached"
