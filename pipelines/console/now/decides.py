"""What decides now, and what changed lately."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from weir.pipelines.console.policy_lab.folder import word_of
from weir.pipelines.console.posts.filters import SENT
from weir.pipelines.console.visit import Visit, address
from weir.policies.loading import load_policies
from weir.policies.policy import PolicyError

_MOST_CHANGES = 20  # changes that are shown


@dataclass(frozen=True)
class InForce:
    """A policy: as its folder has it now, and as it judged last; None where either is not known."""

    policy_id: str
    title: str | None
    status: str | None  # in the word that Policies has for it
    version: str | None
    judged_by: str | None  # the version
    judged_at: datetime | None


@dataclass(frozen=True)
class Screen:
    """A screen that scored posts of the run lately."""

    screen_version: str
    policy_set: str
    posts: int
    last: datetime


@dataclass(frozen=True)
class Change:
    """Something that is not as it was."""

    at: datetime
    what: str
    subject: str
    who: str | None
    why: str | None
    to: str  # where it is looked at


def in_force(visit: Visit, days: int) -> tuple[tuple[InForce, ...], str]:
    """Return the policies, and what is wrong with their folder. TablesError."""
    rows = visit.rows(_JUDGED_BY, run=visit.run, since=visit.now - timedelta(days=days))
    judged = {row["policy_id"]: row for row in rows}
    problem, found = "", {}
    if visit.setup.policies is not None:
        try:
            found = {each.policy_id: each for each in load_policies(visit.setup.policies).policies}
        except PolicyError as error:
            problem = str(error)
    policies = []
    for policy_id in sorted(found.keys() | judged.keys()):
        policy, last = found.get(policy_id), judged.get(policy_id, {})
        policies.append(
            InForce(
                policy_id,
                policy.title if policy else None,
                word_of(policy) if policy else None,
                policy.version if policy else None,
                last.get("policy_version"),
                last.get("judged_at"),
            )
        )
    return tuple(policies), problem


def screens(visit: Visit, days: int) -> tuple[Screen, ...]:
    """Return the screens of the run, the latest first. TablesError."""
    since = visit.now - timedelta(days=days)
    return tuple(Screen(**row) for row in visit.rows(_SCREENS, run=visit.run, since=since))


def changes(visit: Visit, days: int) -> tuple[Change, ...]:
    """Return what changed, the latest first. TablesError."""
    asked: dict[str, Any] = {"run": visit.run, "since": visit.now - timedelta(days=days)}
    found = [
        *(_of_policy(visit, row, asked["since"]) for row in visit.rows(_VERSIONS, **asked)),
        *(_of_screen(row) for row in visit.rows(_PROMOTIONS, **asked)),
        *(_of_person(row) for row in visit.rows(_ACTIONS, since=asked["since"])),
    ]
    return tuple(sorted(found, key=lambda each: each.at, reverse=True)[:_MOST_CHANGES])


def _of_policy(visit: Visit, row: dict[str, Any], since: datetime) -> Change:
    share = (
        f"{row['violating'] / row['judged']:.1%} of {row['judged']:,} that the screen sent to the "
        "judge violate; audits are left out"
    )
    return Change(
        row["first"],
        "a version judged its first post here",
        f"{row['policy_id']} {row['policy_version']}",
        row["owner"],
        share,
        address(
            "/posts",
            run=visit.run,
            policy=row["policy_id"],
            version=row["policy_version"],
            route=SENT,
            judged="any",
            since=f"{since:%Y-%m-%d}",
        ),
    )


def _of_screen(row: dict[str, Any]) -> Change:
    return Change(
        row["decided_at"],
        f"screen: {row['step']}",
        row["screen_version"],
        row["decided_by"],
        row["reason"],
        "/policies",
    )


def _of_person(row: dict[str, Any]) -> Change:
    to = address("/changes", what=row["what"], subject=row["subject"])
    at = row["done_at"].astimezone(UTC)
    return Change(at, row["what"], row["subject"], row["person"], row["why"], to)


# The version that judged last, which is in force where the job goes on.
_JUDGED_BY = """
SELECT policy_id, policy_version, judged_at
FROM `{dataset}.distinct_verdicts`
WHERE run = @run AND day >= DATE(@since)
QUALIFY ROW_NUMBER() OVER (PARTITION BY policy_id ORDER BY judged_at DESC, policy_version) = 1
"""
_SCREENS = """
SELECT screen_version, policy_set, COUNT(*) AS posts, MAX(screened_at) AS last
FROM `{dataset}.screenings`
WHERE run = @run AND DATE(created_at) >= DATE(@since)
GROUP BY screen_version, policy_set
ORDER BY last DESC LIMIT 5
"""
_VERSIONS = """
SELECT
  policy_id, policy_version, MIN(owner) AS owner, MIN(first_judged_at) AS first,
  SUM(judged) AS judged, SUM(violating) AS violating
FROM `{dataset}.policy_changes`
WHERE run = @run AND day >= DATE(@since)
GROUP BY policy_id, policy_version
ORDER BY first DESC LIMIT 20
"""
_PROMOTIONS = """
SELECT decided_at, step, screen_version, reason, decided_by
FROM `{dataset}.promotions`
WHERE run = @run AND decided_at >= @since
ORDER BY decided_at DESC LIMIT 20
"""
_ACTIONS = """
SELECT done_at, what, subject, person, why
FROM `{dataset}.console_actions`
WHERE DATE(done_at) >= DATE(@since) AND done_at >= @since
ORDER BY done_at DESC LIMIT 20
"""
