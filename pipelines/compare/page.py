"""A comparison as one page of HTML: it loads nothing and runs nothing."""

from weir.pipelines.compare.rows import Compared
from weir.pipelines.compare.wording import (
    COLUMNS,
    COST_COLUMNS,
    cost_cells,
    decision_in_words,
    figures,
    judgement_in_words,
    slice_in_words,
)
from weir.pipelines.pages import render


def page(found: Compared) -> str:
    """Return the page; whatever a post or a rationale holds, it is text there."""
    sides = zip((found.a, found.b), found.counted.costs, strict=True)
    return render(
        "weir.pipelines.compare",
        "page.html",
        {},
        found=found,
        sentences=list(slice_in_words(found)),
        words=judgement_in_words(found),
        changes=found.changes,
        columns=COLUMNS,
        figures=figures,
        cost_columns=COST_COLUMNS,
        costs=[cost_cells(side.name, cost) for side, cost in sides],
        said=decision_in_words,
    )
