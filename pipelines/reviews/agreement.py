"""How far people agree: with each other, and with the judge."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from weir.pipelines.bigquery.dataset import Dataset
from weir.pipelines.bigquery.labels import BESIDE_VERDICTS, narrowed
from weir.pipelines.screening.recall import of_run

Rows = list[dict[str, Any]]

_DRAWS = 20_000
_SPAN = "run = @run AND DATE(created_at) >= @since"
# Of each post and policy the first two people who looked at it, by the same version.
_PAIRS = """
WITH pairs AS (
  SELECT
    policy_id,
    MAX(IF(place = 1, human_verdict, NULL)) AS first,
    MAX(IF(place = 2, human_verdict, NULL)) AS second
  FROM `{dataset}.latest_reviews`
  WHERE run = @run AND day >= @since AND @policy IN ('', policy_id) AND place <= 2
    AND reviewers > 1
  GROUP BY policy_id, policy_version, created_at, topic, `partition`, `offset`
)
SELECT policy_id, first, second, COUNT(*) AS pairs
FROM pairs
GROUP BY policy_id, first, second
ORDER BY policy_id, first, second
"""
_DISPUTED = """
WITH pairs AS (
  SELECT
    policy_id, created_at, topic, `partition`, `offset`,
    MAX(IF(place = 1, reviewer, NULL)) AS first,
    MAX(IF(place = 2, reviewer, NULL)) AS second,
    MAX(IF(place = 1, human_verdict, NULL)) AS first_says,
    MAX(IF(place = 2, human_verdict, NULL)) AS second_says
  FROM `{dataset}.latest_reviews`
  WHERE run = @run AND day >= @since AND @policy IN ('', policy_id) AND reviewers = 2
  GROUP BY policy_id, policy_version, created_at, topic, `partition`, `offset`
)
SELECT
  l.decision_id, l.policy_id, l.created_at, p.first, p.second, p.first_says, p.second_says
FROM pairs AS p
JOIN `{dataset}.labels` AS l
  ON l.created_at = p.created_at AND l.topic = p.topic AND l.`partition` = p.`partition`
  AND l.`offset` = p.`offset` AND l.policy_id = p.policy_id
WHERE p.first_says != p.second_says AND l.run = @run AND DATE(l.created_at) >= @since
  AND l.label NOT IN ('withdrawn', 'superseded')
ORDER BY l.policy_id, l.created_at DESC, l.decision_id
LIMIT 100
"""
# Each review stands for the verdicts of its day and stratum.
_CONFIRMED = """
WITH weighed AS (
  SELECT
    policy_id, verdict, human_verdict,
    stratum_posts / COUNT(*) OVER (PARTITION BY mode, day, policy_id, stratum) AS weight
  FROM `{dataset}.appeals_sample`
  WHERE run = @run AND day >= @since AND @policy IN ('', policy_id)
    AND human_verdict IS NOT NULL
)
SELECT
  policy_id, verdict, COUNT(*) AS reviewed, SUM(weight) AS verdicts,
  SUM(IF(human_verdict = verdict, weight, 0)) / SUM(weight) AS confirmed
FROM weighed
WHERE verdict IN ('violates', 'safe')
GROUP BY policy_id, verdict
ORDER BY policy_id, verdict DESC
"""


@dataclass(frozen=True)
class Pairs:
    """Posts that two people decided on, by what the first and the second of them said."""

    violates_violates: int = 0
    violates_safe: int = 0
    safe_violates: int = 0
    safe_safe: int = 0

    @property
    def total(self) -> int:
        """Return how many posts."""
        return self.violates_violates + self.violates_safe + self.safe_violates + self.safe_safe

    @property
    def agreed(self) -> int:
        """Return on how many both said the same."""
        return self.violates_violates + self.safe_safe

    def __add__(self, other: "Pairs") -> "Pairs":
        """Return both as one."""
        return Pairs(
            self.violates_violates + other.violates_violates,
            self.violates_safe + other.violates_safe,
            self.safe_violates + other.safe_violates,
            self.safe_safe + other.safe_safe,
        )


@dataclass(frozen=True)
class Kappa:
    """Cohen's kappa, and its interval at 95 %; ``value`` is None where all said one thing."""

    value: float | None
    low: float
    high: float


def kappa(pairs: Pairs) -> Kappa | None:
    """Return how far two people agree beyond chance; None where there is no pair.

    Kappa is (observed - expected) / (1 - expected) (Cohen, A Coefficient of Agreement for Nominal
    Scales, 1960). The interval holds the middle 95 % of the kappas of tables drawn from the
    posterior of Jeffreys' prior, a half added to each cell (Basu, Banerjee and Sen, Bayesian
    Inference for Kappa from Single and Multiple Studies, 2000): unlike the normal approximation it
    has a width where all agree, and at 20 pairs it still holds the true one in 93 to 97 of 100.
    """
    counts = np.array(
        [pairs.violates_violates, pairs.violates_safe, pairs.safe_violates, pairs.safe_safe],
        dtype=np.float64,
    )
    if not pairs.total:
        return None
    drawn = np.random.default_rng(0).dirichlet(counts + 0.5, _DRAWS)
    low, high = np.quantile(_kappas(drawn), (0.025, 0.975))
    one_sided = pairs.violates_violates == pairs.total or pairs.safe_safe == pairs.total
    value = None if one_sided else float(_kappas(counts / counts.sum()))
    return Kappa(value, float(low), float(high))


def _kappas(tables: Any) -> Any:
    """Return the kappa of each table of shares, whose last axis has the four cells."""
    first = tables[..., 0] + tables[..., 1]
    second = tables[..., 0] + tables[..., 2]
    expected = first * second + (1 - first) * (1 - second)
    return (tables[..., 0] + tables[..., 3] - expected) / (1 - expected)


def pairs_by_policy(
    dataset: Dataset, run: str, since: date | None, policy_id: str | None = None
) -> dict[str, Pairs]:
    """Return what the first two reviewers of each post said, by policy. TablesError."""
    found: dict[str, Pairs] = {}
    for row in dataset.rows(_PAIRS, **of_run(run, since, policy_id)):
        cell: Mapping[str, int] = {f"{row['first']}_{row['second']}": row["pairs"]}
        found[row["policy_id"]] = found.get(row["policy_id"], Pairs()) + Pairs(**cell)
    return found


def disputed(dataset: Dataset, run: str, since: date | None, policy_id: str | None = None) -> Rows:
    """Return decisions on which two people differ and no third has spoken, 100 at most."""
    of_table = f"SELECT content_id FROM `{dataset.name}.human_labels` WHERE {_SPAN}"  # noqa: S608 - our names
    statement = narrowed(dataset, _DISPUTED, f"{_SPAN} AND content_id IN ({of_table})")
    return dataset.rows(statement, **of_run(run, since, policy_id))


def confirmed(dataset: Dataset, run: str, since: date | None, policy_id: str | None = None) -> Rows:
    """Return by policy and verdict which share of the judge's verdicts people confirm.

    Of the sample that the view appeals_sample draws, each review weighed by how many verdicts of
    its day and stratum it stands for. TablesError.
    """
    statement = narrowed(dataset, _CONFIRMED, _SPAN, BESIDE_VERDICTS)
    return dataset.rows(statement, **of_run(run, since, policy_id))
