"""What waits for a person, in which order; each question reads the days that it is asked for.

A queue has an order of its own for each person, so that two who work at once seldom meet, and a
place in it is a text: the next posts are those behind a place, whatever was decided or skipped.
The view labels would be made for every post of the days, to find twenty: so it is made of the posts
alone that a small table names, and for ever earlier days until there are enough.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any

from weir.pipelines.bigquery.dataset import Dataset, Value
from weir.pipelines.bigquery.labels import BESIDE_VERDICTS, WITHIN, narrowed
from weir.pipelines.console.days import read_day
from weir.pipelines.console.gathering import midnight
from weir.pipelines.console.posts.filters import NAMES, Filter, as_query, read_filter
from weir.pipelines.console.posts.search import with_contents
from weir.pipelines.console.reference import Reference
from weir.pipelines.console.visit import RefusedError, Visit, address
from weir.pipelines.reviews.sample import SAMPLED, STRATUM_MOST
from weir.policies.policy import is_policy_id

AT_ONCE = 20  # posts that one look at a queue fetches
PER_STRATUM = 5  # as weir review export
SECOND_SHARE = 10  # percent
EVER = "1970-01-01"  # no post is earlier
MOST_COUNTED = 1_000  # above which nobody has to know how many wait
# What an address says of a queue; of one by the filters of Posts, these too.
ASKED = ("queue", "run", "policy", "since", "most", "share", "blind")
_PATIENCE = 1.0  # seconds, after which no earlier days are counted
_LAST_DAY = date(2100, 1, 1)  # no post is later

_WAITS = """
FROM `{dataset}.labels`
WHERE run = @run AND created_at >= @begin AND created_at < @end
  AND @policy IN ('', policy_id) AND verdict IS NOT NULL AND human_verdict IS NULL
  AND label NOT IN ('withdrawn', 'superseded')
"""
# One person has decided, of the version that judged, and it is not who asks.
_SECOND = """
FROM (
  SELECT l.decision_id, l.policy_id, l.created_at
  FROM `{dataset}.labels` AS l
  JOIN `{dataset}.latest_reviews` AS r
    ON r.run = l.run AND r.created_at = l.created_at AND r.topic = l.topic
    AND r.`partition` = l.`partition` AND r.`offset` = l.`offset` AND r.policy_id = l.policy_id
  WHERE l.run = @run AND l.created_at >= @begin AND r.run = @run AND r.created_at >= @begin
    AND @policy IN ('', l.policy_id)
    AND l.human_verdict IS NOT NULL AND l.label NOT IN ('withdrawn', 'superseded')
    AND r.reviewers = 1 AND r.reviewer = l.reviewer AND r.reviewer != @person
    AND TO_HEX(MD5(CONCAT('second ', l.decision_id))) < @below
) AS seconds
"""
# What was decided on a post is looked at once, whoever complained about it.
_COMPLAINTS = """
FROM (
  SELECT decision_id, policy_id, created_at, MIN(received_at) AS received_at
  FROM `{dataset}.complaint_outcomes`
  WHERE run = @run AND state = 'open' AND @policy IN ('', policy_id)
  GROUP BY decision_id, policy_id, created_at
) AS complaints
"""
_MISSED = "verdict = 'violates' AND route IN ('audit', 'beside')"


@dataclass(frozen=True)
class Queue:
    """Posts for people; ``rank`` is SQL for a whole number, and what has the least comes first.

    ``among`` is the table whose rows name all posts that may be in it, and which of its rows; it is
    empty where nothing is asked of labels. ``digits`` is how many a rank has at most.
    ``by_day`` says that all of a day come before those of the day before.
    Where ``blind``, the machine's verdict is hidden until the reviewer has decided. ``dated`` says
    that it has posts of the days that are asked for alone. ``without`` are tables that what waits
    does not depend on.
    """

    name: str
    title: str
    about: str
    waiting: str  # SQL, from FROM on
    among: str
    rank: str = "0"
    blind: bool = False
    by_day: bool = True
    digits: int = 2
    dated: bool = True
    without: tuple[str, ...] = ()


QUEUES = (
    Queue(
        "random",
        "Random sample",
        "Drawn by chance from each day, policy and kind of verdict, as weir review export draws "
        "it: what you decide measures the judge, and the audited posts in it live recall. Each "
        "stands for the verdicts of its kind that were not drawn. You decide before you see "
        "what the machine said.",
        SAMPLED,
        "`{dataset}.verdicts` WHERE TRUE",
        "place",
        blind=True,
        by_day=False,
        without=BESIDE_VERDICTS,
    ),
    Queue(
        "disagreement",
        "Screen against judge",
        "Audits found a violation that the screen had cleared, or the screen was more than half "
        "sure and the judge called the post safe. Of each day the widest apart come first.",
        f"{_WAITS} AND ({_MISSED} OR verdict = 'safe' AND score >= 0.5)",
        f"`{{dataset}}.verdicts` WHERE ({_MISSED} OR verdict = 'safe' AND score >= 0.5)",
        f"CAST(FLOOR(10 * IF({_MISSED}, score, 1 - score)) AS INT64)",
        without=BESIDE_VERDICTS,
    ),
    Queue(
        "doubt",
        "In doubt",
        "The judge could not tell, or its probability is between 0.3 and 0.7. Of each day "
        "the nearest to one half come first.",
        f"{_WAITS} AND (verdict = 'indeterminate' OR probability BETWEEN 0.3 AND 0.7)",
        "`{dataset}.verdicts` WHERE (verdict = 'indeterminate' OR probability BETWEEN 0.3 AND 0.7)",
        "CAST(FLOOR(10 * IF(verdict = 'indeterminate', 0, ABS(probability - 0.5))) AS INT64)",
        without=BESIDE_VERDICTS,
    ),
    Queue(
        "second",
        "Second look",
        "A share of what others have decided, drawn by a hash of the decision, so that it is "
        "known how far people agree. You see what the first said once you have decided.",
        _SECOND,
        "`{dataset}.human_labels` WHERE TRUE",
        blind=True,
        by_day=False,
    ),
    Queue(
        "all",
        "All that was judged",
        "Every verdict that nobody has looked at, of each day those that violate first.",
        _WAITS,
        "`{dataset}.verdicts` WHERE TRUE",
        "CASE verdict WHEN 'violates' THEN 0 WHEN 'indeterminate' THEN 1 ELSE 2 END",
        without=BESIDE_VERDICTS,
    ),
    Queue(
        "complaints",
        "Complaints",
        "Decisions that somebody complained about and nobody has settled, of posts of any day, the "
        "earliest complaint first. What you say of the post upholds the decision or overturns it.",
        _COMPLAINTS,
        "",
        "UNIX_MICROS(received_at)",
        by_day=False,
        digits=16,
        dated=False,
    ),
)
# Of what a person looks for in Posts; what asks for it stands in ``Asked.wanted``.
_OF_FILTER = Queue(
    "filter",
    "What was looked for",
    "What the filters of Posts mean, of what was judged and you have not decided on.",
    """
FROM `{dataset}.labels`
WHERE {wanted} AND created_at >= @begin AND created_at < @end AND verdict IS NOT NULL
  AND label NOT IN ('withdrawn', 'superseded') AND COALESCE(reviewer, '') != @person
""",
    "`{dataset}.verdicts` WHERE TRUE",
)
_BY_NAME = {queue.name: queue for queue in (*QUEUES, _OF_FILTER)}


@dataclass(frozen=True)
class Asked:
    """A queue as an address names it; ``share`` is in percent."""

    queue: Queue
    run: str
    since: date
    person: str
    policy: str = ""
    most: int = PER_STRATUM
    share: int = SECOND_SHARE
    blind: bool = False
    wanted: Filter | None = None

    @classmethod
    def of(cls, visit: Visit, queue: str | None = None) -> "Asked":
        """Return what a visit asks for, of this queue or of the one that it names; RefusedError."""
        query = visit.query
        name = queue or query.get("queue", "random")
        if name not in _BY_NAME:
            raise RefusedError(f"There is no such queue; there are {', '.join(_BY_NAME)}")
        # What a complaint is about says what was decided, so nothing of it can be hidden.
        blind = _BY_NAME[name].blind or (query.get("blind") == "1" and name != "complaints")
        if name == "filter":
            found = read_filter(visit)
            day, person = found.since.date(), visit.person.name
            return cls(_OF_FILTER, visit.run, day, person, found.policy, blind=blind, wanted=found)
        if others := [each for each in query if each in NAMES and each not in ASKED]:
            raise RefusedError(f"Only queue=filter is filtered by {others[0]}; {name} is not")
        policy = query.get("policy", "").strip()
        if policy and not is_policy_id(policy):
            raise RefusedError("A policy's id has lower-case letters, digits and hyphens")
        return cls(
            _BY_NAME[name],
            visit.run,
            read_day("since", query.get("since", "")) or visit.first_day,
            visit.person.name,
            policy,
            _whole(query, "most", PER_STRATUM, STRATUM_MOST),
            _whole(query, "share", SECOND_SHARE, 100),
            blind,
        )

    @property
    def query(self) -> dict[str, str | int | None]:
        """Return what an address has to say for it."""
        if self.wanted:
            return {
                "queue": "filter",
                **as_query(self.wanted),
                "blind": "1" if self.blind else None,
            }
        return {
            "queue": self.queue.name,
            "run": self.run,
            "policy": self.policy,
            "since": self.since.isoformat(),
            "most": self.most if self.queue.name == "random" else None,
            "share": self.share if self.queue.name == "second" else None,
            "blind": "1" if self.blind and not self.queue.blind else None,
        }

    @property
    def of_complaints(self) -> bool:
        """Return whether what is decided settles complaints."""
        return self.queue.name == "complaints"

    @property
    def begin(self) -> datetime:
        """Return when the first of its days begins."""
        return self.wanted.since if self.wanted else midnight(self.since)

    def to(self, path: str, **more: str | int | None) -> str:
        """Return the address of a page of this queue."""
        return address(path, **self.query, **more)

    def values(self, dataset: Dataset) -> dict[str, Value | list[str]]:
        """Return what the queue's statements take. TablesError."""
        if self.wanted:
            return with_contents(dataset, self.wanted) | {"person": self.person}
        return {
            "run": self.run,
            "since": self.since,
            "policy": self.policy,
            "person": self.person,
            "most": self.most,
            "again": False,
            "below": hash_below(self.share / 100),
        }


@dataclass(frozen=True)
class Batch:
    """The next posts of a queue, and the place behind the last of them."""

    references: tuple[Reference, ...]
    after: str


@dataclass(frozen=True)
class Waiting:
    """How many wait by policy, of the posts since a day; ``more`` may, of those before it."""

    by_policy: Mapping[str, int]
    since: date
    more: bool


def next_batch(visit: Visit, asked: Asked, after: str = "") -> Batch:
    """Return the first posts behind a place, at most AT_ONCE. TablesError."""
    queue, found = asked.queue, list[dict[str, Any]]()
    by_person = "TO_HEX(MD5(CONCAT(@person, ' ', decision_id, ' ', policy_id)))"
    rank = f"LPAD(CAST(COALESCE({queue.rank}, 99) AS STRING), {queue.digits}, '0')"
    day = f"CAST(DATE_DIFF(DATE '{_LAST_DAY}', DATE(created_at), DAY) AS STRING)"
    with visit.dataset() as dataset:
        values = asked.values(dataset)
        for begin, end in _spans(asked, visit.now.date(), after):
            sql = f"""
SELECT decision_id, policy_id, created_at, place_of_person
FROM (
  SELECT
    decision_id, policy_id, created_at,
    CONCAT({f"LPAD({day}, 5, '0')" if queue.by_day else "''"}, {rank}, {by_person})
      AS place_of_person
  {_waiting(dataset, asked)}
) AS waiting
WHERE place_of_person > @after
ORDER BY place_of_person
LIMIT {AT_ONCE - len(found)}
"""  # noqa: S608 - our names
            found += dataset.rows(sql, **values, begin=begin, end=end, after=after)
            if len(found) == AT_ONCE:
                break
    references = [
        Reference(row["decision_id"], row["policy_id"], row["created_at"]) for row in found
    ]
    return Batch(tuple(references), found[-1]["place_of_person"] if found else after)


def count_waiting(visit: Visit, asked: Asked, clock: Callable[[], float] = monotonic) -> Waiting:
    """Return how many wait by policy, the most first. TablesError.

    Earlier days are left out once MOST_COUNTED are found, or it takes long.
    """
    begun, counted, spans = clock(), Counter[str](), _spans(asked, visit.now.date())
    begin = asked.begin
    with visit.dataset() as dataset:
        values = asked.values(dataset)
        for begin, end in spans:
            sql = f"""
SELECT policy_id, COUNT(*) AS waiting
FROM (SELECT policy_id {_waiting(dataset, asked)}) AS those
GROUP BY policy_id
"""  # noqa: S608 - our names
            rows = dataset.rows(sql, **values, begin=begin, end=end)
            counted.update({row["policy_id"]: row["waiting"] for row in rows})
            if counted.total() >= MOST_COUNTED or clock() - begun > _PATIENCE:
                break
    by_policy = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
    return Waiting(dict(by_policy), begin.date(), more=begin > asked.begin)


def _spans(asked: Asked, today: date, after: str = "") -> Iterator[tuple[datetime, datetime]]:
    """Yield ever longer spans of days, from the newest or that of a place back to the first."""
    if not asked.queue.by_day:
        yield asked.begin, midnight(_LAST_DAY)
        return
    newest = _LAST_DAY - timedelta(days=int(after[:5])) if after else today
    end, days = midnight(newest + timedelta(days=1) if after else _LAST_DAY), 1
    begin = midnight(newest)
    while begin > asked.begin:
        yield begin, end
        begin, end, days = begin - timedelta(days=days), begin, 2 * days
    yield asked.begin, end


def _waiting(dataset: Dataset, asked: Asked) -> str:
    """Return what waits in a queue in a span, as SQL from FROM on."""
    if not asked.queue.among:
        return asked.queue.waiting.replace("{dataset}", dataset.name)
    named = asked.queue.among.replace("{dataset}", dataset.name)
    some = f"{WITHIN} AND content_id IN (SELECT content_id FROM {named} AND {WITHIN})"  # noqa: S608 - our names
    wanted = asked.wanted.on_labels() if asked.wanted else ""
    waiting = asked.queue.waiting.replace("{wanted}", wanted)
    return narrowed(dataset, waiting, some, asked.queue.without)


def hash_below(share: float) -> str:
    """Return what the hexadecimal hashes of this share of all ids are below."""
    return "g" if share >= 1 else f"{int(share * 2**32):08x}"


def is_for_second(decision_id: str, share: float) -> bool:
    """Return whether a decision is among the share that a second person looks at."""
    hashed = hashlib.md5(f"second {decision_id}".encode(), usedforsecurity=False).hexdigest()
    return hashed < hash_below(share)


def _whole(query: Mapping[str, Any], name: str, usual: int, most: int) -> int:
    said = query.get(name, "").strip()
    if not said:
        return usual
    if not (said.isascii() and said.isdecimal() and 1 <= int(said[:6]) <= most):
        raise RefusedError(f"{name} is a whole number from 1 to {most}")
    return int(said)
