"""The page of a comparison, as ``weir compare`` makes it."""

from http import HTTPStatus

from weir.pipelines.compare.rows import compare_sides
from weir.pipelines.compare.sides import find_side
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
from weir.pipelines.console.runs.named import require_run
from weir.pipelines.console.visit import RefusedError, Shown, Visit
from weir.pipelines.errors import OptionError

COMPARED = ("run", "other", "policy", "since", "until")  # what an address says of it
MOST_FLIPS = 50  # on a page
MOST_GROUPS = 30  # of a breakdown


def show_comparison(visit: Visit) -> Shown:
    """Return the form that names two sides, and the part that compares them."""
    asked = _asked(visit)
    for name in (asked["run"], asked["other"]):
        _require_side(visit, name)
    return Shown("runs/compare.html.j2", {"asked": asked})


def _require_side(visit: Visit, name: str) -> None:
    """Raise RefusedError where a name is that of no run, version or run@version."""
    try:
        require_run(visit, name)
    except RefusedError as refused:
        try:
            with visit.dataset() as dataset:
                find_side(dataset, name)
        except OptionError as error:
            raise RefusedError(str(error), HTTPStatus.NOT_FOUND, refused.ways) from None


def show_compared(visit: Visit) -> Shown:
    """Return what two runs, or policy versions, decide differently. OptionError, TablesError."""
    asked = _asked(visit)
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


def _asked(visit: Visit) -> dict[str, str]:
    return {name: visit.query.get(name, "").strip() for name in COMPARED}
