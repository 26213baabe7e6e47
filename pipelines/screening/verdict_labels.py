"""The judge's verdicts in BigQuery, as labels to learn from and as a sample to measure by."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from google.cloud import bigquery

from weir.pipelines.bigquery.queries import execute
from weir.pipelines.bigquery.tables import explain_errors
from weir.policies.policy import Policy
from weir.transforms.records import Route
from weir.transforms.screen import ScreenError
from weir.transforms.screen.cold.promotion import ENOUGH_VIOLATIONS
from weir.transforms.screen.training.labelled import LabelledPost, LabelledSet
from weir.transforms.write.bigquery.sink import BigQuerySettings

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
    posts = _judged_posts(settings, policy, most)
    if not posts:
        raise ScreenError(
            f"There are no verdicts on {policy.policy_id} in version {policy.version} in "
            f"{settings.project}.{settings.dataset}; run `weir run` with this policy first."
        )
    return posts


def _judged_posts(settings: BigQuerySettings, policy: Policy, most: int) -> list[JudgedPost]:
    sql = _VERDICTS.replace("{dataset}", f"{settings.project}.{settings.dataset}")
    parameters = [
        bigquery.ScalarQueryParameter("policy", "STRING", policy.policy_id),
        bigquery.ScalarQueryParameter("version", "STRING", policy.version),
    ]
    with explain_errors(settings), closing(settings.client()) as client:
        rows = execute(client, sql.replace("{most}", str(most)), parameters)
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
) -> list[LabelledSet]:
    """Return the verdicts on policies that have ENOUGH_VIOLATIONS of both kinds, as two sets.

    What chance sent comes as traffic does, so that figures and budgets may rest on it; what a
    screen sent is only learned from. No certificate rests on either: a judge errs. ScreenError
    where no policy has enough.
    """
    judged = {policy.policy_id: _judged_posts(settings, policy, most) for policy in policies}
    enough = {policy_id: posts for policy_id, posts in judged.items() if _enough(posts)}
    where = f"{settings.project}.{settings.dataset}"
    if not enough:
        raise ScreenError(
            f"No policy has {ENOUGH_VIOLATIONS} violating and {ENOUGH_VIOLATIONS} safe verdicts on "
            f"its version in force in {where}; run `weir run` until one has."
        )
    return [_labelled(enough, where, sampled) for sampled in (True, False)]


def _enough(posts: Sequence[JudgedPost]) -> bool:
    violating = sum(post.violates for post in posts)
    return min(violating, len(posts) - violating) >= ENOUGH_VIOLATIONS


def _labelled(judged: Mapping[str, Sequence[JudgedPost]], where: str, sampled: bool) -> LabelledSet:
    posts = tuple(
        LabelledPost(post.text, {policy_id: post.violates})
        for policy_id, found in judged.items()
        for post in found
        if post.sampled == sampled
    )
    canonical = json.dumps([[post.text, dict(post.labels)] for post in posts], ensure_ascii=False)
    return LabelledSet(
        "verdicts drawn at random" if sampled else "verdicts on what the screen sent",
        f"{where}.verdicts",
        "that of the posts",
        hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest(),
        posts,
        calibrates=sampled,
        judged=True,
    )
