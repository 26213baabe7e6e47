"""What the screen asked of the judge, what each stage of it saved, and what more recall costs."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from weir.transforms.screen import selectivity
from weir.transforms.screen.selectivity import Selectivity


@dataclass(frozen=True)
class Stages:
    """One policy over the days; what is None is not known, as where no cleared post is recorded.

    ``point`` is how many requests more for 1,000 posts a point of recall more would take, by what
    the file of the screen says of its head.
    """

    policy_id: str
    requests_per_1000: float | None
    saved_by_first_per_1000: float | None
    saved_by_second_per_1000: float | None
    gpu_seconds: float
    gpu_seconds_saved: float | None
    point: float | None


def stages(ask: Callable[[str], list[dict[str, Any]]]) -> tuple[Stages, ...]:
    """Return what is known of each policy, by a function from a query to its rows."""
    (card,) = ask(_CARD) or [{"card": None}]
    heads = curves(card["card"])
    return tuple(
        Stages(
            point=_point(heads.get(row["policy_id"]), row.pop("escalated")),
            **row,
        )
        for row in ask(_STAGES)
    )


def curves(card: str | None) -> Mapping[str, Selectivity]:
    """Return by policy what a recorded card says of heads; nothing where it is no such card."""
    try:
        heads = json.loads(card or "{}").get("selectivity", [])
        return {each.policy_id: each for each in selectivity.from_bytes(json.dumps(heads).encode())}
    except (ValueError, AttributeError, KeyError, TypeError):  # a card that people wrote
        return {}


def _point(head: Selectivity | None, escalated: float | None) -> float | None:
    if head is None or escalated is None:
        return None
    more = head.share_of_a_point(escalated)
    return None if more is None else 1000 * more


# A day of which no cleared post is recorded leaves nothing known of all.
_STAGES = """
SELECT
  policy_id,
  1000 * SUM(requests) / SUM(known_posts) AS requests_per_1000,
  1000 * SUM(saved_by_first) / SUM(known_posts) AS saved_by_first_per_1000,
  1000 * SUM(saved_by_second) / SUM(known_posts) AS saved_by_second_per_1000,
  SUM(gpu_seconds) AS gpu_seconds,
  IF(
    SUM(known_posts) > 0, SUM(gpu_seconds_saved_by_first + gpu_seconds_saved_by_second), NULL
  ) AS gpu_seconds_saved,
  (SUM(requests) - SUM(audits)) / SUM(known_posts) AS escalated
FROM (
  SELECT
    *,
    IF(MIN(COALESCE(posts, 0)) OVER (PARTITION BY policy_id) > 0, posts, NULL) AS known_posts
  FROM `{dataset}.screen_cost`
  WHERE run = @run AND mode = @mode AND day >= @since
) AS days
GROUP BY policy_id ORDER BY requests_per_1000 DESC, policy_id
"""
_CARD = """
SELECT card FROM `{dataset}.screens`
WHERE screen_version = (
  SELECT screen_version FROM `{dataset}.screenings`
  WHERE run = @run AND DATE(created_at) >= @since ORDER BY screened_at DESC LIMIT 1
)
LIMIT 1
"""
