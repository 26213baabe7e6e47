"""The report as a page: figures in, HTML out; whatever comes from a post is escaped."""

import base64
import difflib
import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from weir.pipelines.report.charts import columns, line
from weir.pipelines.report.figures import Figures, Version
from weir.transforms.judge.exemplar.engine import STAND_IN
from weir.transforms.screen.live_recall import Estimate

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_DIFF_LINES = 60
_AXIS = 5.0, 150.0  # where 0 % is, and how far 100 % is from it


def page(figures: Figures, made: datetime, *, texts: bool = True) -> str:
    """Return the page; without ``texts`` no post and no rationale is in it."""
    style = _file("report.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    calendar = [day.day for day in figures.days]
    escalated = [day.escalated for day in figures.days]
    cleared = [max((day.posts or 0) - day.escalated, 0) for day in figures.days]
    return _template().render(
        it=figures,
        made=made,
        texts=texts,
        tokens=any(cost.tokens_in is not None for cost in figures.costs),
        style=Markup(style),  # noqa: S704 - our own file
        style_hash=Markup(f"sha256-{digest}"),  # noqa: S704
        arrived=columns(calendar, [("escalated", escalated), ("cleared", cleared)]),
        flagged=columns(calendar, [("flagged", [day.flagged for day in figures.days])]),
        changes=[(policy, versions, _diff(versions)) for policy, versions in figures.changes],
    )


def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    environment.filters |= {
        "along": along,
        "count": count,
        "day": day,
        "interval": interval,
        "latency": latency,
        "line": line,
        "moment": moment,
        "share": share,
        "shown": shown,
        "why": why,
    }
    return environment.from_string(_file("report.html.j2"))


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def shown(text: str, most: int) -> str:
    """Return the beginning of a text without characters that command or turn round what follows."""
    plain = _CONTROL.sub("", text.encode("utf-8", "replace").decode()).strip()
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def why(rationale: str) -> str:
    """Return a rationale without the stand-in's notice; the judge is named elsewhere."""
    return rationale.removeprefix(STAND_IN)


def count(number: int | None) -> str:
    """Return a number with separators, and a dash where it is not known."""
    return "–" if number is None else f"{number:,}"


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


def _diff(versions: Sequence[Version]) -> list[tuple[str, str]]:
    """Return the lines that the last two versions differ in: +, - or nothing, and the line."""
    before, after = versions[-2].text, versions[-1].text
    if before is None or after is None:
        return []
    return list(_changed(before.splitlines(), after.splitlines()))[:_DIFF_LINES]


def _changed(before: list[str], after: list[str]) -> Iterator[tuple[str, str]]:
    for each in list(difflib.unified_diff(before, after, n=1, lineterm=""))[2:]:
        yield ("", "…") if each.startswith("@@") else (each[0].strip(), each[1:])
