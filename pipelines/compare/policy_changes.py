"""The words of the policies that two sides decided by, where they are not the same."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from weir.pipelines.bigquery.dataset import Dataset
from weir.pipelines.compare.sides import Side
from weir.pipelines.word_changes import Piece, changed_words, cut

_MOST = 6_000  # characters of one policy's changes

# A run may have decided by several versions; the one that decided most stands for it.
_VERSIONS = """
SELECT v.policy_id, v.policy_version, ANY_VALUE(p.text) AS text
FROM (
  SELECT policy_id, policy_version, COUNT(*) AS decided
  FROM `{dataset}.verdicts`
  WHERE created_at >= @since AND created_at < @until
    AND @run IN ('', run) AND @version IN ('', policy_version) AND @policy IN ('', policy_id)
  GROUP BY policy_id, policy_version
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY policy_id ORDER BY decided DESC, policy_version
  ) = 1
) AS v
LEFT JOIN `{dataset}.policies` AS p ON p.policy_version = v.policy_version
GROUP BY v.policy_id, v.policy_version ORDER BY v.policy_id
"""


@dataclass(frozen=True)
class Version:
    """A version of a policy; the text is None where it is not recorded."""

    policy_version: str
    text: str | None


@dataclass(frozen=True)
class Change:
    """What differs between the versions of a policy that the sides decided most by."""

    policy_id: str
    a: str
    b: str
    passages: tuple[tuple[Piece, ...], ...]  # of the text; none where that is not what differs

    unsaid = "The text is the same, or not recorded: labels, rules, effort or contract differ."


def versions_of(
    dataset: Dataset,
    side: Side,
    since: datetime,
    until: datetime,
    policy_id: str | None,
) -> dict[str, Version]:
    """Return the version of each policy that decided most for a side, by policy."""
    rows = dataset.rows(
        _VERSIONS,
        since=since,
        until=until,
        run=side.run or "",
        version=side.version or "",
        policy=policy_id or side.policy_id or "",
    )
    return {row["policy_id"]: Version(row["policy_version"], row["text"]) for row in rows}


def changes_between(a: Mapping[str, Version], b: Mapping[str, Version]) -> tuple[Change, ...]:
    """Return what changed of each policy that both sides decided by."""
    return tuple(_changes(a, b))


def _changes(a: Mapping[str, Version], b: Mapping[str, Version]) -> Iterable[Change]:
    for policy_id in sorted(a.keys() & b.keys()):
        before, after = a[policy_id], b[policy_id]
        if before.policy_version == after.policy_version:
            continue
        passages = cut(changed_words(before.text or "", after.text or ""), _MOST)
        known = before.text is not None and after.text is not None
        yield Change(
            policy_id,
            before.policy_version,
            after.policy_version,
            tuple(tuple(passage) for passage in passages) if known else (),
        )
