"""The judge's verdicts in BigQuery, as labels to learn from and as a sample to measure by."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from google.cloud import bigquery

from pipelines.queries import execute
from pipelines.tables import explained
from policies.policy import Policy
from transforms.records import Route
from transforms.screen import ScreenError
from transforms.screen.labelled import LabelledPost, LabelledSet
from transforms.write.bigquery import BigQuerySettings

MOST = 20_000  # of one policy, the latest

# Of another version of the policy a verdict answered another question. Late audits, whose route is
# deferred, are no part of an estimate but labels like the others.
_VERDICTS = """
SELECT text, verdict, route, score, inclusion_probability
FROM `{dataset}.verdicts`
WHERE policy_id = @policy AND policy_version = @version AND verdict IN ('violates', 'safe')
QUALIFY ROW_NUMBER() OVER (PARTITION BY run, created_at, decision_id ORDER BY judged_at) = 1
ORDER BY judged_at DESC, decision_id
LIMIT {most}
"""


@dataclass(frozen=True)
class JudgedPost:
    """A post and what the judge said of it under one policy."""

    text: str
    violates: bool
    route: str
    score: float | None  # of the screen that sent it
    inclusion_probability: float

    @property
    def sampled(self) -> bool:
        """Return whether chance alone sent it: all posts had to go, or the audit sample took it."""
        return self.route in (Route.AUDIT, Route.FORCED)


def judged_posts(settings: BigQuerySettings, policy: Policy, most: int = MOST) -> list[JudgedPost]:
    """Return what was judged by the version of the policy in force, the latest first.

    Indeterminate verdicts are left out. TablesError where BigQuery cannot be asked, ScreenError
    where there is none.
    """
    sql = _VERDICTS.replace("{dataset}", f"{settings.project}.{settings.dataset}")
    parameters = [
        bigquery.ScalarQueryParameter("policy", "STRING", policy.policy_id),
        bigquery.ScalarQueryParameter("version", "STRING", policy.version),
    ]
    with explained(settings), closing(settings.client()) as client:
        rows = execute(client, sql.replace("{most}", str(most)), parameters)
    if not rows:
        raise ScreenError(
            f"There are no verdicts on {policy.policy_id} in version {policy.version} in "
            f"{settings.project}.{settings.dataset}; run `weir run` with this policy first."
        )
    return [
        JudgedPost(
            row["text"],
            row["verdict"] == "violates",
            row["route"],
            row["score"],
            row["inclusion_probability"],
        )
        for row in rows
    ]


def posts_from_verdicts(
    settings: BigQuerySettings, policies: Sequence[Policy], most: int = MOST
) -> LabelledSet:
    """Return the verdicts of several policies as one set to train from.

    Whoever certifies should not do it on them: violations below the old threshold are rare here.
    """
    posts = tuple(
        LabelledPost(post.text, {policy.policy_id: post.violates})
        for policy in policies
        for post in judged_posts(settings, policy, most)
    )
    canonical = json.dumps([[post.text, dict(post.labels)] for post in posts], ensure_ascii=False)
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
    source = f"{settings.project}.{settings.dataset}.verdicts"
    return LabelledSet("verdicts", source, "that of the posts", digest, posts)
