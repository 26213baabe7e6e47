"""Who changed what through the console: a row for each change, in the table console_actions."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from weir.pipelines.bigquery.dataset import Value
from weir.pipelines.bigquery.rows import insert_into, insert_once_into
from weir.pipelines.console.visit import Visit

MOST_WHY = 2_000  # characters of a reason


def record(
    visit: Visit,
    what: str,
    subject: str,
    *,
    why: str = "",
    detail: Mapping[str, Any] | None = None,
    done_at: datetime | None = None,
    action_id: str | None = None,
) -> str:
    """Store that the visitor did something, and return the id of the row. TablesError.

    What may be sent twice gives an ``action_id`` that is the same both times, and is stored once.

    ``what`` is a word with a dash, such as ``policy-promote``; ``subject`` what it was done to, and
    ``detail`` whatever else tells it apart. Nothing of a post's text belongs into any of them.
    """
    row: dict[str, Value | None] = {
        "action_id": action_id or uuid.uuid4().hex,
        "done_at": done_at or visit.now,
        "person": visit.person.name,
        "role": visit.person.role.title,
        "what": what,
        "subject": subject,
        "run": visit.run,
        "why": why.strip()[:MOST_WHY] or None,
        "detail": json.dumps(detail, sort_keys=True, default=str) if detail else None,
    }
    with visit.dataset() as dataset:
        if action_id:
            insert_once_into(dataset, "console_actions", "action_id", row)
        else:
            insert_into(dataset, "console_actions", row)
    return str(row["action_id"])


def id_of(*parts: str) -> str:
    """Return the id of what is told by its parts: the same however often that is sent."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
