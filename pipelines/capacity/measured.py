"""What a plan needs to know of a stream, from posts of a file or from a run in BigQuery."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.capacity.plan import PlanError
from weir.pipelines.screening.measure import measure_requests
from weir.policies.policy import PolicySet
from weir.transforms.screen.model import Screen
from weir.transforms.screen.thresholds.decide import StreamShares
from weir.transforms.write.bigquery.sink import BigQuerySettings


@dataclass(frozen=True)
class Stream:
    """Posts as they come: fields are those of a Workload."""

    post_bytes: float
    policies: int
    requests_per_1000: float
    second_stage: float | None
    screen_ms: float | None
    measured: str


def of_posts(
    screen: Screen,
    policies: PolicySet,
    texts: Sequence[str],
    shares: StreamShares | None,
    audit_rate: float,
    told: Callable[[int], None] = lambda _: None,
) -> Stream:
    """Screen posts, and return what they ask for and what that took of this machine's core."""
    begun = time.process_time()
    found = measure_requests(screen, policies, texts, shares, audit_rate, told)
    spent = time.process_time() - begun
    return Stream(
        post_bytes=sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / len(texts),
        policies=len(policies.policies),
        requests_per_1000=found.requests_per_1000,
        second_stage=None,
        screen_ms=1000 * spent / len(texts),
        measured=f"{len(texts):,} posts of a file, screened on this machine",
    )


def of_run(settings: BigQuerySettings, run: str, since: date) -> Stream:
    """Return what a run has asked for since a day. TablesError; PlanError where it has no posts."""
    with open_dataset(settings) as dataset:
        policies = dataset.rows(_ASKED, run=run, since=since)
        (judged,) = dataset.rows(_BYTES, run=run, since=since)
    posts = max((row["posts"] or 0 for row in policies), default=0)
    if not posts:
        raise PlanError(
            f"the run {run!r} has no posts since {since} whose number is known; name another, or "
            "give --posts-file"
        )
    requests = sum(row["requests"] for row in policies)
    return Stream(
        post_bytes=judged["bytes"] or 200.0,
        policies=len(policies),
        requests_per_1000=1000 * requests / posts,
        second_stage=min(1.0, max(row["second"] or 0 for row in policies) / posts),
        screen_ms=None,
        measured=f"{posts:,} posts of a run since {since}; bytes of those that were judged",
    )


_ASKED = """
SELECT policy_id, SUM(posts) AS posts, SUM(requests) AS requests, SUM(read_by_second) AS second
FROM `{dataset}.screen_cost`
WHERE run = @run AND mode != 'shadow' AND day >= @since
GROUP BY policy_id
"""
_BYTES = """
SELECT AVG(bytes) AS bytes
FROM (
  SELECT MAX(BYTE_LENGTH(text)) AS bytes
  FROM `{dataset}.verdicts`
  WHERE run = @run AND created_at >= TIMESTAMP(@since)
  GROUP BY topic, `partition`, `offset`
)
"""
