"""The counts of a transparency report: those that the Santa Clara Principles and the DSA ask for.

The Santa Clara Principles on Transparency and Accountability, version 2.0 (2021), ask for posts
acted on by rule and by how they were found, and for appeals and how many succeeded; Article 15 of
Regulation (EU) 2022/2065, in the templates of Implementing Regulation (EU) 2024/2835, for measures
taken on one's own initiative by category, ground, restriction and detection, for complaints with
their outcome and median time, and for the errors of automated means.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.transparency.decisions import Days
from weir.policies.grounds import Grounds
from weir.policies.policy import PolicySet
from weir.transforms.write.bigquery.sink import BigQuerySettings

Rows = list[dict[str, Any]]

# What stands under the templates and no table of Weir has.
UNCOUNTED = (
    "orders of authorities",
    "notices, also those of trusted flaggers",
    "disputes before out-of-court bodies",
    "suspended accounts",
    "people who moderate, and their languages",
    "recipients of the service",
)

# In restrictions are posts that were restored since, for they were restricted all the same.
_RESTRICTIONS = """
WITH made AS (
  SELECT
    policy_id, topic, `partition`, `offset`, machine_label = 'violates' AS by_machine,
    COALESCE(human_verdict = 'violates', FALSE) AS by_person,
    COALESCE(human_verdict = 'safe', FALSE) AS restored,
    IF(machine_label = 'violates', decided_at, reviewed_at) AS applied_at
  FROM `{dataset}.decisions`
  WHERE run = @run AND mode = 'enforce' AND created_at < @end
    AND (label = 'violates' OR machine_label = 'violates')
)
SELECT policy_id, by_machine, by_person, restored, COUNT(*) AS decisions
FROM made
WHERE applied_at >= @first AND applied_at < @end
GROUP BY policy_id, by_machine, by_person, restored
ORDER BY policy_id, by_machine, by_person, restored
"""
_POSTS = """
SELECT COUNT(*) AS posts
FROM (
  SELECT DISTINCT topic, `partition`, `offset`
  FROM `{dataset}.decisions`
  WHERE run = @run AND mode = 'enforce' AND created_at < @end
    AND (label = 'violates' OR machine_label = 'violates')
    AND IF(machine_label = 'violates', decided_at, reviewed_at) >= @first
    AND IF(machine_label = 'violates', decided_at, reviewed_at) < @end
)
"""
_COMPLAINTS = """
SELECT policy_id, state, decided_by, late, COUNT(*) AS complaints
FROM `{dataset}.complaint_outcomes`
WHERE run = @run AND received_at >= @first AND received_at < @end
GROUP BY policy_id, state, decided_by, late
ORDER BY policy_id, state, decided_by, late
"""
_HOURS = """
SELECT hours
FROM `{dataset}.complaint_outcomes`
WHERE run = @run AND received_at >= @first AND received_at < @end AND hours IS NOT NULL
"""


def counted(
    settings: BigQuerySettings, run: str, days: Days, policies: PolicySet, usual: Grounds
) -> dict[str, Any]:
    """Return the counts of a run's decisions and complaints in these days; TablesError."""
    given: dict[str, Any] = {"run": run, "first": days.start, "end": days.end}
    with open_dataset(settings) as dataset:
        restrictions = dataset.rows(_RESTRICTIONS, **given)
        posts = dataset.rows(_POSTS, **given)[0]["posts"]
        complaints = dataset.rows(_COMPLAINTS, **given)
        hours = [float(row["hours"]) for row in dataset.rows(_HOURS, **given)]
    return {
        "run": run,
        "first_day": days.first.isoformat(),
        "last_day": days.last.isoformat(),
        "santa_clara": santa_clara(int(posts), restrictions, complaints),
        "dsa": {
            "own_initiative": own_initiative(restrictions, policies, usual),
            "complaints": complaint_counts(complaints, hours),
            "automated_means": errors(restrictions),
        },
        "not_counted_by_weir": list(UNCOUNTED),
    }


def santa_clara(posts: int, restrictions: Rows, complaints: Rows) -> dict[str, Any]:
    """Return posts acted on, decisions by policy and detection, and appeals."""
    overturned = [row for row in complaints if row["state"] == "overturned"]
    return {
        "posts_acted_on": posts,
        "decisions": _total(restrictions),
        "decisions_by_policy": _by(restrictions, "policy_id"),
        "found_by_automation": _total(row for row in restrictions if row["by_machine"]),
        "found_by_people": _total(row for row in restrictions if not row["by_machine"]),
        "restored_after_review": _total(row for row in restrictions if row["restored"]),
        "appeals": _total(complaints),
        "appeals_by_policy": _by(complaints, "policy_id"),
        "appeals_that_succeeded": _total(overturned),
    }


def own_initiative(restrictions: Rows, policies: PolicySet, usual: Grounds) -> list[dict[str, Any]]:
    """Return measures by ground, category, restriction, detection and decision.

    What no policy says is null, never guessed.
    """
    known = {policy.policy_id: policy.grounds for policy in policies.policies}
    counts: Counter[tuple[Any, ...]] = Counter()
    for row in restrictions:
        grounds = known.get(row["policy_id"], Grounds()).otherwise(usual)
        ground = "illegal" if grounds.legal else "terms" if grounds.contractual else None
        counts[
            ground,
            grounds.category,
            grounds.action,
            "automated" if row["by_machine"] else "person",
            _decided(row),
        ] += int(row["decisions"])
    names = ("ground", "category", "restriction", "detection", "decision")
    ordered = sorted(counts.items(), key=lambda each: [str(part) for part in each[0]])
    return [dict(zip(names, key, strict=True)) | {"measures": n} for key, n in ordered]


def complaint_counts(complaints: Rows, hours: list[float]) -> dict[str, Any]:
    """Return complaints by state and by who decided; ``hours`` are those of the decided ones."""
    states = _by(complaints, "state")
    return {
        "received": _total(complaints),
        "received_late": _total(row for row in complaints if row["late"]),
        "open": states.get("open", 0),
        "upheld": states.get("upheld", 0),
        "overturned": states.get("overturned", 0),
        "decided_by_people": _total(r for r in complaints if r["decided_by"] == "person"),
        "decided_by_automation": _total(r for r in complaints if r["decided_by"] == "automated"),
        "median_hours": median(hours) if hours else None,
    }


def errors(restrictions: Rows) -> dict[str, Any]:
    """Return how many automated decisions people looked at, and how many they took back.

    Of the decisions that happened to be reviewed, which is no random sample of all of them.
    """
    automated = [row for row in restrictions if row["by_machine"]]
    reviewed = _total(row for row in automated if row["by_person"] or row["restored"])
    wrong = _total(row for row in automated if row["restored"])
    return {
        "decisions": _total(automated),
        "reviewed_by_people": reviewed,
        "taken_back": wrong,
        "share_taken_back": wrong / reviewed if reviewed else None,
    }


def _decided(row: Mapping[str, Any]) -> str:
    if not row["by_machine"]:
        return "person"
    return "automated, a person confirmed" if row["by_person"] else "automated"


def _total(rows: Iterable[Mapping[str, Any]]) -> int:
    return sum(_count(row) for row in rows)


def _by(rows: Rows, key: str) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for row in rows:
        counts[str(row[key])] += _count(row)
    return dict(sorted(counts.items()))


def _count(row: Mapping[str, Any]) -> int:
    return int(row["decisions"] if "decisions" in row else row["complaints"])
