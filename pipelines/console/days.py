"""Days and times as addresses and forms have them; all of them are in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Self

from weir.pipelines.bigquery.dataset import Value
from weir.pipelines.console.visit import RefusedError, address

_YEARS = range(1970, 2101)  # from which anything here can be


def read_day(name: str, said: str) -> date | None:
    """Return a day, or None where nothing is said; RefusedError where it is none."""
    said = said.strip()
    if not said:
        return None
    try:
        day = date.fromisoformat(said)
    except ValueError:
        raise RefusedError(f"{name} is no day such as 2026-03-04") from None
    _require_near(name, day)
    return day


def read_time(name: str, said: str, *, end: bool = False) -> datetime | None:
    """Return a time, or None where nothing is said; RefusedError where it is none.

    Of a day it is the beginning, or the end where the day is the last one meant.
    """
    said = said.strip()
    if not said:
        return None
    try:
        try:
            day = date.fromisoformat(said)
            at = datetime.combine(day, time(), UTC) + timedelta(days=end)
        except ValueError:
            at = datetime.fromisoformat(said)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise RefusedError(
            f"{name} is no day such as 2026-03-04, and no time such as 2026-03-04T12:00"
        ) from None
    _require_near(name, at)
    return at


def read_span(since: str, until: str, now: datetime, days: int) -> tuple[date, date]:
    """Return the first and the last day that are meant: the last so many where none is said.

    RefusedError where one is no day, or the first is after the last.
    """
    last = read_day("until", until) or now.astimezone(UTC).date()
    first = read_day("since", since) or last - timedelta(days=days - 1)
    if first > last:
        raise RefusedError(f"since, {first}, is after until, {last}: nothing is between")
    return first, last


@dataclass(frozen=True)
class Span:
    """Days, both of them meant; the filter of a room adds words, of which an empty one is any."""

    since: date
    until: date

    @classmethod
    def of(cls, said: Mapping[str, str], now: datetime, days: int = 7) -> Self:
        """Return what an address or a form says, else the last so many days. RefusedError."""
        words = {each.name: said.get(each.name, "").strip() for each in fields(cls)}
        since, until = read_span(words.pop("since"), words.pop("until"), now, days)
        return cls(since, until, **words)

    @property
    def said(self) -> dict[str, str]:
        """Return it as it stands in an address."""
        named = vars(self) | {"since": self.since.isoformat(), "until": self.until.isoformat()}
        return {name: value for name, value in named.items() if value}

    def at(self, path: str, **more: str) -> str:
        """Return the address of a page with this filter, or more of one."""
        return address(path, **(self.said | more))

    @property
    def values(self) -> dict[str, Value]:
        """Return it as the parameters of a statement."""
        return dict(vars(self))


@dataclass(frozen=True)
class Place:
    """A row among others, the latest first, behind which a page begins."""

    at: datetime
    id: str

    @classmethod
    def of(cls, said: str) -> Self | None:
        """Return what ``str`` wrote; None where nothing is said. RefusedError."""
        if not said:
            return None
        time_said, _, row_id = said.partition(",")
        at = read_time("after", time_said)
        if at is None or not row_id:
            raise RefusedError("after names no place in the list; begin at its first page")
        return cls(at, row_id)

    def __str__(self) -> str:
        return f"{self.at.isoformat()},{self.id}"


def _require_near(name: str, at: date) -> None:
    if at.year not in _YEARS:
        raise RefusedError(
            f"{name} is outside the years {_YEARS[0]} to {_YEARS[-1]}: nothing is from there"
        )
