"""A time as some system writes it: read where it means one moment, and not guessed at elsewhere."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
EARLIEST = 0
LATEST = (datetime(2100, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND  # exclusive

# Fewer seconds may well be days since 1970, as change data capture has them, or a day's date.
FEWEST_SECONDS = 10**8  # in March 1973
_LONGEST = 100  # characters


class NumberLong(msgspec.Struct, gc=False):
    """A long integer in MongoDB's extended JSON."""

    number: str | int | None = msgspec.field(name="$numberLong", default=None)


class Date(msgspec.Struct, gc=False):
    """A date in MongoDB's extended JSON: ISO 8601, or milliseconds since 1970."""

    date: str | int | NumberLong | None = msgspec.field(name="$date", default=None)


Time = str | int | float | list[int] | Date | None

_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?:\s?(?P<half>[AP])\.?M\b\.?)?"
)
# An offset is enough: the name behind it (`[Europe/Paris]`) adds nothing.
_ZONE = (
    r"(?:\s?(?P<zone>Z|(?:UTC|GMT|UT)?[+-]\d\d(?::?\d\d)?|UTC|GMT|UT)"
    r"(?:\[[\w/+-]+\]|\s\([\w ]+\)|\s[A-Z]{3,4})?)?"
)
_DAY_NAME = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},?\s+)?"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<month>(?:{'|'.join(_MONTHS)})[a-z]{{0,6}})\.?"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE | re.ASCII)
    for form in (
        # ISO 8601, RFC 3339, and what databases make of them.
        rf"(?P<year>\d{{4}})([-/])(?P<month>\d\d)\2(?P<day>\d\d)(?:[T ]{_CLOCK}{_ZONE})?",
        # RFC 2822, HTTP, logs of web servers.
        rf"{_DAY_NAME}(?P<day>\d\d?)[ /-]{_MONTH}[ /-](?P<year>\d{{4}})(?:,?\s+|:){_CLOCK}{_ZONE}",
        # Twitter and `date`: the year comes last.
        rf"{_DAY_NAME}{_MONTH}\s+(?P<day>\d\d?)\s+{_CLOCK}{_ZONE}\s+(?P<year>\d{{4}})",
        # JavaScript, and exports for people.
        rf"{_DAY_NAME}{_MONTH}\s+(?P<day>\d\d?),?\s+(?P<year>\d{{4}})(?:,|\sat)?\s+{_CLOCK}{_ZONE}",
    )
)
_DOTNET = re.compile(r"/Date\((\d{1,17})(?:[+-]\d{4})?\)/")
_NUMBER = re.compile(r"\d{9,19}(?:\.\d{0,9})?", re.ASCII)
# Spreadsheets round: 1.73579E+12 is a day, not a moment.
_EXPONENT = re.compile(r"\d\.\d{9,}E\+?\d\d?", re.ASCII | re.IGNORECASE)
_COMPACT = re.compile(r"(?:19|20)\d{12}(?:\d{3})?", re.ASCII)  # YYYYMMDDhhmmss, and milliseconds


def microseconds(value: Time) -> int | None:
    """Return the moment that a value means, in microseconds since 1970; None where it is open.

    Read are ISO 8601 (UTC where it names no zone) and RFC 3339, RFC 2822, the forms of Twitter,
    BigQuery, PostgreSQL, Java, .NET, MongoDB and JavaScript, and numbers since 1970 in seconds,
    milli-, micro- or nanoseconds, told apart by magnitude, as strings too. Not read are days
    without a year, ``01/02/2025``, names of zones but UTC and GMT, and numbers that may be days.
    """
    try:
        micros = _read(value)
    except (ValueError, OverflowError):
        return None
    return micros if micros is not None and EARLIEST <= micros < LATEST else None


def _read(value: Time) -> int | None:
    match value:
        case str():
            return _string(value.strip()) if len(value) <= _LONGEST else None
        case int() | float():
            return _number(value)
        case Date(date=str(written)):
            return _string(written)
        case Date(date=int(millis)) | Date(date=NumberLong(number=int(millis))):
            return millis * 1_000
        case Date(date=NumberLong(number=str(millis))):
            return int(millis) * 1_000
        case [year, month, day, *clock] if len(clock) <= 4:  # Java's: down to nanoseconds
            hour, minute, second, nanos = (*clock, *[0] * (4 - len(clock)))
            time = datetime(year, month, day, hour, minute, second, nanos // 1_000, tzinfo=UTC)
            return (time - EPOCH) // MICROSECOND
    return None


def _number(value: float) -> int | None:
    if not FEWEST_SECONDS <= value < 1e19:
        return None
    if isinstance(value, int) and _COMPACT.fullmatch(str(value)):
        return _compact(str(value))
    if value < 1e11:  # seconds until the year 5138
        return int(value * 1_000_000)
    if value < 1e14:
        return int(value * 1_000)
    return int(value) if value < 1e17 else int(value // 1_000)


def _string(value: str) -> int | None:
    if _NUMBER.fullmatch(value):
        whole, _, fraction = value.partition(".")
        return _number(float(value) if fraction.strip("0") else int(whole))
    if _EXPONENT.fullmatch(value):
        return _number(float(value))
    if dotnet := _DOTNET.fullmatch(value):
        return int(dotnet[1]) * 1_000
    for form in _FORMS:
        if found := form.fullmatch(value):
            return _moment(found.groupdict())
    time = datetime.fromisoformat(value)  # without separators, by weeks
    return ((time if time.tzinfo else time.replace(tzinfo=UTC)) - EPOCH) // MICROSECOND


def _compact(digits: str) -> int:
    time = datetime.strptime(digits[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return (time - EPOCH) // MICROSECOND + int(digits[14:] or 0) * 1_000


def _moment(written: Mapping[str, str | None]) -> int:
    """Return the moment of the parts of a time; ValueError where there is none such."""
    month = str(written["month"])
    named = _MONTHS.index(month[:3].lower()) + 1 if month.isalpha() else int(month)
    day = datetime(int(str(written["year"])), named, int(str(written["day"])), tzinfo=UTC)
    hour, minute, second = (int(written[part] or 0) for part in ("hour", "minute", "second"))
    if half := written["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("no hour of half a day")
        hour = hour % 12 + 12 * (half in "pP")
    end_of_day = (hour, minute, second) == (24, 0, 0)
    if not (hour < 24 or end_of_day) or minute > 59 or second > 60:  # 60: a leap second
        raise ValueError("no time of day")
    clock = timedelta(hours=hour, minutes=minute, seconds=second)
    fraction = int((written["fraction"] or "0").ljust(6, "0")[:6])
    return (day - EPOCH + clock - _offset(written["zone"] or "")) // MICROSECOND + fraction


def _offset(zone: str) -> timedelta:
    digits = re.sub(r"\D", "", zone)
    ahead = timedelta(hours=int(digits[:2] or 0), minutes=int(digits[2:] or 0))
    timezone(ahead)  # ValueError for a day and more
    return -ahead if "-" in zone else ahead
