"""The rows of console_actions: who did what, when and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from weir.pipelines.bigquery.dataset import Value
from weir.pipelines.console.days import read_span
from weir.pipelines.console.visit import RefusedError, Visit, address

PAGE = 100  # changes on a page
_BATCH = 5_000  # rows of a file that are asked for at once
_DAYS = 30  # that are looked at where nobody says which
_MOST_DAYS = 3_660
COLUMNS = ("done_at", "person", "role", "what", "subject", "run", "why", "detail", "action_id")


@dataclass(frozen=True)
class Filter:
    """Which changes: of these days, both of them in it, and of whatever else is not empty."""

    since: date
    until: date
    person: str = ""
    what: str = ""
    subject: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str], now: datetime) -> "Filter":
        """Return what an address asks for; RefusedError for days that are none."""
        since, until = read_span(query.get("since", ""), query.get("until", ""), now, _DAYS)
        if (until - since).days >= _MOST_DAYS:
            raise RefusedError(f"from since, {since}, to until, {until}, is more than ten years")
        said = {name: query.get(name, "").strip() for name in ("person", "what", "subject")}
        return cls(since, until, **said)

    def to(self, path: str, **more: str) -> str:
        """Return an address under which the same changes are asked for."""
        return address(
            path,
            since=self.since.isoformat(),
            until=self.until.isoformat(),
            person=self.person,
            what=self.what,
            subject=self.subject,
            **more,
        )

    @property
    def values(self) -> dict[str, Value]:
        """Return what a statement is asked with."""
        return dict(vars(self))


@dataclass(frozen=True)
class Place:
    """A change among the others, the latest first."""

    done_at: datetime
    action_id: str

    @classmethod
    def of(cls, text: str) -> "Place | None":
        """Return what ``str`` wrote; None where it is empty. RefusedError."""
        if not text:
            return None
        at, _, action_id = text.partition("~")
        try:
            return cls(datetime.fromisoformat(at).astimezone(UTC), action_id)
        except (ValueError, OverflowError):
            raise RefusedError("after is no place among the changes") from None

    def __str__(self) -> str:
        return f"{self.done_at.isoformat()}~{self.action_id}"


def rows_of(visit: Visit, wanted: Filter, after: Place | None, most: int) -> list[dict[str, Any]]:
    """Return so many changes after a place at most, the latest first. TablesError."""
    after = after or Place(datetime(9999, 1, 1, tzinfo=UTC), "")
    asked = wanted.values | {"at": after.done_at, "id": after.action_id, "most": most}
    return visit.rows(_ROWS, **asked)


def all_rows(visit: Visit, wanted: Filter) -> Iterator[dict[str, Any]]:
    """Yield every change, the latest first. TablesError."""
    after = None
    while found := rows_of(visit, wanted, after, _BATCH):
        yield from found
        if len(found) < _BATCH:
            return
        after = Place(found[-1]["done_at"], found[-1]["action_id"])


def kinds_of(visit: Visit, wanted: Filter) -> list[str]:
    """Return what was done in these days, by its names. TablesError."""
    anything = replace(wanted, person="", what="", subject="")
    return [row["what"] for row in visit.rows(_KINDS, **anything.values)]


_OF_DAYS = "DATE(done_at) BETWEEN @since AND @until"
_ROWS = f"""
SELECT {", ".join(COLUMNS)}
FROM `{{dataset}}.console_actions`
WHERE {_OF_DAYS}
  AND @person IN ('', person) AND @what IN ('', what) AND @subject IN ('', subject)
  AND (done_at < @at OR (done_at = @at AND action_id > @id))
ORDER BY done_at DESC, action_id
LIMIT @most
"""  # noqa: S608 - our names
_KINDS = f"""
SELECT what FROM `{{dataset}}.console_actions`
WHERE {_OF_DAYS} AND @person IN ('', person) AND @what IN ('', what) AND @subject IN ('', subject)
GROUP BY what ORDER BY what LIMIT 200
"""  # noqa: S608 - our names
