"""The judge's verdicts in BigQuery, as labels to learn from and as a sample to measure by."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date

from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.screening.recall import of_run
from weir.policies.policy import Policy
from weir.transforms.screen import ScreenError
from weir.transforms.screen.teaching.lessons import LEAST, JudgedPost
from weir.transforms.screen.training.labelled import LabelledPost, LabelledSet
from weir.transforms.write.bigquery.sink import BigQuerySettings

MOST = 20_000  # of one policy, the latest

# Of another version of the policy a verdict answered another question. Late audits, whose route is
# deferred, are no part of an estimate but labels like the others. What was judged beside others is
# an audit that neither chance nor the policy's own score sent: it teaches nothing.
_VERDICTS = """
SELECT
  text, verdict, route, score, DATE(judged_at) AS judged_on, {chances}
WHERE policy_id = @policy AND policy_version = @version AND verdict IN ('violates', 'safe')
  AND route != 'beside' AND @run IN ('', run) AND day >= @since
ORDER BY judged_at DESC, decision_id
LIMIT {most}
"""
_CHANCES = """inclusion_probability, CAST(NULL AS FLOAT64) AS audit_rate
FROM `{dataset}.distinct_verdicts`"""
# A replay's own share is in every probability and says nothing of the screen. The lowest rate of a
# day is that of a sample of all of its posts. Rows of earlier versions do not say it: the chance of
# the seldomest audit is never below it. Asked for where it counts: it reads a row a post.
_CHANCES_AND_RATES = """
  LEAST(1.0, inclusion_probability / COALESCE(sample, 1)) AS inclusion_probability,
  COALESCE(
    audit_rate,
    MIN(IF(route = 'audit', LEAST(1.0, inclusion_probability / COALESCE(sample, 1)), NULL))
      OVER (PARTITION BY run, day)
  ) AS audit_rate
FROM `{dataset}.distinct_verdicts`
LEFT JOIN (
  SELECT run, MIN(sample) AS sample FROM `{dataset}.replays` GROUP BY run
) USING (run)
LEFT JOIN (
  SELECT run, DATE(created_at) AS day, MIN(audit_rate) AS audit_rate
  FROM `{dataset}.screenings`
  WHERE DATE(created_at) >= @since
  GROUP BY run, day
) USING (run, day)"""


def verdicts_of(
    settings: BigQuerySettings,
    policy: Policy,
    *,
    run: str = "",
    since: date | None = None,
    most: int = MOST,
    rates: bool = False,
) -> list[JudgedPost]:
    """Return what was judged by the version of the policy in force, the latest first.

    Of one run or of all, of posts from a day on; with ``rates`` it is known of each at what rate
    its run audits. Indeterminate verdicts are left out. TablesError where BigQuery cannot be asked.
    """
    values = of_run(run, since, policy.policy_id) | {"version": policy.version}
    asked = _VERDICTS.replace("{most}", str(most))
    with open_dataset(settings) as dataset:
        rows = dataset.rows(
            asked.replace("{chances}", _CHANCES_AND_RATES if rates else _CHANCES), **values
        )
    return [
        JudgedPost(
            row["text"],
            row["verdict"] == "violates",
            row["route"],
            row["score"],
            row["inclusion_probability"],
            row["judged_on"],
            row["audit_rate"],
        )
        for row in rows
    ]


def posts_from_verdicts(
    settings: BigQuerySettings, policies: Sequence[Policy], most: int = MOST
) -> list[LabelledSet]:
    """Return the verdicts on policies that have LEAST of both kinds, as two sets.

    A sample in which all posts have one chance comes as traffic does, so that figures and budgets
    may rest on it; what was sent beyond it is only learned from. No certificate rests on either: a
    judge errs. ScreenError where no policy has enough.
    """
    judged = {
        policy.policy_id: verdicts_of(settings, policy, most=most, rates=True)
        for policy in policies
    }
    enough = {policy_id: posts for policy_id, posts in judged.items() if _enough(posts)}
    where = settings.full_name
    if not enough:
        raise ScreenError(
            f"No policy has {LEAST} violating and {LEAST} safe verdicts on "
            f"its version in force in {where}; run `weir run` until one has."
        )
    return [_labelled(enough, where, sampled) for sampled in (True, False)]


def _enough(posts: Sequence[JudgedPost]) -> bool:
    violating = sum(post.violates for post in posts)
    return min(violating, len(posts) - violating) >= LEAST


def _labelled(judged: Mapping[str, Sequence[JudgedPost]], where: str, sampled: bool) -> LabelledSet:
    posts = tuple(
        LabelledPost(post.text, {policy_id: post.violates})
        for policy_id, found in judged.items()
        for post in found
        if post.sampled == sampled
    )
    canonical = json.dumps([[post.text, dict(post.labels)] for post in posts], ensure_ascii=False)
    return LabelledSet(
        "verdicts drawn at random" if sampled else "verdicts on what else was sent",
        f"{where}.verdicts",
        "that of the posts",
        hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest(),
        posts,
        calibrates=sampled,
        judged=True,
    )
