"""The report as a page: figures in, HTML out; whatever comes from a post is escaped."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from weir.pipelines.pages import render
from weir.pipelines.report.charts import columns, line
from weir.pipelines.report.figures import Figures, Version
from weir.pipelines.word_changes import Piece, changed_words, cut
from weir.transforms.judge.exemplar.engine import STAND_IN
from weir.transforms.screen.live_recall import Estimate
from weir.transforms.text.hidden import visible

_DIFF_CHARACTERS = 4_000
_AXIS = 5.0, 150.0  # where 0 % is, and how far 100 % is from it


def page(figures: Figures, made: datetime, *, texts: bool = True) -> str:
    """Return the page; without ``texts`` no post and no rationale is in it."""
    calendar = [day.day for day in figures.days]
    escalated = [day.escalated for day in figures.days]
    cleared = [max((day.posts or 0) - day.escalated, 0) for day in figures.days]
    return render(
        "weir.pipelines.report",
        "report.html.j2",
        _FILTERS,
        it=figures,
        made=made,
        texts=texts,
        tokens=any(cost.tokens_in is not None for cost in figures.costs),
        arrived=columns(calendar, [("escalated", escalated), ("cleared", cleared)]),
        flagged=columns(calendar, [("flagged", [day.flagged for day in figures.days])]),
        changes=[(policy, versions, _changes(versions)) for policy, versions in figures.changes],
    )


def excerpt(text: str, most: int) -> str:
    """Return the beginning of a text; what would command, or turn round the rest, is shown."""
    plain = visible(text).strip()
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def why(rationale: str) -> str:
    """Return a rationale without the stand-in's notice; the judge is named elsewhere."""
    return rationale.removeprefix(STAND_IN)


def count(number: int | None) -> str:
    """Return a number with separators, and a dash where it is not known."""
    return "–" if number is None else f"{number:,}"


def rate(number: float | None) -> str:
    """Return a number for 1,000 posts, and a dash where it is not known."""
    if number is None:
        return "–"
    return f"{number:,.0f}" if number >= 10 or number == 0 else f"{number:.2g}"


def share(part: float, whole: float) -> str:
    """Return a part as a percentage; a dash of nothing."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.2g} %"


def interval(estimate: Estimate) -> str:
    """Return a share with its interval."""
    if estimate.value is None:
        return "unknown"
    return f"{estimate.value:.0%} ({estimate.low:.0%} to {estimate.high:.0%})"


def latency(milliseconds: float) -> str:
    """Return a time in seconds, or in milliseconds where it is short."""
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.3g} s"
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.2g} ms"


def along(share: float) -> str:
    """Return where a share from 0 to 1 is on the axis."""
    start, length = _AXIS
    return f"{start + length * share:.1f}"


def day(when: date) -> str:
    """Return a day in words."""
    return f"{when.day} {when:%B %Y}"


def moment(when: datetime) -> str:
    """Return a time in words."""
    return f"{day(when)}, {when:%H:%M} UTC"


def _changes(versions: Sequence[Version]) -> list[list[Piece]]:
    """Return the passages in which the texts of the last two versions differ."""
    before, after = versions[-2].text, versions[-1].text
    if before is None or after is None:
        return []
    return cut(changed_words(before, after), _DIFF_CHARACTERS)


_FILTERS: dict[str, Callable[..., Any]] = {
    "along": along,
    "count": count,
    "day": day,
    "interval": interval,
    "latency": latency,
    "line": line,
    "moment": moment,
    "rate": rate,
    "share": share,
    "shown": excerpt,
    "why": why,
}
