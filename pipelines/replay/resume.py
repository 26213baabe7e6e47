"""What an earlier attempt of a replay has left behind in BigQuery, whatever runner it ran on."""

from dataclasses import dataclass

from weir.pipelines.bigquery.dataset import open_dataset
from weir.transforms.select import Decided
from weir.transforms.write.bigquery.sink import BigQuerySettings


@dataclass(frozen=True)
class Before:
    """Offsets that are decided, the judge requests that they took, and what is owed of others."""

    decided: Decided
    requests: int
    waiting: int = 0  # posts that were screened, and of which some policy has no answer yet
    owed: int = 0  # such answers


def before(settings: BigQuerySettings, run: str) -> Before:
    """Return what is decided of a run: each offset whose every row is there."""
    with open_dataset(settings) as dataset:
        rows = dataset.rows(_DECIDED, run=run)
        (spent,) = dataset.rows(_SPENT, run=run)
        (open_,) = dataset.rows(_OPEN, run=run)
    stretches = [(r["topic"], r["number"], r["first"], r["last"] + 1) for r in rows]
    return Before(
        Decided.of(stretches), spent["requests"], open_["waiting"], int(open_["owed"] or 0)
    )


# A post is decided when it is screened and each policy that is owed an answer has one: a verdict,
# a deferral or a dead letter; or when it could not be read. Offsets in a row become one stretch.
_ACCOUNT = """
WITH screened AS (
  SELECT
    s.topic, s.`partition`, s.`offset`,
    COUNT(DISTINCT IF(p.route IN ('clear', 'empty'), NULL, p.policy_id)) AS owed
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
account AS (
  SELECT s.topic, s.`partition`, s.`offset`, s.owed - COALESCE(a.paid, 0) AS owed
  FROM screened AS s
  LEFT JOIN answered AS a
    ON a.topic = s.topic AND a.`partition` = s.`partition` AND a.`offset` = s.`offset`
)"""
_OPEN = f"""{_ACCOUNT}
SELECT COUNT(*) AS waiting, SUM(owed) AS owed FROM account WHERE owed > 0
"""  # noqa: S608 - our own words
_DECIDED = f"""{_ACCOUNT},
decided AS (
  SELECT topic, `partition`, `offset` FROM account WHERE owed <= 0
  UNION DISTINCT
  SELECT topic, `partition`, `offset`
  FROM `{{dataset}}.dead_letters`
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
"""  # noqa: S608 - our own words
_SPENT = """
SELECT CAST(ROUND(COALESCE(SUM(COALESCE(requests, 1.0)), 0.0)) AS INT64) AS requests
FROM `{dataset}.verdicts`
WHERE run = @run AND NOT cached
"""
