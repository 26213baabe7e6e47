"""Chosen dead letters are sent again: counted first, once for each form, and on record."""

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from weir.pipelines.chosen_letters import Chosen, ChosenReport, redrive_chosen, without
from weir.pipelines.console import actions
from weir.pipelines.console.visit import RefusedError, Visit
from weir.transforms.kafka.settings import KafkaSettings

WHAT = "letters-redrive"  # in the table of changes
_REMEMBERED = timedelta(days=30)
_MOST_SENDINGS = 500  # sendings that are looked through
# One at a time: the second of a double click finds what the first has recorded.
_ONE = threading.Lock()

_SENT = """
SELECT done_at, person, detail FROM `{dataset}.console_actions`
WHERE DATE(done_at) >= @since AND what = @what
ORDER BY done_at DESC LIMIT @most
"""


@dataclass(frozen=True)
class Sending:
    """Letters that were sent through the console."""

    form: str
    person: str
    at: datetime
    letters: frozenset[str]
    said: str


def sendings(visit: Visit) -> list[Sending]:
    """Return what was sent through the console in the last month, the latest first. TablesError."""
    since = (visit.now - _REMEMBERED).date()
    rows = visit.rows(_SENT, since=since, what=WHAT, most=_MOST_SENDINGS)
    return [_sending(row, json.loads(row["detail"] or "{}")) for row in rows]


def _sending(row: Mapping[str, Any], detail: Mapping[str, Any]) -> Sending:
    return Sending(
        str(detail.get("form", "")),
        row["person"],
        row["done_at"],
        frozenset(detail.get("letters", ())),
        str(detail.get("said", "")),
    )


def sent_before(visit: Visit) -> dict[str, Sending]:
    """Return by its id each letter that was sent through the console, and when last."""
    found: dict[str, Sending] = {}
    for each in sendings(visit):
        for letter in each.letters:
            found.setdefault(letter, each)
    return found


def brokers(visit: Visit) -> KafkaSettings:
    """Return how Kafka is reached; RefusedError where the console does not know."""
    if visit.setup.kafka is None:
        raise RefusedError(
            "Letters are on a topic, and this console knows no brokers: start it with --brokers "
            "HOST:PORT"
        )
    return visit.setup.kafka


def send(visit: Visit, chosen: Chosen, *, again: bool, dry_run: bool) -> ChosenReport:
    """Send chosen letters, or count what would be sent. RefusedError, SourceError."""
    kafka = brokers(visit)
    if not visit.setup.topics:
        raise RefusedError(
            "Letters go back only to topics that the console was told of: start it with --topics"
        )
    return redrive_chosen(
        kafka,
        visit.setup.dead_letter_topic,
        visit.setup.topics,
        chosen,
        again=again,
        dry_run=dry_run,
    )


def send_once(visit: Visit, form: str, chosen: Chosen, subject: str, *, again: bool) -> str:
    """Send what was not sent before, record it, and return in words what became of it.

    ``form`` is of the page on which it was decided: what the same one asks for again was done.
    RefusedError, SourceError, TablesError.
    """
    with _ONE:
        earlier = sendings(visit)
        for each in earlier:
            if each.form == form:
                return f"This was sent already, by {each.person}: {each.said}"
        before = frozenset[str]().union(*(each.letters for each in earlier))
        left = chosen if again else without(chosen, before)
        if not left.ids:
            return "All of these letters were sent before; nothing was sent"
        report = send(visit, left, again=again, dry_run=False)
        detail = {
            "form": form,
            "letters": sorted(report.sent),
            "said": str(report),
            "report": asdict(report.report),
        }
        actions.record(visit, WHAT, subject, why=visit.form.get("why", ""), detail=detail)
    return str(report)
