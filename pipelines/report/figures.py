"""What the report says, asked of the views: one query a section, each of the days asked for."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.report.stages import Stages, stages
from weir.pipelines.screening.recall import Audited, added_up, audit_days, of_run
from weir.transforms.write.bigquery.sink import BigQuerySettings

# The rows of a statement, to which @run, @mode and @since are bound.
Ask = Callable[[str], list[dict[str, Any]]]

CATEGORIES = 12  # that the report names
EXAMPLES = 3  # of each policy
CHANGES = 8  # of policies
VERSIONS = 6  # of one policy


@dataclass(frozen=True)
class Day:
    """What came in on a day, in posts; ``posts`` is None where cleared ones are not recorded."""

    day: date
    posts: int | None
    escalated: int  # for at least one policy, whatever came of it
    flagged: int  # violating at least one policy


@dataclass(frozen=True)
class PolicyRow:
    """One policy over the days, and how many posts violated it on each of them."""

    policy_id: str
    escalated: int
    audited: int  # drawn at random from what the screen cleared, and judged
    judged: int
    violating: int
    safe: int
    indeterminate: int
    undecided: int
    reviewed: int
    trend: tuple[int, ...]


@dataclass(frozen=True)
class Category:
    """How many violating posts were of a category, or rested on a rule, on each of the days."""

    policy_id: str
    name: str
    posts: int
    trend: tuple[int, ...]


@dataclass(frozen=True)
class Cost:
    """What judging by one policy and model took; tokens are None where they are not counted."""

    policy_id: str
    engine: str
    model: str
    verdicts: int
    from_cache: int
    violating: int
    tokens_in: int | None
    tokens_cached: int | None
    tokens_out: int | None
    tokens_computed: int | None
    latency_ms: float | None  # the median of the slowest day


@dataclass(frozen=True)
class Version:
    """One version of a policy in these days; ``text`` is None where it is not recorded."""

    policy_version: str
    first: datetime
    judged: int
    violating: int
    text: str | None

    @property
    def share(self) -> float:
        """Return how much of what was judged violates."""
        return self.violating / self.judged


@dataclass(frozen=True)
class Cause:
    """Why messages died."""

    stage: str
    reason: str
    policy_id: str | None
    letters: int
    example: str


@dataclass(frozen=True)
class Example:
    """A post that violates, the most certain first."""

    policy_id: str
    content_id: str
    topic: str
    partition: int
    offset: int
    day: date
    language: str | None
    text: str | None
    rationale: str | None
    rules: tuple[str, ...]
    probability: float | None
    decided_by: str


@dataclass(frozen=True)
class Figures:
    """All that a report says of a run."""

    run: str
    mode: str
    first: date
    last: date
    days: tuple[Day, ...]
    policies: tuple[PolicyRow, ...]
    recall: tuple[Audited, ...]
    categories: tuple[Category, ...]
    stages: tuple[Stages, ...]
    costs: tuple[Cost, ...]
    changes: tuple[tuple[str, tuple[Version, ...]], ...]  # of policies with several versions
    causes: tuple[Cause, ...]
    examples: tuple[Example, ...]
    disagreements: int
    reviewed: int

    @property
    def posts(self) -> int | None:
        """Return how many posts came in; None where cleared ones are not recorded."""
        known = [day.posts for day in self.days if day.posts is not None]
        return sum(known) if len(known) == len(self.days) else None

    @property
    def escalated(self) -> int:
        """Return how many posts went to the judge for at least one policy."""
        return sum(day.escalated for day in self.days)

    @property
    def flagged(self) -> int:
        """Return how many posts violate at least one policy."""
        return sum(day.flagged for day in self.days)

    @property
    def dead_letters(self) -> int:
        """Return how many messages, or posts and policies, could not be processed."""
        return sum(cause.letters for cause in self.causes)


def figures(
    settings: BigQuerySettings, run: str, since: date | None, mode: str = "enforce"
) -> Figures | None:
    """Return what is known of a run from a day on; None where no post is. TablesError."""
    with open_dataset(settings) as dataset:

        def ask(sql: str) -> list[dict[str, Any]]:
            return dataset.rows(sql, **of_run(run, since, None), mode=mode)

        days = tuple(Day(**row) for row in ask(_DAYS))
        if not days:
            return None
        calendar = [day.day for day in days]
        (reviews,) = ask(_REVIEWS)
        return Figures(
            run=run,
            mode=mode,
            first=calendar[0],
            last=calendar[-1],
            days=days,
            policies=_policies(ask(_POLICIES), calendar),
            recall=tuple(added_up(audit_days(settings, run, since=since))),
            categories=_categories(ask(_CATEGORIES), calendar),
            stages=stages(ask),
            costs=costs(ask),
            changes=_changes(ask(_CHANGES)),
            causes=causes(ask),
            examples=tuple(
                Example(**row | {"rules": tuple(row["rules"] or ())}) for row in ask(_EXAMPLES)
            ),
            disagreements=reviews["disagreements"],
            reviewed=reviews["reviewed"],
        )


def costs(ask: Ask) -> tuple[Cost, ...]:
    """Return what judging took of the run, mode and days that are asked for."""
    return tuple(Cost(**row) for row in ask(_COSTS))


def causes(ask: Ask) -> tuple[Cause, ...]:
    """Return why messages of the run and days died, the most frequent first."""
    return tuple(Cause(**row) for row in ask(_CAUSES))


def _policies(rows: Iterable[dict[str, Any]], calendar: Sequence[date]) -> tuple[PolicyRow, ...]:
    by_policy: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_policy.setdefault(row["policy_id"], []).append(row)
    summed = (
        "escalated",
        "audited",
        "judged",
        "violating",
        "safe",
        "indeterminate",
        "undecided",
        "reviewed",
    )
    found = (
        PolicyRow(
            policy_id=policy_id,
            trend=_trend({row["day"]: row["violating"] for row in of_policy}, calendar),
            **{name: sum(row[name] for row in of_policy) for name in summed},
        )
        for policy_id, of_policy in by_policy.items()
    )
    return tuple(sorted(found, key=lambda row: (-row.violating, row.policy_id)))


def _categories(rows: Iterable[dict[str, Any]], calendar: Sequence[date]) -> tuple[Category, ...]:
    by_name: dict[tuple[str, str], dict[date, int]] = {}
    for row in rows:
        by_name.setdefault((row["policy_id"], row["name"]), {})[row["day"]] = row["posts"]
    found = (
        Category(policy_id, name, sum(days.values()), _trend(days, calendar))
        for (policy_id, name), days in by_name.items()
    )
    return tuple(sorted(found, key=lambda each: (-each.posts, each.policy_id, each.name)))[
        :CATEGORIES
    ]


def _trend(counts: dict[date, int], calendar: Sequence[date]) -> tuple[int, ...]:
    return tuple(counts.get(day, 0) for day in calendar)


def _changes(rows: Iterable[dict[str, Any]]) -> tuple[tuple[str, tuple[Version, ...]], ...]:
    versions: dict[str, list[Version]] = {}
    for row in rows:
        versions.setdefault(row.pop("policy_id"), []).append(Version(**row))
    changed = [
        (policy_id, tuple(each[-VERSIONS:]))
        for policy_id, each in versions.items()
        if len(each) > 1
    ]
    return tuple(changed[:CHANGES])


_WHERE = "run = @run AND mode = @mode AND day >= @since"
_DAYS = """
SELECT
  day,
  IF(MIN(record_cleared) > 0, CAST(ROUND(SUM(weight)) AS INT64), NULL) AS posts,
  SUM(escalated) AS escalated,
  SUM(flagged) AS flagged
FROM (
  SELECT
    DATE(created_at) AS day, created_at, topic, `partition`, `offset`,
    MAX(weight) AS weight,
    MIN(record_cleared) AS record_cleared,
    MAX(IF(route IN ('escalate', 'forced'), 1, 0)) AS escalated,
    MAX(IF(label = 'violates', 1, 0)) AS flagged
  FROM `{dataset}.decisions`
  WHERE run = @run AND mode = @mode AND DATE(created_at) >= @since
  GROUP BY day, created_at, topic, `partition`, `offset`
) AS posts
GROUP BY day ORDER BY day
"""
_POLICIES = f"SELECT * FROM `{{dataset}}.daily_rates` WHERE {_WHERE}"  # noqa: S608 - our names
# Where the judge's answers name no category but the policy, the rules that they rest on.
_CATEGORIES = """
SELECT l.policy_id, DATE(l.created_at) AS day, name, COUNT(*) AS posts
FROM `{dataset}.decisions` AS l,
  UNNEST(
    IF(COALESCE(l.categories[SAFE_OFFSET(0)], l.policy_id) = l.policy_id, l.rule_ids, l.categories)
  ) AS name
WHERE l.run = @run AND l.mode = @mode AND DATE(l.created_at) >= @since
  AND l.label = 'violates'
GROUP BY l.policy_id, day, name
"""
_COSTS = f"""
SELECT
  policy_id, engine, model,
  SUM(verdicts) AS verdicts,
  SUM(from_cache) AS from_cache,
  SUM(violating) AS violating,
  SUM(tokens_in) AS tokens_in,
  SUM(tokens_cached) AS tokens_cached,
  SUM(tokens_out) AS tokens_out,
  SUM(tokens_computed) AS tokens_computed,
  MAX(median_latency_ms) AS latency_ms
FROM `{{dataset}}.judge_cost` WHERE {_WHERE}
GROUP BY policy_id, engine, model ORDER BY verdicts DESC, policy_id
"""  # noqa: S608 - our names
_CHANGES = f"""
SELECT
  c.policy_id, c.policy_version,
  MIN(c.first_judged_at) AS first,
  SUM(c.judged) AS judged,
  SUM(c.violating) AS violating,
  MAX(p.text) AS text
FROM `{{dataset}}.policy_changes` AS c
LEFT JOIN (
  SELECT policy_version, MAX(text) AS text FROM `{{dataset}}.policies` GROUP BY policy_version
) AS p ON p.policy_version = c.policy_version
WHERE {_WHERE}
GROUP BY c.policy_id, c.policy_version ORDER BY c.policy_id, first
"""  # noqa: S608 - our names
_CAUSES = """
SELECT stage, reason, policy_id, SUM(letters) AS letters, MIN(example) AS example
FROM `{dataset}.dead_letter_causes`
WHERE run = @run AND day >= @since
GROUP BY stage, reason, policy_id ORDER BY letters DESC, reason LIMIT 20
"""
_EXAMPLES = f"""
SELECT
  policy_id, content_id, topic, `partition`, `offset`,
  DATE(created_at) AS day, language, text, rationale, rule_ids AS rules, probability,
  decided_by
FROM `{{dataset}}.labels`
WHERE run = @run AND mode = @mode AND DATE(created_at) >= @since
  AND label = 'violates' AND verdict IS NOT NULL
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY policy_id ORDER BY probability DESC, created_at, decision_id
) <= {EXAMPLES}
ORDER BY policy_id, probability DESC, created_at
"""  # noqa: S608 - our names
_REVIEWS = """
SELECT
  SUM(IF(human_verdict IS NOT NULL, 1, 0)) AS reviewed,
  (SELECT COUNT(*) FROM `{dataset}.disagreements`
    WHERE run = @run AND mode = @mode AND day >= @since) AS disagreements
FROM `{dataset}.labels`
WHERE run = @run AND mode = @mode AND DATE(created_at) >= @since
"""
