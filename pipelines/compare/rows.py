"""What BigQuery knows of two sides: cells of like pairs, and the flipped posts."""

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

from google.cloud import bigquery

from pipelines.compare.cells import Cell, Cost, Counted
from pipelines.compare.sides import Side, Window, find_side, window_of
from pipelines.failures import OptionError
from pipelines.queries import execute
from pipelines.tables import explained
from transforms.write.bigquery import BigQuerySettings

_COSTS = ("requests", "cached", "tokens_in", "tokens_out")
_SUMS = ", ".join(f"SUM({cost}_{x}) AS {cost}_{x}" for x in "ab" for cost in _COSTS)
_GROUPS = "policy_id, label_a, label_b, category, language_band, length_band, score_band"
CELLS = f"SELECT {_GROUPS}, COUNT(*) AS posts, {_SUMS} FROM described GROUP BY {_GROUPS}"  # noqa: S608
_CONDITIONS = {
    "run": " AND run = @run_{x}",
    "version": " AND policy_version = @version_{x}",
    "policy": " AND policy_id = @policy_{x}",
}
_SHADOWS = "\n      AND (mode != 'shadow' OR policy_id NOT IN (SELECT policy_id FROM {x}_counting))"
POSTS = """
SELECT in_a, in_b, COUNT(*) AS posts
FROM (
  SELECT
    topic, `partition`, `offset`,
    MAX(IF(label_a IS NULL, 0, 1)) AS in_a, MAX(IF(label_b IS NULL, 0, 1)) AS in_b
  FROM pairs
  GROUP BY topic, `partition`, `offset`
)
GROUP BY in_a, in_b
"""
FLIPS = """
SELECT
  topic, `partition`, `offset`, content_id, created_at, policy_id, text, score,
  label_a, label_b, probability_a, probability_b, rule_ids_a, rule_ids_b,
  rationale_a, rationale_b, reason_a, reason_b
FROM described
WHERE (label_a = 'violates' AND label_b IN ('safe', 'cleared'))
  OR (label_b = 'violates' AND label_a IN ('safe', 'cleared'))
ORDER BY
  LEAST(certainty_a, certainty_b) DESC, certainty_a + certainty_b DESC,
  topic, `partition`, `offset`, policy_id
LIMIT @most
"""
MOST_FLIPS = 1_000_000


@dataclass(frozen=True)
class Decided:
    """What one side decided of a post, and why."""

    label: str
    probability: float | None
    rule_ids: tuple[str, ...]
    rationale: str | None
    reason: str | None


@dataclass(frozen=True)
class Flip:
    """A post that one side flags and the other lets pass."""

    topic: str
    partition: int
    offset: int
    content_id: str
    created_at: datetime
    policy_id: str
    text: str | None  # where neither side stored it
    score: float | None
    a: Decided
    b: Decided


@dataclass(frozen=True)
class Posts:
    """How many posts both sides have in the window, and one of them only."""

    both: int
    only_a: int
    only_b: int


@dataclass(frozen=True)
class Compared:
    """Two sides over the same time."""

    a: Side
    b: Side
    window: Window
    posts: Posts
    counted: Counted
    flips: tuple[Flip, ...]  # the most confident disagreements first, as many as were asked for


def compared(
    settings: BigQuerySettings,
    name_a: str,
    name_b: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    policy_id: str | None = None,
    most: int = MOST_FLIPS,
) -> Compared:
    """Return what two sides decided of the posts of a time; OptionError, TablesError.

    The time is that of the days that both have, where ``since`` and ``until`` say nothing else.
    """
    if name_a == name_b:
        raise OptionError(f"Both sides are {name_a!r}; name two runs or policy versions")
    dataset = f"{settings.project}.{settings.dataset}"
    with explained(settings), closing(settings.client()) as client:
        a, b = find_side(client, dataset, name_a), find_side(client, dataset, name_b)
        window = window_of(a, b, since, until)
        query = _Query(client, dataset, pairs_of(a, b, policy_id), window)
        counted = Counted(tuple(_cell(row) for row in query.rows(CELLS)))
        if not counted.compared:
            raise OptionError(
                f"{a.name} and {b.name} have no post and policy in common from "
                f"{window.since:%Y-%m-%d %H:%M} to {window.until:%Y-%m-%d %H:%M} UTC; give others, "
                "or another --from, --to or --policy"
            )
        posts = _posts(query.rows(POSTS))
        flips = tuple(_flip(row) for row in query.rows(FLIPS, most=most))
    return Compared(a, b, window, posts, counted, flips)


@dataclass(frozen=True)
class Pairs:
    """The SQL of two sides' pairs, to go before a query, and the values it asks for by name.

    ``{dataset}`` stays in it; ``since`` and ``until`` are to be given too.
    """

    sql: str
    values: dict[str, str]
    one_policy: bool  # of each side, whatever their names


def pairs_of(a: Side, b: Side, policy_id: str | None) -> Pairs:
    """Return what asks for the pairs of two sides, of one policy or of all.

    Of a version the other side is asked for the same policy, unless it names one itself.
    """
    folder = files("pipelines.compare")
    template = folder.joinpath("side.sql").read_text("utf-8").rstrip()
    sides: list[str] = []
    values: dict[str, str] = {}
    for x, side, other in (("a", a, b), ("b", b, a)):
        named = {
            "run": side.run,
            "version": side.version,
            "policy": policy_id or side.policy_id or other.policy_id,
        }
        given = {name: value for name, value in named.items() if value is not None}
        values |= {f"{name}_{x}": value for name, value in given.items()}
        sides.append(_conditioned(template, side, list(given)).replace("{x}", x))
    pairs = folder.joinpath("pairs.sql").read_text("utf-8")
    one_policy = a.version is not None and b.version is not None
    return Pairs(pairs.replace("{sides}", ",\n".join(sides)), values, one_policy)


def _conditioned(template: str, side: Side, given: list[str]) -> str:
    """Return the SQL of a side with plain comparisons: those can skip what is not read.

    A version is what the judge decided by, so of a version no screening counts.
    """
    of_policy = " AND p.policy_id = @policy_{x}" if "policy" in given else ""
    return (
        template.replace("{of_verdicts}", "".join(_CONDITIONS[name] for name in given))
        .replace("{of_shadows}", "" if side.version else _SHADOWS)
        .replace("{of_screenings}", " AND FALSE" if side.version else _CONDITIONS["run"])
        .replace("{of_policies}", of_policy)
    )


class _Query:
    """Asks for rows over the pairs of two sides."""

    def __init__(self, client: bigquery.Client, dataset: str, pairs: Pairs, window: Window) -> None:
        self._client = client
        self._with = pairs.sql.replace("{dataset}", dataset)
        self._parameters = [
            bigquery.ScalarQueryParameter("since", "TIMESTAMP", window.since),
            bigquery.ScalarQueryParameter("until", "TIMESTAMP", window.until),
            bigquery.ScalarQueryParameter("one_policy", "BOOL", pairs.one_policy),
            *(bigquery.ScalarQueryParameter(n, "STRING", v) for n, v in pairs.values.items()),
        ]

    def rows(self, sql: str, most: int | None = None) -> list[dict[str, Any]]:
        limit = [] if most is None else [bigquery.ScalarQueryParameter("most", "INT64", most)]
        return execute(self._client, self._with + sql, [*self._parameters, *limit])


def _cell(row: dict[str, Any]) -> Cell:
    return Cell(
        row["policy_id"],
        row["label_a"],
        row["label_b"],
        row["category"],
        row["language_band"],
        row["length_band"],
        row["score_band"],
        row["posts"],
        _cost(row, "a"),
        _cost(row, "b"),
    )


def _cost(row: dict[str, Any], x: str) -> Cost:
    return Cost(
        row[f"requests_{x}"] or 0,
        row[f"cached_{x}"] or 0,
        row[f"tokens_in_{x}"],
        row[f"tokens_out_{x}"],
    )


def _posts(rows: list[dict[str, Any]]) -> Posts:
    found = {(row["in_a"], row["in_b"]): row["posts"] for row in rows}
    return Posts(found.get((1, 1), 0), found.get((1, 0), 0), found.get((0, 1), 0))


def _flip(row: dict[str, Any]) -> Flip:
    return Flip(
        row["topic"],
        row["partition"],
        row["offset"],
        row["content_id"],
        row["created_at"],
        row["policy_id"],
        row["text"],
        row["score"],
        _decided(row, "a"),
        _decided(row, "b"),
    )


def _decided(row: dict[str, Any], x: str) -> Decided:
    return Decided(
        row[f"label_{x}"],
        row[f"probability_{x}"],
        tuple(row[f"rule_ids_{x}"] or ()),
        row[f"rationale_{x}"],
        row[f"reason_{x}"],
    )
