"""A run is started by one console: whoever starts it says so first, in the table console_actions.

On one machine a lock keeps a second one out (``processes.py``); rows tell consoles on others.
"""

import hashlib
import json
import socket
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from weir.pipelines.console import actions
from weir.pipelines.console.runs import processes
from weir.pipelines.console.visit import RefusedError, Visit

_REMEMBERED = timedelta(days=30)
# Those of other machines that have begun since the run last came to an end.
_ELSEWHERE = """
SELECT action_id, person, done_at, detail FROM `{dataset}.console_actions`
WHERE DATE(done_at) >= @since AND what = @what AND subject = @subject
  AND JSON_VALUE(detail, '$.machine') != @machine
  AND NOT EXISTS (
    SELECT 1 FROM `{dataset}.runs` AS r WHERE r.run = @run AND r.ended_at >= done_at
  )
ORDER BY done_at DESC LIMIT 20
"""


def claim(
    visit: Visit, what: str, subject: str, run: str, begun: str, at: str, **detail: Any
) -> None:
    """Record that the visitor starts a run here, before it is, from the page at an address.

    ``begun`` is of what it is started from, so that a form that is sent again is recorded once.
    RefusedError where another machine may run it, unless the form says that none does. TablesError.
    """
    before = _elsewhere(visit, what, subject, run)
    if before and visit.form.get("anyway") != "yes":
        raise _started(run, before[0], at)
    here = machine()
    actions.record(
        visit,
        what,
        subject,
        why=visit.form.get("why", ""),
        detail=detail | {"machine": here},
        action_id=hashlib.sha256(f"{what} {subject} {here} {begun}".encode()).hexdigest()[:32],
    )
    # Of two that begin at one moment both see the other's row, or the second does, and is told.
    for row in _elsewhere(visit, what, subject, run):
        if row not in before:
            raise _started(run, row, at)


def machine() -> str:
    """Return where processes of this console keep one another out: a host, and a folder of it."""
    return f"{socket.gethostname()} {processes.base()}"


def _elsewhere(visit: Visit, what: str, subject: str, run: str) -> list[dict[str, Any]]:
    return visit.rows(
        _ELSEWHERE,
        since=(visit.now - _REMEMBERED).date(),
        what=what,
        subject=subject,
        machine=machine(),
        run=run,
    )


def _started(run: str, row: Mapping[str, Any], at: str) -> RefusedError:
    host = str(json.loads(row["detail"])["machine"]).partition(" ")[0]
    return RefusedError(
        f"{row['person']} started {run} on {host} at {row['done_at']:%Y-%m-%d %H:%M} UTC, and no "
        "end of it is stored since: it may run there. Look at it there; where it does not run any "
        "more, say so beside the button",
        HTTPStatus.CONFLICT,
        {f"Back to {run}": at},
    )
