"""A run is started by one console: whoever starts it says so first, in the table console_actions.

On one machine a lock keeps a second one out (``processes.py``); rows tell consoles on others.
Where nothing was started after all, another row says so: ``run-start-failed`` for ``run-start``.
"""

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from weir.pipelines.bigquery.errors import TablesError
from weir.pipelines.console import actions
from weir.pipelines.console.runs import processes
from weir.pipelines.console.visit import RefusedError, Visit

_REMEMBERED = timedelta(days=30)
# Those of other machines that have begun since the run last came to an end, and did not fail.
_ELSEWHERE = """
SELECT action_id, person, done_at, detail FROM `{dataset}.console_actions` AS claimed
WHERE DATE(done_at) >= @since AND what = @what AND subject = @subject
  AND JSON_VALUE(detail, '$.machine') != @machine
  AND NOT EXISTS (
    SELECT 1 FROM `{dataset}.runs` AS r WHERE r.run = @run AND r.ended_at >= done_at
  )
  AND NOT EXISTS (
    SELECT 1 FROM `{dataset}.console_actions` AS f
    WHERE DATE(f.done_at) >= @since AND f.what = CONCAT(@what, '-failed')
      AND f.subject = @subject AND JSON_VALUE(f.detail, '$.of') = claimed.action_id
  )
ORDER BY done_at DESC LIMIT 20
"""


@contextmanager
def claim(
    visit: Visit, what: str, subject: str, run: str, at: str, **detail: Any
) -> Iterator[None]:
    """Record that the visitor starts a run here, and start it in the block, which may fail.

    RefusedError where another machine may run it, unless the form says that none does; ``at`` is
    the address of its page. TablesError.
    """
    before = _elsewhere(visit, what, subject, run)
    if visit.form.get("anyway") != "yes":
        _require_none(before, run, at)
    here = {"machine": machine()} | ({"anyway": True} if before else {})
    claimed = actions.record(
        visit, what, subject, why=visit.form.get("why", ""), detail=detail | here
    )
    try:
        # Of two that begin at one moment both see the other's row, or the second does, and is told.
        now = _elsewhere(visit, what, subject, run)
        _require_none([row for row in now if row not in before], run, at)
        yield
    except Exception:
        with suppress(TablesError):  # why nothing was started is what has to be told
            actions.record(visit, f"{what}-failed", subject, detail=here | {"of": claimed})
        raise


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


def _require_none(rows: Sequence[Mapping[str, Any]], run: str, at: str) -> None:
    """Raise RefusedError where other machines have begun, with the latest of their rows."""
    if not rows:
        return
    row = rows[0]
    host = str(json.loads(row["detail"])["machine"]).partition(" ")[0]
    raise RefusedError(
        f"{row['person']} started {run} on {host} at {row['done_at']:%Y-%m-%d %H:%M} UTC, and no "
        "end of it is stored since: it may run there. Look at it there; where it does not run any "
        "more, say so beside the button",
        HTTPStatus.CONFLICT,
        {f"Back to {run}": at},
    )
