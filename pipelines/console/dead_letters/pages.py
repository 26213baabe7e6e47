"""The pages of Dead letters."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from http import HTTPStatus

from weir.pipelines.chosen_letters import Chosen, find_letter, without
from weir.pipelines.console.days import Place, read_day, read_time
from weir.pipelines.console.dead_letters.deferred import deferred_of
from weir.pipelines.console.dead_letters.letters import (
    MOST_SENT,
    PAGE,
    Filter,
    causes_of,
    chosen_by_filter,
    chosen_by_id,
    letter_of,
    letters_of,
)
from weir.pipelines.console.dead_letters.message import message_of
from weir.pipelines.console.dead_letters.sending import (
    brokers,
    doubts_of,
    send,
    send_once,
    sent_before,
    sent_for_certain,
)
from weir.pipelines.console.people import Role
from weir.pipelines.console.runs.named import require_run
from weir.pipelines.console.visit import Moved, Page, RefusedError, Shown, Visit
from weir.pipelines.dead_letter_advice import advice_on

_LETTERS = "/dead-letters/letters"
_FIND_SECONDS = 15.0  # for one letter on the topic


def show(visit: Visit) -> Shown:
    """Return why messages died, by cause, day, stage, reason, policy and run."""
    shown = _shown(visit)
    values = {"shown": shown, "found": causes_of(visit, shown), "most": MOST_SENT}
    return Shown("dead_letters/dead_letters.html.j2", values)


def show_letters(visit: Visit) -> Shown:
    """Return a page of the letters of a filter."""
    shown = _shown(visit)
    after = (visit.form or visit.query).get("after", "")
    letters = letters_of(visit, shown, Place.of(after))
    last = letters[PAGE - 1] if len(letters) > PAGE else None
    values = {
        "shown": shown,
        "letters": letters[:PAGE],
        "after": after,
        "next": str(Place(last["died_at"], last["decision_id"])) if last else "",
        "sent": sent_before(visit),
    }
    return Shown("dead_letters/letters.html.j2", values)


def show_letter(visit: Visit) -> Shown:
    """Return one letter, less its message."""
    letter = letter_of(visit, visit.path["decision_id"], _day(visit))
    values = {
        "letter": letter,
        "advice": advice_on(letter["reason"], letter["stage"]),
        "sent": sent_before(visit).get(letter["decision_id"]),
        "topic": visit.setup.dead_letter_topic,
    }
    return Shown("dead_letters/letter.html.j2", values)


def show_message(visit: Visit) -> Shown:
    """Return the message of a letter, from the topic."""
    letter = letter_of(visit, visit.path["decision_id"], _day(visit))
    topic = visit.setup.dead_letter_topic
    chosen = Chosen(frozenset({letter["decision_id"]}), letter["died_at"])
    found = find_letter(brokers(visit), topic, chosen, _FIND_SECONDS)
    if found is None:
        raise RefusedError(
            f"The topic {topic} has this letter no longer, or its run had another dead-letter "
            "topic: retention removes letters there, and the row stays",
            HTTPStatus.NOT_FOUND,
        )
    values = {"letter": letter, "message": message_of(found), "topic": topic}
    return Shown("dead_letters/message.html.j2", values)


def check(visit: Visit) -> Shown:
    """Return what sending the chosen letters would do, and ask whether to."""
    asked = _Asked.of(visit.form, visit.chosen, visit.now)
    chosen = asked.letters(visit)
    sendings = sent_for_certain(visit)
    before = sendings.keys() & chosen.ids
    left = chosen if asked.again else without(chosen, before)
    values = {
        "asked": asked,
        "chosen": sorted(chosen.ids) if not asked.all else (),
        "count": len(chosen.ids),
        "before": len(before),
        "doubts": doubts_of(sendings[each] for each in before),
        "report": send(visit, left, again=asked.again, dry_run=True) if left.ids else None,
        "form": uuid.uuid4().hex,
        "topics": visit.setup.topics,
    }
    return Shown("dead_letters/check.html.j2", values)


def send_chosen(visit: Visit) -> Moved:
    """Send the chosen letters back."""
    form = visit.form.get("form", "")
    if not form:
        raise RefusedError("Count the letters first: choose some in the list")
    asked = _Asked.of(visit.form, visit.chosen, visit.now)
    chosen = asked.letters(visit)
    said = send_once(visit, form, chosen, asked.subject, again=asked.again)
    return Moved(asked.shown.at(_LETTERS), f"{said}.")


def show_deferred(visit: Visit) -> Shown:
    """Return what takes up what waits to be judged."""
    return Shown("dead_letters/deferred.html.j2", {"topic": visit.setup.deferred_topic})


def show_waiting(visit: Visit) -> Shown:
    """Return the part that counts what waits to be judged."""
    return Shown("dead_letters/waiting.html.j2", {"rows": deferred_of(visit)})


def _shown(visit: Visit) -> Filter:
    """Return the filter of an address, or of a form of its letters.

    RefusedError, also for a run that is none.
    """
    shown = Filter.of(visit.form or visit.query, visit.now, visit.setup.days)
    require_run(visit, shown.run)
    return shown


def _day(visit: Visit) -> date:
    found = read_day("day", visit.query.get("day", ""))
    if found is None:
        raise RefusedError("The day on which the letter died is missing: follow the list's link")
    return found


@dataclass(frozen=True)
class _Asked:
    """What a form asks to be sent: the letters of a filter as of a moment, or some by their ids."""

    shown: Filter
    all: bool
    chosen: tuple[str, ...]
    before: datetime
    again: bool
    why: str

    @classmethod
    def of(cls, form: Mapping[str, str], chosen: tuple[str, ...], now: datetime) -> "_Asked":
        return cls(
            Filter.of(form, now),
            form.get("all") == "yes",
            chosen,
            read_time("before", form.get("before", "")) or now,
            form.get("again") == "yes",
            form.get("why", ""),
        )

    def letters(self, visit: Visit) -> Chosen:
        if self.all:
            return chosen_by_filter(visit, self.shown, self.before)
        return chosen_by_id(visit, self.shown, self.chosen)

    @property
    def subject(self) -> str:
        said = [self.shown.run, self.shown.stage, self.shown.reason, self.shown.policy]
        return " ".join(each for each in said if each) or "dead letters"


_ASKED = tuple(each.name for each in fields(Filter))
PAGES = (
    Page("/dead-letters", show, names=_ASKED),
    Page(_LETTERS, show_letters, names=(*_ASKED, "after")),
    Page("/dead-letters/deferred", show_deferred),
    Page("/dead-letters/deferred/waiting", show_waiting),
    Page("/dead-letters/check", check, Role.OPERATOR, changes=True, form=show_letters),
    Page("/dead-letters/send", send_chosen, Role.OPERATOR, changes=True),
    Page("/dead-letters/letters/{decision_id}", show_letter),
    Page("/dead-letters/letters/{decision_id}/message", show_message, Role.REVIEWER),
)
