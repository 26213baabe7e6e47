"""What is known of one decision: what it was made of, what became of it since, what people say."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from weir.pipelines.bigquery.labels import narrowed
from weir.pipelines.console.reference import Reference
from weir.pipelines.console.visit import RefusedError, Visit
from weir.transforms.write.redaction import is_kept

_GONE = {
    "withdrawn": "Its author has deleted this post.",
    "superseded": "Its author has edited this post since: this is not its newest version.",
}
_OF_VERDICT = (
    "content_id, topic, `partition`, `offset`, policy_version, language, text, attributes, "
    "verdict, probability, confidence, categories, rule_ids, rationale, route, score, model"
)
# A cleared post has the decision of the screen, without a version and without a text.
_DECISION = f"""
WITH made AS (
  SELECT {_OF_VERDICT}
  FROM `{{dataset}}.verdicts`
  WHERE run = @run AND created_at = @at AND policy_id = @policy AND decision_id = @decision
  QUALIFY ROW_NUMBER() OVER (ORDER BY judged_at, verdict, rationale) = 1
  UNION ALL
  SELECT
    s.content_id, s.topic, s.`partition`, s.`offset`, CAST(NULL AS STRING), s.language,
    CAST(NULL AS STRING), CAST(NULL AS STRING), CAST(NULL AS STRING), CAST(NULL AS FLOAT64),
    CAST(NULL AS STRING), CAST(NULL AS ARRAY<STRING>), CAST(NULL AS ARRAY<STRING>),
    CAST(NULL AS STRING), p.route, p.score, CAST(NULL AS STRING)
  FROM `{{dataset}}.screenings` AS s, UNNEST(s.policies) AS p
  WHERE s.run = @run AND s.created_at = @at AND s.decision_id = @decision
    AND p.policy_id = @policy
  QUALIFY ROW_NUMBER() OVER (ORDER BY s.screened_at) = 1
)
SELECT m.*, l.label, l.machine_label, l.policy_version AS version_now
FROM made AS m
LEFT JOIN `{{dataset}}.labels` AS l
  ON l.topic = m.topic AND l.`partition` = m.`partition` AND l.`offset` = m.`offset`
  AND l.run = @run AND l.created_at = @at AND l.policy_id = @policy
"""  # noqa: S608 - our names
# The text of a post is with each of its verdicts, whichever policy it is by.
_TEXT = """
SELECT text, attributes
FROM `{dataset}.verdicts`
WHERE run = @run AND created_at = @at AND topic = @topic AND `partition` = @partition
  AND `offset` = @offset AND text IS NOT NULL
ORDER BY judged_at LIMIT 1
"""
_REVIEWS = """
SELECT
  topic, `partition`, `offset`, policy_version, human_verdict, reviewer, reviewed_at, note
FROM `{dataset}.latest_reviews`
WHERE run = @run AND created_at = @at AND policy_id = @policy
ORDER BY reviewed_at
"""
# The version that judged last is the one in force; the policies in a folder may be another job's.
_POLICIES = """
WITH wanted AS (
  SELECT @shown AS policy_version, FALSE AS in_force
  UNION ALL
  (
    SELECT policy_version, TRUE
    FROM `{dataset}.verdicts`
    WHERE run = @run AND policy_id = @policy AND created_at >= @since
    ORDER BY judged_at DESC, policy_version
    LIMIT 1
  )
),
known AS (
  SELECT
    policy_version, MAX(title) AS title, MAX(text) AS text, MAX(rules) AS rules
  FROM `{dataset}.policies`
  WHERE policy_id = @policy
  GROUP BY policy_version
)
SELECT w.policy_version, w.in_force, k.title, k.text, k.rules
FROM wanted AS w
LEFT JOIN known AS k ON k.policy_version = w.policy_version
"""


@dataclass(frozen=True)
class PolicyText:
    """A version of a policy as it was recorded; ``text`` is None where no such row was kept."""

    version: str
    title: str | None
    text: str | None
    rules: Mapping[str, str]


@dataclass(frozen=True)
class Standing:
    """A decision; ``made`` is its own row, ``label`` the label of that post and policy now."""

    reference: Reference
    made: Mapping[str, Any]
    label: str | None
    machine_label: str | None
    version_now: str | None  # of the policy, which has judged the post since
    reviews: tuple[Mapping[str, Any], ...]

    @property
    def text(self) -> str | None:
        """Return the post; None where its text was not stored."""
        text = self.made["text"]
        return text if text and is_kept(text) else None

    @property
    def context(self) -> dict[str, Any]:
        """Return what the message held beside the text."""
        try:
            said = json.loads(self.made["attributes"] or "{}")
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}

    @property
    def gone(self) -> str:
        """Return a sentence on a post that its author took back; empty for one that stands."""
        return _GONE.get(self.label or "", "")

    @property
    def judged_since(self) -> bool:
        """Return whether another version of the policy has judged the post since."""
        return bool(self.made["policy_version"]) and self.version_now != self.made["policy_version"]

    def of(self, person: str) -> Mapping[str, Any] | None:
        """Return what a person says of it, of whichever version; None for nothing."""
        return next((each for each in self.reviews if each["reviewer"] == person), None)

    def of_others(self, person: str) -> list[Mapping[str, Any]]:
        """Return what others say of it, the first one first."""
        return [each for each in self.reviews if each["reviewer"] != person]


def look_up(visit: Visit, reference: Reference) -> Standing:
    """Return what is known of a decision. RefusedError where there is none, TablesError."""
    named: dict[str, Any] = {
        "run": visit.run,
        "at": reference.created_at,
        "policy": reference.policy_id,
    }
    # Two questions to BigQuery cost a person the time of one.
    with ThreadPoolExecutor(1) as beside, visit.dataset() as dataset:
        asked = beside.submit(visit.rows, _REVIEWS, **named)
        statement = narrowed(dataset, _DECISION, "run = @run AND created_at = @at")
        rows = dataset.rows(statement, decision=reference.decision_id, **named)
        reviews = asked.result()
    if not rows:
        raise RefusedError(
            f"The run {visit.run!r} has no such decision on that day: it may have been deleted",
            HTTPStatus.NOT_FOUND,
        )
    made = rows[0]
    at = _position(made)
    if made["verdict"] is None:
        place = dict(zip(("topic", "partition", "offset"), at, strict=True))
        made |= next(iter(visit.rows(_TEXT, run=visit.run, at=reference.created_at, **place)), {})
    return Standing(
        reference,
        made,
        made.pop("label"),
        made.pop("machine_label"),
        made.pop("version_now"),
        tuple(each for each in reviews if _position(each) == at),
    )


def _position(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["topic"], row["partition"], row["offset"]


def policy_texts(
    visit: Visit, policy_id: str, shown: str | None, since: datetime
) -> tuple[PolicyText | None, PolicyText | None]:
    """Return the policy as a decision was made by it, and as it is in force. TablesError.

    In force is what judged last, of the posts since then; None where none was. A decision that
    names no version is looked at by the one in force.
    """
    rows = visit.rows(_POLICIES, run=visit.run, policy=policy_id, shown=shown or "", since=since)
    then = {row["in_force"]: _policy_text(row) for row in rows if row["policy_version"]}
    in_force = then.get(True)
    return then.get(False) or in_force, in_force


def _policy_text(row: Mapping[str, Any]) -> PolicyText:
    try:
        rules = json.loads(row["rules"] or "{}")
    except ValueError:
        rules = {}
    return PolicyText(row["policy_version"], row["title"], row["text"], rules)
