"""The rows of console_actions: who did what, when and why."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from weir.pipelines.console.days import Place, Span
from weir.pipelines.console.visit import RefusedError, Visit

PAGE = 100  # changes on a page
DAYS = 30  # that are looked at where nobody says which
_BATCH = 5_000  # rows of a file that are asked for at once
_MOST_DAYS = 3_660
COLUMNS = ("done_at", "person", "role", "what", "subject", "run", "why", "detail", "action_id")


@dataclass(frozen=True)
class Filter(Span):
    """Which changes."""

    person: str = ""
    what: str = ""
    subject: str = ""

    def __post_init__(self) -> None:
        if (self.until - self.since).days >= _MOST_DAYS:
            raise RefusedError(f"from {self.since} to {self.until} is more than ten years")


def rows_of(visit: Visit, wanted: Filter, after: Place | None, most: int) -> list[dict[str, Any]]:
    """Return so many changes after a place at most, the latest first. TablesError."""
    after = after or Place(datetime(9999, 1, 1, tzinfo=UTC), "")
    asked = wanted.values | {"at": after.at, "id": after.id, "most": most}
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
