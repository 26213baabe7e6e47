"""Days and times as addresses and forms have them; all of them are in UTC."""

from datetime import UTC, date, datetime, time, timedelta

from weir.pipelines.console.visit import RefusedError

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


def _require_near(name: str, at: date) -> None:
    if at.year not in _YEARS:
        raise RefusedError(
            f"{name} is outside the years {_YEARS[0]} to {_YEARS[-1]}: nothing is from there"
        )
