"""A comparison on a terminal."""

from collections.abc import Sequence

from rich.markup import escape
from rich.text import Text

from weir.pipelines.commands.terminal import console, plain, print_table
from weir.pipelines.compare.cells import Breakdown
from weir.pipelines.compare.rows import Compared, Decided
from weir.pipelines.compare.wording import (
    COLUMNS,
    COST_COLUMNS,
    cost_cells,
    decision_in_words,
    figures,
    judgement_in_words,
    slice_in_words,
)
from weir.pipelines.word_changes import in_brackets
from weir.transforms.text.hidden import visible

_TEXT, _SAID = 200, 400  # characters of a post and of a rationale
_GROUPS = 15  # of a breakdown


def print_comparison(found: Compared) -> None:
    """Print the figures, then each flipped post with what both sides say of it."""
    counted = found.counted
    _say(f"A is {found.a.name}, B is {found.b.name}: ", *slice_in_words(found))
    _print_figures("decisions of both, with 95 % intervals", "", [figures(counted.total)])
    _say(judgement_in_words(found))
    _print_changes(found)
    transitions = [[a, b, pairs] for (a, b), pairs in counted.transitions.items()]
    sides = [escape(found.a.name), escape(found.b.name)]
    print_table("what became of each label", [*sides, "decisions"], transitions)
    for breakdown in counted.breakdowns:
        _print_breakdown(breakdown)
    costs = [cost_cells(s.name, c) for s, c in zip((found.a, found.b), counted.costs, strict=True)]
    print_table(
        "what judging them cost", COST_COLUMNS, [[escape(cell) for cell in row] for row in costs]
    )
    _print_flips(found)


def _print_breakdown(breakdown: Breakdown) -> None:
    """Print the groups with flips, where there are others to tell them from."""
    flipped = [g for g in breakdown.groups if g.flips.gained + g.flips.lost]
    if len(breakdown.groups) < 2 or not flipped:
        return
    rows = [figures(group) for group in flipped[:_GROUPS]]
    _print_figures(f"by {breakdown.by}", breakdown.by, rows)
    if more := len(flipped) - len(rows):
        _say(f"and {more:,} more with flips; --json and --html have them")
    if others := len(breakdown.groups) - len(flipped):
        _say(f"{others:,} more {'have' if others > 1 else 'has'} no flip")


def _print_figures(title: str, name: str, rows: Sequence[tuple[str, ...]]) -> None:
    print_table(title, (name, *COLUMNS), [[plain(cell, 80) for cell in row] for row in rows])


def _print_flips(found: Compared) -> None:
    flips = found.counted.total.flips
    total = flips.gained + flips.lost
    if not total:
        return
    _say(f"\n{len(found.flips):,} of {total:,} flips, the most confident disagreements first:")
    for flip in found.flips:
        place = plain(f"{flip.topic}/{flip.partition}/{flip.offset}", 80)
        console.print(f"\n  {escape(flip.policy_id)}, {place}", highlight=False)
        text = "(not stored)" if flip.text is None else plain(flip.text, _TEXT)
        console.print(f"    post: {text}", highlight=False, soft_wrap=True)
        for name, decided in ((found.a.name, flip.a), (found.b.name, flip.b)):
            console.print(
                f"    {escape(name)}: {_decided(decided)}", highlight=False, soft_wrap=True
            )


def _print_changes(found: Compared) -> None:
    """Print the passages of the policies that differ, as ``git diff --word-diff`` would."""
    for change in found.changes:
        _say(f"\n{change.policy_id}, from {change.a} to {change.b}:")
        for passage in change.passages:
            _say(visible(in_brackets(passage)).rstrip())
        if not change.passages:
            _say(change.unsaid)


def _decided(decided: Decided) -> str:
    said = plain(decision_in_words(decided), 120)
    return f"{said}: {plain(decided.rationale, _SAID)}" if decided.rationale else said


def _say(*sentences: str) -> None:
    for sentence in sentences:
        console.print(Text(sentence), highlight=False, soft_wrap=True)
