"""Which dead letters somebody chose to send back, as rows of the table console_actions say.

A row is stored before letters are sent, and another once they are. Where the second is missing,
whoever sent them may have been cut short: which of them are back is then found on their topics.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from weir.pipelines.bigquery.dataset import Dataset
from weir.pipelines.bigquery.rows import insert_once_into
from weir.pipelines.chosen_letters import MOST_SECONDS, Redriven, find_redriven
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.text.hidden import visible

SENDING, SENT = "letters-sending", "letters-redrive"  # in the table of changes
_REMEMBERED = timedelta(days=30)
_MOST_SENDINGS = 1_000  # rows that are looked through
# A console looks for letters and sends them for less; whoever began before was cut short.
_UNDER_WAY = timedelta(seconds=5 * MOST_SECONDS)

_ROWS = """
SELECT done_at, person, role, what, subject, run, why, detail FROM `{dataset}.console_actions`
WHERE DATE(done_at) >= @since AND what IN UNNEST(@what)
ORDER BY done_at DESC LIMIT @most
"""
_PLACES = """
SELECT decision_id, topic, `partition`, `offset` FROM `{dataset}.dead_letters`
WHERE DATE(died_at) >= @since AND decision_id IN UNNEST(@ids)
"""


@dataclass(frozen=True)
class Sending:
    """Letters that somebody chose to send back; ``ended`` tells whether that is known to be done.

    ``letters`` are then those that are back, and before that those that may be: all that were
    chosen or, once all was ``looked`` through, also those of which nobody can tell.
    """

    form: str
    person: str
    at: datetime
    letters: frozenset[str]
    said: str
    ended: bool
    since: datetime | None  # before which none of the letters died
    row: Mapping[str, Any]  # of the table, for the one that says that it ended
    looked: bool = False  # it was cut short, and later nobody will know more

    def is_under_way(self, now: datetime) -> bool:
        """Return whether its sender may still be at it."""
        return not self.ended and now - self.at < _UNDER_WAY


def action_of(what: str, form: str) -> str:
    """Return the id of the row of a form: the same however often that is sent."""
    return hashlib.sha256(f"{what} {form}".encode()).hexdigest()[:32]


def sendings(dataset: Dataset, now: datetime) -> list[Sending]:
    """Return what was chosen and sent in the last month, the latest first. TablesError."""
    since = (now - _REMEMBERED).date()
    rows = dataset.rows(_ROWS, since=since, what=[SENDING, SENT], most=_MOST_SENDINGS)
    found = [_sending(row, json.loads(row["detail"] or "{}")) for row in rows]
    ended = {each.form for each in found if each.ended}
    return [each for each in found if each.ended or each.form not in ended]


def _sending(row: Mapping[str, Any], detail: Mapping[str, Any]) -> Sending:
    since = detail.get("since")
    return Sending(
        str(detail.get("form", "")),
        row["person"],
        row["done_at"],
        frozenset(detail.get("letters", ())),
        str(detail.get("said", "")),
        row["what"] == SENT,
        datetime.fromisoformat(since) if since else None,
        row,
    )


def settle(
    dataset: Dataset,
    kafka: KafkaSettings,
    found: Sequence[Sending],
    now: datetime,
    *,
    store: bool,
    seconds: float = MOST_SECONDS,
) -> list[Sending]:
    """Return the sendings, those that were cut short as what is on the topics says.

    For all of them together it is looked for so many seconds. What is known for certain is stored
    where ``store`` says so, and nobody has to look again. TablesError, SourceError.
    """
    deadline = time.monotonic() + seconds
    return [
        each
        if each.ended
        else _settle_one(dataset, kafka, each, now, deadline - time.monotonic(), store)
        for each in found
    ]


def _settle_one(
    dataset: Dataset,
    kafka: KafkaSettings,
    sending: Sending,
    now: datetime,
    seconds: float,
    store: bool,
) -> Sending:
    since = f"{sending.at:%Y-%m-%d %H:%M} UTC"
    who = f"{visible(sending.person)} began to send letters in the console at {since}"
    if sending.is_under_way(now):
        until = sending.at + _UNDER_WAY
        return replace(sending, said=f"{who}, and may be at it: try again after {until:%H:%M}")
    redriven = Redriven(in_time=False)
    if seconds > 0:
        redriven = letters_back(dataset, kafka, sending, seconds)
    cut_short = f"{who}, and was cut short"
    if not redriven.in_time:
        said = f"{cut_short}; which letters are back was not seen in time: try again"
        return replace(sending, said=said)
    found = f"{len(redriven.back)} of {len(sending.letters)} were found on their topics"
    if redriven.unknown:
        where = ", ".join(sorted(map(visible, set(redriven.unknown.values()))))
        said = (
            f"{cut_short}; {found}, and of {len(redriven.unknown)} nobody can tell: {where} is "
            "gone, holds no longer what came since, or may not be read"
        )
        letters = redriven.back | redriven.unknown.keys()
        return replace(sending, letters=letters, looked=True, said=said)
    detail = {"form": sending.form, "letters": sorted(redriven.back), "said": f"cut short; {found}"}
    row = dict(sending.row) | {
        "action_id": action_of(SENT, sending.form),
        "done_at": now,
        "what": SENT,
        "detail": json.dumps(detail, sort_keys=True),
    }
    if store:
        insert_once_into(dataset, "console_actions", "action_id", row)
    return _sending(row, detail)


def letters_back(
    dataset: Dataset, kafka: KafkaSettings, sending: Sending, seconds: float = MOST_SECONDS
) -> Redriven:
    """Return which letters of a sending are on their topics since, by their ids.

    Nobody can tell of those whose rows are gone, which say where to look. TablesError, SourceError.
    """
    died = (sending.since or sending.at - _REMEMBERED).date()
    rows = dataset.rows(_PLACES, since=died, ids=sorted(sending.letters))
    places = {row["decision_id"]: "{topic}/{partition}/{offset}".format(**row) for row in rows}
    found = find_redriven(kafka, set(places.values()), sending.at, seconds)
    unknown = dict.fromkeys(sending.letters - places.keys(), "their row in dead_letters")
    for name, place in places.items():
        if place in found.unknown:
            unknown[name] = found.unknown[place]
    back = frozenset(name for name, place in places.items() if place in found.back)
    return Redriven(back, unknown, found.in_time)
