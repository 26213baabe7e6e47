"""Which dead letters somebody chose to send back, as rows of the table console_actions say.

A row is stored before letters are sent, and another once they are. Where the second is missing,
whoever sent them may have been cut short: which of them are back is then found on their topics.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from weir.pipelines.bigquery.dataset import Dataset
from weir.pipelines.bigquery.rows import insert_once_into
from weir.pipelines.chosen_letters import MOST_SECONDS, find_redriven
from weir.transforms.kafka.settings import KafkaSettings

SENDING, SENT = "letters-sending", "letters-redrive"  # in the table of changes
_REMEMBERED = timedelta(days=30)
_MOST_SENDINGS = 1_000  # rows that are looked through
# A console looks for letters and sends them for so long; whoever began before was cut short.
_UNDER_WAY = timedelta(seconds=3 * MOST_SECONDS)

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

    ``letters`` are then those that are back, and before that those that were chosen.
    """

    form: str
    person: str
    at: datetime
    letters: frozenset[str]
    said: str
    ended: bool
    since: datetime | None  # before which none of the letters died
    row: Mapping[str, Any]  # of the table, for the one that says that it ended

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
    topics: Collection[str],
    found: Sequence[Sending],
    now: datetime,
) -> list[Sending]:
    """Return the sendings, those that were cut short as what is on the topics says.

    That is stored, so that nobody has to look again. One that may be under way, or whose topics
    could not be looked through in time, stays as it is. TablesError, SourceError.
    """
    settled = []
    for each in found:
        if each.ended or each.is_under_way(now):
            settled.append(each)
            continue
        back, in_time = letters_back(dataset, kafka, topics, each)
        if not in_time:
            settled.append(each)
            continue
        said = f"cut short; {len(back)} of {len(each.letters)} were found on their topics"
        detail = {"form": each.form, "letters": sorted(back), "said": said}
        row = dict(each.row) | {
            "action_id": action_of(SENT, each.form),
            "done_at": now,
            "what": SENT,
            "detail": json.dumps(detail, sort_keys=True),
        }
        insert_once_into(dataset, "console_actions", "action_id", row)
        settled.append(_sending(row, detail))
    return settled


def letters_back(
    dataset: Dataset, kafka: KafkaSettings, topics: Collection[str], sending: Sending
) -> tuple[frozenset[str], bool]:
    """Return which letters of a sending are on their topics since, and whether all was looked at.

    TablesError, SourceError.
    """
    died = (sending.since or sending.at - _REMEMBERED).date()
    rows = dataset.rows(_PLACES, since=died, ids=sorted(sending.letters))
    places = {row["decision_id"]: "{topic}/{partition}/{offset}".format(**row) for row in rows}
    there = sorted({row["topic"] for row in rows} & set(topics))
    back, in_time = find_redriven(kafka, there, frozenset(places.values()), sending.at)
    return frozenset(name for name, place in places.items() if place in back), in_time
