"""What pages look like: templates of this package, of which every value is escaped."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from weir.pipelines.console.people import Role
from weir.pipelines.console.visit import address
from weir.transforms.text.hidden import visible


def fill(name: str, values: Mapping[str, Any], *, bare: bool, **shared: Any) -> str:
    """Return a template by its name, such as ``now/now.html.j2``, filled in.

    ``bare`` is the content alone, without what is around every page.
    """
    layout = "layout/bare.html.j2" if bare else "layout/base.html.j2"
    return _environment().get_template(name).render(**values, **shared, layout=layout, bare=bare)


@cache
def _environment() -> Environment:
    made = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FunctionLoader(_source),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "visible": visible,
        "count": count,
        "counted": counted,
        "share": share,
        "pace": pace,
        "moment": moment,
        "ago": ago,
        "short_id": short_id,
    }
    made.globals |= {"address": address, "Role": Role}
    return made


def _source(name: str) -> str | None:
    file = files("weir.pipelines.console").joinpath(name)
    return file.read_text("utf-8") if file.is_file() else None


def count(number: float | None) -> str:
    """Return a number with separators, and a dash where it is not known."""
    return "–" if number is None else f"{number:,.0f}"


def counted(number: float, noun: str) -> str:
    """Return a number with what it counts, in the plural unless it is one."""
    said = count(number)
    return f"{said} {noun}" if said == "1" else f"{said} {noun}s"


def pace(number: float, seconds: float) -> tuple[str, str]:
    """Return how many posts came in a second, or in the smallest unit that some came in, and it."""
    for size, unit in ((1, "second"), (60, "minute")):
        if number * size / seconds >= 0.1:
            return f"{number * size / seconds:,.1f}", f"posts a {unit}"
    return f"{number * 3600 / seconds:,.1f}", "posts an hour"


def share(number: float | None, digits: int = 1) -> str:
    """Return a share in percent, and a dash where it is not known."""
    return "–" if number is None else f"{number:.{digits}%}"


def moment(at: datetime | date | None) -> str:
    """Return a time to the second, in UTC, and a dash where there is none."""
    if at is None:
        return "–"
    if not isinstance(at, datetime):
        return at.isoformat()
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def ago(at: datetime | None, now: datetime) -> str:
    """Return how long ago a time was, in its largest unit."""
    if at is None:
        return "never"
    seconds = max((now - at).total_seconds(), 0.0)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def short_id(identity: str) -> str:
    """Return the beginning of an id, enough to tell it by."""
    return identity if len(identity) <= 12 else f"{identity[:12]}…"
