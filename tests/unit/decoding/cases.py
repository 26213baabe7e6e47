"""Messages in envelopes, and what the decoder made of them."""

import json
from datetime import UTC, datetime

CREATED = datetime(2026, 11, 1, 10, tzinfo=UTC)
MILLIS = int(CREATED.timestamp() * 1000)


def event(*wrapped, **fields):
    value = fields
    for name in wrapped:
        value = {name: value}
    return json.dumps(value).encode()


def posts(decoded):
    columns = decoded.content.select(["content_id", "text", "created_at", "language"])
    return [tuple(row.values()) for row in columns.to_pylist()]


def ids(decoded):
    return decoded.content["content_id"].to_pylist()


def left_out(decoded):
    return {each.kind: each.rows.tolist() for each in decoded.left_out}


def changes(decoded):
    rows = [] if decoded.changes is None else decoded.changes.to_pylist()
    return [(row["content_id"], row["change"], row["changed_at"]) for row in rows]


def reasons(decoded):
    return [(each.row, each.reason) for each in decoded.failures]
