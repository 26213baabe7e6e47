"""The pages of Changes, and the files of them."""

import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from weir.pipelines.console.changes.rows import (
    COLUMNS,
    DAYS,
    PAGE,
    Filter,
    all_rows,
    kinds_of,
    rows_of,
)
from weir.pipelines.console.days import Place
from weir.pipelines.console.visit import Page, Saved, Shown, Visit
from weir.pipelines.csv_cells import lines


def show(visit: Visit) -> Shown:
    """Return a page of what people did through the console, the latest first."""
    wanted = Filter.of(visit.query, visit.now, DAYS)
    rows = rows_of(visit, wanted, Place.of(visit.query.get("after", "")), PAGE + 1)
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    values = {
        "wanted": wanted,
        "rows": rows[:PAGE],
        "kinds": kinds_of(visit, wanted),
        "after": str(Place(last["done_at"], last["action_id"])) if last else "",
    }
    return Shown("changes/changes.html.j2", values)


def save_csv(visit: Visit) -> Saved:
    """Return all of them as CSV, none of whose cells is a formula."""
    wanted = Filter.of(visit.query, visit.now, DAYS)
    rows = (row | {"done_at": _moment(row)} for row in all_rows(visit, wanted))
    content = (line.encode() for line in lines(COLUMNS, rows))
    return Saved(_name(wanted, "csv"), "text/csv; charset=utf-8", content)


def save_json(visit: Visit) -> Saved:
    """Return all of them as JSON Lines; ``detail`` is an object."""
    wanted = Filter.of(visit.query, visit.now, DAYS)
    return Saved(_name(wanted, "jsonl"), "application/x-ndjson", _json(visit, wanted))


def _json(visit: Visit, wanted: Filter) -> Iterator[bytes]:
    for row in all_rows(visit, wanted):
        detail = json.loads(row["detail"]) if row["detail"] else None
        said = {name: row[name] for name in COLUMNS} | {"done_at": _moment(row), "detail": detail}
        yield json.dumps(said, ensure_ascii=False).encode() + b"\n"


def _moment(row: dict[str, Any]) -> str:
    moment: str = row["done_at"].isoformat()
    return moment


def _name(wanted: Filter, ending: str) -> str:
    return f"weir-changes-{wanted.since}-{wanted.until}.{ending}"


_ASKED = tuple(each.name for each in fields(Filter))
PAGES = (
    Page("/changes", show, names=(*_ASKED, "after")),
    Page("/changes.csv", save_csv, names=_ASKED),
    Page("/changes.jsonl", save_json, names=_ASKED),
)
