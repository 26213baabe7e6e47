"""The page of a comparison, as ``weir compare`` makes it."""

from weir.pipelines.compare.rows import compare_sides
from weir.pipelines.compare.wording import (
    COLUMNS,
    COST_COLUMNS,
    cost_cells,
    decision_in_words,
    figures,
    judgement_in_words,
    slice_in_words,
)
from weir.pipelines.console.days import read_time
from weir.pipelines.console.visit import RefusedError, Shown, Visit

MOST_FLIPS = 50  # on a page
MOST_GROUPS = 30  # of a breakdown


def show_comparison(visit: Visit) -> Shown:
    """Return the form that names two sides, and the part that compares them."""
    asked = {name: visit.query.get(name, "").strip() for name in _NAMES}
    return Shown("runs/compare.html.j2", {"asked": asked})


def show_compared(visit: Visit) -> Shown:
    """Return what two runs, or policy versions, decide differently. OptionError, TablesError."""
    asked = {name: visit.query.get(name, "").strip() for name in _NAMES}
    if not asked["run"] or not asked["other"]:
        raise RefusedError("Name two runs, or two versions of a policy")
    found = compare_sides(
        visit.setup.bigquery,
        asked["run"],
        asked["other"],
        since=read_time("since", asked["since"]),
        until=read_time("until", asked["until"]),
        policy_id=asked["policy"] or None,
        most=MOST_FLIPS,
        max_bytes=visit.setup.max_bytes,
    )
    sides = zip((found.a, found.b), found.counted.costs, strict=True)
    total = found.counted.total
    values = {
        "asked": asked,
        "found": found,
        "total": total.flips,
        "sentences": list(slice_in_words(found)),
        "words": judgement_in_words(found),
        "columns": COLUMNS,
        "figures": figures,
        "breakdowns": [each for each in found.counted.breakdowns if len(each.groups) > 1],
        "most_groups": MOST_GROUPS,
        "cost_columns": COST_COLUMNS,
        "costs": [cost_cells(side.name, cost) for side, cost in sides],
        "decision": decision_in_words,
    }
    return Shown("runs/compared.html.j2", values)


_NAMES = ("run", "other", "policy", "since", "until")
