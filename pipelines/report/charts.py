"""The geometry of the report's charts, in units of an SVG's view box; the template draws it.

Hand-made because there are three of them: a plotting library would bring 50 MB, scripts, or colours
that know nothing of dark mode and paper.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

WIDTH, HEIGHT = 640.0, 200.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 48.0, 4.0, 10.0, 26.0
_WIDEST = 48.0  # a column
_LABELS = 8  # days that are named


@dataclass(frozen=True)
class Bar:
    """A rectangle; ``kind`` is the class that colours it, ``title`` what it says to a pointer."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True)
class Mark:
    """A word beside an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Columns:
    """Stacked columns, one a day."""

    bars: tuple[Bar, ...]
    days: tuple[Mark, ...]
    lines: tuple[Mark, ...]


def columns(days: Sequence[date], stacks: Sequence[tuple[str, Sequence[int]]]) -> Columns:
    """Return the columns of ``(kind, numbers)`` series, the first of them at the bottom."""
    totals = [sum(numbers) for numbers in zip(*(each for _, each in stacks), strict=True)]
    top = ceiling(max(totals, default=0))
    step = (WIDTH - _LEFT - _RIGHT) / max(len(days), 1)
    width = min(step * 0.7, _WIDEST)
    scale = (HEIGHT - _TOP - _BOTTOM) / top
    bars = []
    for number, day in enumerate(days):
        y = HEIGHT - _BOTTOM
        for kind, numbers in stacks:
            height = numbers[number] * scale
            y -= height
            x = _LEFT + number * step + (step - width) / 2
            title = f"{day:%d %B}: {numbers[number]:,} {kind}"
            bars.append(
                Bar(round(x, 2), round(y, 2), round(width, 2), round(height, 2), kind, title)
            )
    every = math.ceil(len(days) / _LABELS)
    named = [
        Mark(round(_LEFT + (number + 0.5) * step, 2), f"{day.day} {day:%b}")
        for number, day in enumerate(days)
        if number % every == 0
    ]
    lines = [
        Mark(round(HEIGHT - _BOTTOM - value * scale, 2), short(value))
        for value in sorted({0, top // 2, top})
    ]
    return Columns(tuple(bars), tuple(named), tuple(lines))


def ceiling(value: int) -> int:
    """Return the next number of the form 1, 2 or 5 times a power of ten, at least 2."""
    if value <= 2:
        return 2
    power = int(10 ** (len(str(value)) - 1))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value)


def short(value: float) -> str:
    """Return a number in a few characters."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:g}"


def line(numbers: Sequence[float], width: float = 96.0, height: float = 20.0) -> str:
    """Return the points of a small line without axes, as ``points`` of a polyline has them."""
    top = max(numbers, default=0) or 1
    step = (width - 4) / max(len(numbers) - 1, 1)
    points = [
        f"{2 + number * step:.1f},{height - 2 - (height - 4) * value / top:.1f}"
        for number, value in enumerate(numbers)
    ]
    if len(points) == 1:  # one day: as high all along
        points.append(points[0].replace("2.0,", f"{width - 2:.1f},", 1))
    return " ".join(points)
