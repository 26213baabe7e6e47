"""Chosen dead letters are sent again: counted first, once for each form, and on record."""

import threading
import time
from collections.abc import Iterable
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from weir.pipelines.chosen_letters import (
    MOST_SECONDS,
    Chosen,
    ChosenReport,
    Redriven,
    redrive_chosen,
    without,
)
from weir.pipelines.console import actions
from weir.pipelines.console.visit import RefusedError, Visit
from weir.pipelines.sent_letters import (
    SENDING,
    SENT,
    Sending,
    action_of,
    letters_back,
    sendings,
    settle,
)
from weir.transforms.kafka.settings import KafkaSettings

# One at a time: who comes second finds what the first has recorded.
_ONE = threading.Lock()


def sent_before(visit: Visit) -> dict[str, Sending]:
    """Return by its id each letter that was sent through the console, and when last. TablesError.

    What a sending chose that was cut short may have been sent: it is among them.
    """
    with visit.dataset() as dataset:
        return _by_letter(sendings(dataset, visit.now))


def sent_for_certain(visit: Visit) -> dict[str, Sending]:
    """Return the same once the topics say what was cut short; stores nothing.

    RefusedError, SourceError, TablesError.
    """
    kafka = brokers(visit)
    with visit.dataset() as dataset:
        found = sendings(dataset, visit.now)
        return _by_letter(settle(dataset, kafka, found, visit.now, store=False))


def doubts_of(found: Iterable[Sending]) -> list[str]:
    """Return why it is not known of some sendings which of their letters are back."""
    return sorted({each.said for each in found if not each.ended})


def _by_letter(found: list[Sending]) -> dict[str, Sending]:
    latest: dict[str, Sending] = {}
    for each in found:
        for letter in each.letters:
            latest.setdefault(letter, each)
    return latest


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

    ``form`` is of the page on which it was decided: what the same one asks for again was done, or
    is gone on with where it was cut short. RefusedError, SourceError, TablesError.
    """
    with _ONE:
        kafka, deadline = brokers(visit), time.monotonic() + MOST_SECONDS
        with visit.dataset() as dataset:
            found = sendings(dataset, visit.now)
            own = next((each for each in found if each.form == form), None)
            if own and own.ended:
                return f"This was sent already, by {own.person}: {own.said}"
            others = [each for each in found if each is not own]
            redriven = letters_back(dataset, kafka, own) if own else Redriven()
            seconds = deadline - time.monotonic()
            others = settle(dataset, kafka, others, visit.now, store=True, seconds=seconds)
        if not redriven.in_time:
            raise RefusedError(
                "It was not seen in time which of these letters are back already: send this again",
                HTTPStatus.SERVICE_UNAVAILABLE,
            )
        if redriven.unknown and not again:
            raise RefusedError(
                f"Of {len(redriven.unknown)} of these letters nobody can tell any more whether "
                "they are back: count those that were sent before as well, to send them again"
            )
        back = redriven.back
        left = without(chosen, back)
        doubts: list[str] = []
        if not again:
            left = without(left, frozenset[str]().union(*(each.letters for each in others)))
            doubts = doubts_of(each for each in others if each.letters & chosen.ids)
        if not (left.ids or back):
            return "; ".join([*doubts, "what was sent before is left out; nothing was sent"])
        sent, said, report = back, f"{len(back)} of these letters are back", {}
        if left.ids:
            # On record before it is done: whoever comes after this was cut short looks what was.
            _record(visit, SENDING, form, subject, left.ids, since=chosen.since.isoformat())
            done = send(visit, left, again=again, dry_run=False)
            sent, report = sent | done.sent, asdict(done.report)
            said = f"{said}; {done}" if back else str(done)
        _record(visit, SENT, form, subject, sent, said=said, report=report)
    return "; ".join([said, *doubts])


def _record(
    visit: Visit, what: str, form: str, subject: str, letters: frozenset[str], **more: Any
) -> None:
    detail = {"form": form, "letters": sorted(letters)} | more
    why, action_id = visit.form.get("why", ""), action_of(what, form)
    actions.record(visit, what, subject, why=why, detail=detail, action_id=action_id)
