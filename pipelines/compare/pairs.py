"""The SQL that pairs what two sides decided, and what is asked of the pairs."""

from dataclasses import dataclass
from importlib.resources import files

from weir.pipelines.compare.sides import Side

_COSTS = ("requests", "cached", "tokens_in", "tokens_out")
_SUMS = ", ".join(f"SUM({cost}_{x}) AS {cost}_{x}" for x in "ab" for cost in _COSTS)
_GROUPS = "policy_id, label_a, label_b, category, language_band, length_band, score_band"
CELLS = f"SELECT {_GROUPS}, COUNT(*) AS posts, {_SUMS} FROM described GROUP BY {_GROUPS}"  # noqa: S608 - constants above
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
  label_a, label_b, decision_id_a, decision_id_b, probability_a, probability_b,
  rule_ids_a, rule_ids_b,
  rationale_a, rationale_b, reason_a, reason_b
FROM described
WHERE (label_a = 'violates' AND label_b IN ('safe', 'cleared'))
  OR (label_b = 'violates' AND label_a IN ('safe', 'cleared'))
ORDER BY
  LEAST(certainty_a, certainty_b) DESC, certainty_a + certainty_b DESC,
  topic, `partition`, `offset`, policy_id
LIMIT @most
"""


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
    folder = files("weir.pipelines.compare")
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
